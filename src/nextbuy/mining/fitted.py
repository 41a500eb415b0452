"""What AssociationRules knows once fitted: arrays, seen as frames or as the state of a model file."""

from __future__ import annotations

import json
from math import comb
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nextbuy.mining import baskets as basket_lists
from nextbuy.mining import scored
from nextbuy.mining.baskets import Baskets
from nextbuy.mining.parameters import Parameters
from nextbuy.mining.rules import Rules, closed_and_maximal
from nextbuy.mining.sets import Itemsets

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray


class FittedRules(Parameters):
    """The fitted side of `AssociationRules`. Frames and measures are made when first asked for."""

    min_confidence: float
    min_customers: int
    max_consequents: int
    fdr: float | None
    prune: bool
    level: str
    n_orders_: int
    n_customers_: int
    _sets: Itemsets
    _rules: Rules
    _item_ids: pa.Array
    _names: pa.Array | None
    _backend: str
    _least: int
    _total_weight: float | None
    _baskets: Baskets | None
    _cache: dict[str, Any]

    def _fitted(self) -> None:
        if not hasattr(self, "_sets"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("These AssociationRules have not been fitted. Call fit(orders) first.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_sets")

    def _scored(self) -> scored.Scored:
        self._fitted()
        if "scored" not in self._cache:
            bar = scored.Bar(self.min_confidence, self._least, int(self.min_customers), self.fdr, self.prune)
            self._cache["scored"] = scored.score(
                self._sets,
                self._rules,
                n_orders=self.n_orders_,
                n_items=len(self._item_ids),
                total_weight=self._total_weight,
                tests=self._tests(),
                bar=bar,
            )
        found: scored.Scored = self._cache["scored"]
        return found

    def _tests(self) -> int:
        """How many rules the search could have found: splits of all candidate sets."""
        return sum(
            int(n) * sum(comb(k, r) for r in range(1, min(int(self.max_consequents), k - 1) + 1))
            for k, n in enumerate(self._sets.tested.tolist(), start=1)
            if k > 1
        )

    @property
    def rules_(self) -> Any:
        """The rules as a frame; see the class."""
        table = self._scored()
        if "rules" not in self._cache:
            self._cache["rules"] = scored.frame(
                {
                    "antecedent": self._ids_of(table.rules.antecedent),
                    "consequent": self._ids_of(table.rules.consequent),
                    **table.columns,
                },
                self._backend,
            )
        return self._cache["rules"]

    @property
    def n_itemsets_(self) -> int:
        """How many frequent itemsets were found."""
        self._fitted()
        return len(self._sets)

    @property
    def itemsets_(self) -> Any:
        """The frequent itemsets as a frame; see the class."""
        self._fitted()
        if "itemsets" not in self._cache:
            sets = self._sets
            closed, maximal = closed_and_maximal(sets, n_items=len(self._item_ids))
            support = sets.orders / max(self.n_orders_, 1)
            if sets.weight is not None and self._total_weight is not None:
                support = sets.weight / max(self._total_weight, 1e-300)
            self._cache["itemsets"] = scored.frame(
                {
                    "itemset": self._ids_of(np.arange(len(sets))),
                    "length": sets.length,
                    "orders": sets.orders,
                    "customers": sets.customers,
                    "support": support,
                    "closed": closed,
                    "maximal": maximal,
                },
                self._backend,
            )
        return self._cache["itemsets"]

    def _ids_of(self, numbers: NDArray) -> Any:
        """Give the ids of some sets in the backend's way: tuples in pandas, lists elsewhere."""
        if self._backend == "pandas":
            return scored.id_tuples(self._sets, numbers, self._id_list())
        return scored.id_lists(self._sets, numbers, self._item_ids)

    def _id_list(self) -> list[Any]:
        if "ids" not in self._cache:
            self._cache["ids"] = self._item_ids.to_pylist()
        ids: list[Any] = self._cache["ids"]
        return ids

    def _code_of(self, ids: Sequence[Any]) -> NDArray[np.int64]:
        """Codes of a few ids; -1 where unknown. A dictionary answers a basket faster than arrow starts up."""
        if "codes" not in self._cache:
            self._cache["codes"] = {i: n for n, i in enumerate(self._id_list())}
            self._cache["text"] = basket_lists.is_text(self._item_ids)
        known, text = self._cache["codes"], self._cache["text"]
        return np.array([known.get(str(i) if text else i, -1) for i in ids], np.int64)

    def get_state(self, *, with_orders: bool = True) -> dict[str, Any]:
        """Give all that was fitted as flat arrays and scalars, for a model file.

        Parameters
        ----------
        with_orders : bool, default True
            False leaves the item lists out: smaller, but `update` is not possible later.
        """
        self._fitted()
        params = self.get_params()
        state: dict[str, Any] = {
            "n_orders": self.n_orders_,
            "n_customers": self.n_customers_,
            "least": self._least,
            "backend": self._backend,
            "item_ids": self._item_ids,
            "codes": self._sets.codes,
            "offsets": self._sets.offsets,
            "orders": self._sets.orders,
            "customers": self._sets.customers,
            "tested": self._sets.tested,
            "antecedent": self._rules.antecedent,
            "consequent": self._rules.consequent,
            "both": self._rules.both,
        }
        for name in ("antecedents", "consequents"):
            value = params.pop(name)
            if value is not None:
                state[name] = basket_lists.id_array(list(value))
        state["params"] = json.dumps(params, default=lambda value: value.item())
        if self._total_weight is not None:
            state["total_weight"], state["weight"] = self._total_weight, self._sets.weight
        if self._names is not None:
            state["names"] = self._names
        if with_orders and self._baskets is not None:
            state |= self._baskets.state()
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make fitted rules of what `get_state` gave."""
        params = json.loads(state["params"])
        for name in ("antecedents", "consequents"):
            params[name] = state[name].to_pylist() if name in state else None
        new = cls(**params)
        new._sets = Itemsets(
            state["codes"],
            state["offsets"],
            state["orders"],
            state["customers"],
            state.get("weight"),
            state["tested"],
        )
        new._rules = Rules(state["antecedent"], state["consequent"], state["both"])
        new._item_ids, new._names, new._backend = state["item_ids"], state.get("names"), state["backend"]
        new.n_orders_, new.n_customers_ = int(state["n_orders"]), int(state["n_customers"])
        new._least, new._total_weight = int(state["least"]), state.get("total_weight")
        new._baskets = Baskets.from_state(state) if "basket_item" in state else None
        new._cache = {}
        return new
