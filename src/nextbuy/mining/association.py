"""Association rules: what goes with what in one basket."""

from __future__ import annotations

import json
from math import comb
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.mining import baskets as basket_lists
from nextbuy.mining import scored
from nextbuy.mining.baskets import Baskets
from nextbuy.mining.checklist import Checklist, usual_order
from nextbuy.mining.itemsets import Itemsets, Limits, Roles, frequent_itemsets
from nextbuy.mining.parameters import Parameters
from nextbuy.mining.rules import Rules, closed_and_maximal, generate
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.table import Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


class AssociationRules(Parameters):
    """Find what is bought together, and say how sure that is.

    Frequent itemsets over orders, then rules from antecedent to consequent with all measures of mlxtend, a shrunk lift
    with its lower bound, and a test. Evidence is counted in distinct customers: the orders of one customer are not
    independent. Follows scikit-learn's estimator contract without importing scikit-learn.

    Parameters
    ----------
    min_support : float, default 0.002
        Least share of the orders (of their weight, if weighted) that hold the set, above 0, at most 1.
    min_confidence : float, default 0.0
        Least confidence of a rule, 0 to 1.
    min_customers : int, default 5
        Fewest distinct customers who bought the set in one order; orders where the input has no customers.
    max_length : int or None, default 2
        Most items in antecedent and consequent together; None for any number.
    max_consequents : int, default 1
        Most items in the consequent.
    antecedents, consequents : sequence of ids or None
        Only rules of these; restricts the search itself. `itemsets_` then holds only the sets that were needed.
    level : str, default "item"
        "item", a column of the catalog such as "category", or "mixed": items and categories together, where an item
        and its own category never meet in a rule.
    prune : bool, default False
        Drop rules that say nothing new: `lift_low` no better than the lift of a rule with the same consequent and
        part of the antecedent.
    fdr : float or None, default None
        Keep rules with `q_value` of at most this.
    weight : {"revenue", "margin"} or None, default None
        Weigh each order by what was paid or earned for it (losses count 0, unknown prices 0): support and
        mlxtend's measures become shares of that money; orders, customers, lift_low, p and q stay counts.
    max_itemsets : int, default 5,000,000
        The search stops with an InputError above this many sets.

    Attributes
    ----------
    rules_ : frame in the orders' backend, strongest `lift_low` first
        antecedent, consequent (tuples of ids), orders, customers, support, confidence, confidence_low,
        confidence_high, lift, lift_low, p_value, q_value, antecedent support, consequent support, representativity,
        leverage, conviction, zhangs_metric, jaccard, certainty, kulczynski, lift_shrunk.
    itemsets_ : frame in the orders' backend, shorter sets first
        itemset (tuple of ids), length, orders, customers, support, closed, maximal (both among the sets found).
    n_orders_, n_customers_ : int

    Raises
    ------
    InputError
        Parameters out of range, unknown ids, or more itemsets than `max_itemsets`.

    References
    ----------
    See docs/association-rules.md for each column's formula and source.

    Examples
    --------
    >>> baskets = [["tiles", "grout"], ["tiles", "grout", "bucket"], ["tiles", "grout"], ["bucket"], ["paint"]]
    >>> rules = AssociationRules(min_support=0.4, min_customers=1).fit(baskets)
    >>> rules.rules_[["antecedent", "consequent", "orders", "confidence"]]
      antecedent consequent  orders  confidence
    0   (grout,)   (tiles,)       3         1.0
    1   (tiles,)   (grout,)       3         1.0
    >>> rules.complete(["grout"])[["item_id", "because"]]
      item_id   because
    0   tiles  (grout,)
    """

    def __init__(
        self,
        *,
        min_support: float = 0.002,
        min_confidence: float = 0.0,
        min_customers: int = 5,
        max_length: int | None = 2,
        max_consequents: int = 1,
        antecedents: Sequence[Any] | None = None,
        consequents: Sequence[Any] | None = None,
        level: str = "item",
        prune: bool = False,
        fdr: float | None = None,
        weight: str | None = None,
        max_itemsets: int = 5_000_000,
    ) -> None:
        self.min_support, self.min_confidence, self.min_customers = min_support, min_confidence, min_customers
        self.max_length, self.max_consequents = max_length, max_consequents
        self.antecedents, self.consequents = antecedents, consequents
        self.level, self.prune, self.fdr, self.weight = level, prune, fdr, weight
        self.max_itemsets = max_itemsets

    def fit(self, orders: Any, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn passes y
        """Count and keep the frequent itemsets of `orders`.

        Parameters
        ----------
        orders : Orders, one-hot frame, or list of baskets
            The one table of `nextbuy.read_orders`; or a frame of True/False as mlxtend takes it (pandas dense or
            sparse, polars, pyarrow, numpy, scipy sparse); or a list of lists of ids.
        y : ignored

        Returns
        -------
        self
        """
        self._check_parameters()
        self._baskets, self._backend, self._names = self._read(orders)
        return self._mine()

    def update(self, orders: Any) -> Self:
        """Add more orders; the result is the same as one fit on all of them.

        The item lists are kept (4 bytes a line), since no smaller summary could tell which sets that were too rare so
        far become frequent. An order must come only once; customers may come again.

        Parameters
        ----------
        orders : as in `fit`, of the same kind

        Returns
        -------
        self
        """
        more, _, names = self._read(orders)
        return self._absorb(more, names)

    def merge(self, other: AssociationRules) -> Self:
        """Add what another one was fitted on: fits of parts, put together, equal one fit on the whole."""
        self._fitted()
        other._fitted()  # noqa: SLF001 - same class
        if other._baskets is None:  # noqa: SLF001 - same class
            raise InputError("The other rules were stored without their orders. Store them with get_state().")
        return self._absorb(other._baskets, other._names)  # noqa: SLF001 - same class

    def _absorb(self, more: Baskets, names: pa.Array | None) -> Self:
        self._fitted()
        if self._baskets is None:
            raise InputError(
                "These rules were loaded without their orders (from_mlxtend, or get_state(with_orders=False)), so "
                "nothing can be added. Fit on all orders: AssociationRules(...).fit(orders)."
            )
        before, known = self._baskets, self._names
        self._baskets = before.merged(more)
        if known is not None and names is not None:
            ids, both = pa.concat_arrays([before.item_ids, more.item_ids]), pa.concat_arrays([known, names])
            self._names = both.take(pc.index_in(self._baskets.item_ids, ids))
        return self._mine()

    def _check_parameters(self) -> None:
        for name, low, high in (("min_support", 0.0, 1.0), ("min_confidence", 0.0, 1.0), ("fdr", 0.0, 1.0)):
            value = getattr(self, name)
            if value is None and name == "fdr":
                continue
            if not isinstance(value, (int, float)) or not low <= value <= high or (name == "min_support" and value <= 0):
                raise InputError(f"{name}={value!r} must be a share between 0 and 1"
                                 f"{', and above 0' if name == 'min_support' else ''}. Try {name}="
                                 f"{ {'min_support': 0.002, 'min_confidence': 0.1, 'fdr': 0.05}[name]}.")
        for name, least in (("min_customers", 0), ("max_length", 1), ("max_consequents", 1), ("max_itemsets", 1)):
            value = getattr(self, name)
            if value is None and name == "max_length":
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise InputError(f"{name}={value!r} must be a whole number of at least {least}.")
        if self.weight not in (None, "revenue", "margin"):
            raise InputError(f"weight={self.weight!r} is none of 'revenue', 'margin' and None.")

    def _read(self, orders: Any) -> tuple[Baskets, str, pa.Array | None]:
        if isinstance(orders, Orders):
            baskets = basket_lists.from_orders(orders, level=self.level, weight=self.weight)
            names = None
            if self.level == "item" and orders.catalog is not None and "name" in orders.catalog.columns:
                names = orders.catalog.column("name", baskets.item_ids)
            return baskets, orders.backend, names
        if self.level != "item" or self.weight is not None:
            raise InputError(f"level={self.level!r} and weight={self.weight!r} need a catalog or prices, which a one-hot "
                             "frame or a list of baskets has not. Try nextbuy.read_orders(..., catalog=...).")
        if isinstance(orders, (list, tuple)):
            if orders and isinstance(orders[0], str):
                raise InputError(f"A list of baskets is a list of lists; found the text {orders[0]!r}. "
                                 "Try fit([['tiles', 'grout'], ['tiles']]).")
            return basket_lists.from_lists(orders), "pandas", None
        from nextbuy.mining.mlxtend import from_onehot

        return (*from_onehot(orders), None)

    def _mine(self) -> Self:
        assert self._baskets is not None
        baskets = self._baskets
        self.n_orders_, self.n_customers_ = baskets.n_orders, baskets.n_customers
        self._total_weight = None if baskets.weight is None else float(baskets.weight.sum())
        least = _least_count(self.min_support, baskets.n_orders)
        limits = Limits(
            min_orders=least if baskets.weight is None else 1,
            min_weight=self.min_support * (self._total_weight or 0.0),
            min_customers=int(self.min_customers), max_length=self.max_length,
            max_itemsets=int(self.max_itemsets), min_support=self.min_support,
        )
        roles = self._roles(baskets.item_ids)
        self._sets = frequent_itemsets(baskets, limits=limits, roles=roles)
        self._rules = generate(self._sets, n_items=baskets.n_items, max_consequents=int(self.max_consequents),
                               roles=roles)
        self._item_ids, self._least = baskets.item_ids, limits.min_orders
        self._cache: dict[str, Any] = {}
        return self

    def _roles(self, item_ids: pa.Array) -> Roles | None:
        if self.antecedents is None and self.consequents is None:
            return None
        both = []
        for name in ("antecedents", "consequents"):
            asked = getattr(self, name)
            if asked is None:
                both.append(np.ones(len(item_ids), bool))
                continue
            codes = _codes(asked, item_ids)
            unknown = [i for i, c in zip(asked, codes.tolist(), strict=True) if c < 0]
            if unknown:
                hint = nearest(unknown[0], item_ids.to_pylist())
                raise InputError(
                    f"{len(unknown)} of {len(asked)} {name} are in no order, such as {unknown[:3]}."
                    f"{f' Did you mean one of {hint}?' if hint else ''} Leave them out of {name}=[...]."
                )
            allowed = np.zeros(len(item_ids), bool)
            allowed[codes] = True
            both.append(allowed)
        return Roles(both[0], both[1], int(self.max_consequents))

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
                self._sets, self._rules, n_orders=self.n_orders_, n_items=len(self._item_ids),
                total_weight=self._total_weight, tests=self._tests(), bar=bar,
            )
        return self._cache["scored"]

    def _tests(self) -> int:
        """How many rules the search could have found: splits of all candidate sets."""
        return sum(
            int(n) * sum(comb(k, r) for r in range(1, min(int(self.max_consequents), k - 1) + 1))
            for k, n in enumerate(self._sets.tested.tolist(), start=1) if k > 1
        )

    @property
    def rules_(self) -> Any:
        """The rules as a frame; see the class."""
        table = self._scored()
        if "rules" not in self._cache:
            self._cache["rules"] = scored.frame({
                "antecedent": scored.id_column(self._sets, table.rules.antecedent, self._item_ids, self._backend),
                "consequent": scored.id_column(self._sets, table.rules.consequent, self._item_ids, self._backend),
                **table.columns,
            }, self._backend)
        return self._cache["rules"]

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
            self._cache["itemsets"] = scored.frame({
                "itemset": scored.id_column(sets, np.arange(len(sets)), self._item_ids, self._backend),
                "length": sets.length, "orders": sets.orders, "customers": sets.customers, "support": support,
                "closed": closed, "maximal": maximal,
            }, self._backend)
        return self._cache["itemsets"]

    def complete(
        self, basket: Sequence[Any], k: int = 6, *, owned: Sequence[Any] = (), by: str = "confidence",
        min_lift_low: float = 1.0, sequences: Any = None,
    ) -> Any:
        """Give the checklist for one basket: what usually goes with it and is not in it.

        Parameters
        ----------
        basket : sequence of ids
            Unknown ids are passed over.
        k : int, default 6
            Most items.
        owned : sequence of ids
            What the customer has already; such items stay in the list and are marked.
        by : {"confidence", "lift_low"}, default "confidence"
            What decides which rule speaks for an item and which item stands first.
        min_lift_low : float, default 1.0
            Only rules of a larger `lift_low` speak: 1 keeps out what is merely popular.
        sequences : object with `rules_`, optional
            Sequential rules (columns antecedent, consequent, lag_p50); the items then stand in the usual order of
            purchase.

        Returns
        -------
        frame in the orders' backend
            item_id, name (if the catalog has names), confidence, lift, because (the antecedent), orders, customers,
            owned, and with `sequences` after_days (0: together with the basket).
        """
        codes = _codes(list(dict.fromkeys(basket)), self._ids_of_fit())
        codes = codes[codes >= 0]
        found = self._checklist(by, min_lift_low).answer(codes, np.array([0, len(codes)]), k=k)
        rows, item = found.rule, found.item
        days = None
        if sequences is not None:
            days = usual_order(item, held=codes, **self._lags(sequences))
            order = np.argsort(days, kind="stable")
            rows, item, days = rows[order], item[order], days[order]
        columns = self._proposal_columns(item, rows, owned)
        if days is not None:
            columns["after_days"] = days
        return scored.frame(columns, self._backend)

    def complete_all(
        self, baskets: Any, k: int = 6, *, by: str = "confidence", min_lift_low: float = 1.0
    ) -> Any:
        """Give the checklists of many baskets (a list of lists, or an Orders): `basket`, then the columns of `complete`.

        `basket` is the position in the list, or the order's id; baskets without a proposal have no row.
        """
        ids = self._ids_of_fit()
        if isinstance(baskets, Orders):
            many, names = basket_lists.from_orders(baskets, level=self.level), baskets.order_ids
            code = _codes_of(many.item_ids, ids)[many.item]
            offsets = many.order_offsets
        else:
            many = basket_lists.from_lists(baskets)
            code = _codes_of(many.item_ids, ids)[many.item]
            offsets, names = many.order_offsets, None
        known = code >= 0
        offsets = np.concatenate([[0], np.cumsum(known)])[offsets]
        found = self._checklist(by, min_lift_low).answer(code[known], offsets, k=k)
        basket = found.basket if names is None else names.take(pa.array(found.basket))
        return scored.frame({"basket": basket, **self._proposal_columns(found.item, found.rule, ())}, self._backend)

    def _ids_of_fit(self) -> pa.Array:
        self._fitted()
        return self._item_ids

    def _checklist(self, by: str, min_lift_low: float) -> Checklist:
        key = f"checklist {by} {min_lift_low}"
        if key not in self._cache:
            if by not in {"confidence", "lift_low"}:
                raise InputError(f"by={by!r} is neither 'confidence' nor 'lift_low'.")
            table = self._scored()
            value = table.columns[by]
            usable = np.flatnonzero(table.columns["lift_low"] > min_lift_low)
            order = usable[np.argsort(-value[usable], kind="stable")]
            self._cache[key] = Checklist(self._sets, table.rules, order=order, n_items=len(self._item_ids))
        return self._cache[key]

    def _proposal_columns(self, item: NDArray, rows: NDArray, owned: Sequence[Any]) -> dict[str, Any]:
        table = self._scored()
        columns: dict[str, Any] = {"item_id": self._item_ids.take(pa.array(item))}
        if self._names is not None:
            columns["name"] = self._names.take(pa.array(item))
        columns["confidence"], columns["lift"] = table.columns["confidence"][rows], table.columns["lift"][rows]
        columns["because"] = scored.id_column(self._sets, table.rules.antecedent[rows], self._item_ids, self._backend)
        for name in ("orders", "customers"):
            columns[name] = table.columns[name][rows]
        has = _codes(list(owned), self._item_ids)
        columns["owned"] = np.isin(item, has[has >= 0])
        return columns

    def _lags(self, sequences: Any) -> dict[str, NDArray]:
        import narwhals as nw

        frame = nw.from_native(sequences.rules_, eager_only=True)
        before = _codes(frame["antecedent"].to_list(), self._item_ids)
        after = _codes(frame["consequent"].to_list(), self._item_ids)
        days = frame["lag_p50"].cast(nw.Float64).to_numpy()
        known = (before >= 0) & (after >= 0) & np.isfinite(days)
        return {"before": before[known], "after": after[known], "lag_days": days[known]}

    def to_mlxtend(self, *, itemsets: bool = False) -> pd.DataFrame:
        """Give the rules as mlxtend's frame (antecedents, consequents as frozensets, its twelve measures).

        With `itemsets=True` its frame of itemsets (support, itemsets). Without any rule: the same columns, no row.
        """
        from nextbuy.mining.mlxtend import itemsets_frame, rules_frame

        if itemsets:
            self._fitted()
            return itemsets_frame(self._sets, self._item_ids, self.n_orders_)
        table = self._scored()
        return rules_frame(self._sets, table.rules, self._item_ids, table.columns)

    @classmethod
    def from_mlxtend(cls, frame: pd.DataFrame, *, n_orders: int | None = None, **params: Any) -> Self:
        """Make fitted rules of a frame of mlxtend: of `association_rules`, or of `fpgrowth(use_colnames=True)`.

        Parameters
        ----------
        frame : pandas.DataFrame
        n_orders : int, optional
            Rows of the one-hot frame behind it. Without it the smallest number that all supports are whole shares
            of, which never overstates the evidence.
        **params
            Parameters of the class; what they filter is filtered.

        Returns
        -------
        AssociationRules
            Without orders: `update` is not possible, customers = orders.
        """
        from nextbuy.mining.mlxtend import read_frame

        new = cls(**({"min_support": 1e-9, "min_customers": 1, "max_length": None} | params))
        new._check_parameters()
        new._sets, rules, new._item_ids, new.n_orders_ = read_frame(frame, n_orders=n_orders)
        new.n_customers_, new._total_weight, new._least = new.n_orders_, None, 1
        new._rules = rules or generate(new._sets, n_items=len(new._item_ids), max_consequents=int(new.max_consequents),
                                       roles=new._roles(new._item_ids))
        new._baskets, new._backend, new._names, new._cache = None, "pandas", None, {}
        return new

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
            "n_orders": self.n_orders_, "n_customers": self.n_customers_, "least": self._least,
            "backend": self._backend, "item_ids": self._item_ids,
            "codes": self._sets.codes, "offsets": self._sets.offsets, "orders": self._sets.orders,
            "customers": self._sets.customers, "tested": self._sets.tested,
            "antecedent": self._rules.antecedent, "consequent": self._rules.consequent, "both": self._rules.both,
        }
        for name in ("antecedents", "consequents"):
            value = params.pop(name)
            if value is not None:
                state[name] = basket_lists.id_array(list(value))
        state["params"] = json.dumps(params)
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
        new._sets = Itemsets(state["codes"], state["offsets"], state["orders"], state["customers"],
                             state.get("weight"), state["tested"])
        new._rules = Rules(state["antecedent"], state["consequent"], state["both"])
        new._item_ids, new._names, new._backend = state["item_ids"], state.get("names"), state["backend"]
        new.n_orders_, new.n_customers_ = int(state["n_orders"]), int(state["n_customers"])
        new._least, new._total_weight = int(state["least"]), state.get("total_weight")
        new._baskets = Baskets.from_state(state) if "basket_item" in state else None
        new._cache = {}
        return new


def _least_count(min_support: float, n_orders: int) -> int:
    """Smallest count whose share, computed as mlxtend computes it, reaches `min_support`."""
    count = max(int(np.ceil(min_support * n_orders)) - 1, 1)
    while count / max(n_orders, 1) < min_support:
        count += 1
    return count


def _codes(ids: Sequence[Any], known: pa.Array) -> NDArray[np.int64]:
    """Codes of ids that may be unknown or of another kind; -1 for unknown."""
    if not len(known) or not len(ids):
        return np.full(len(ids), -1, np.int64)
    try:
        asked = pa.array([str(i) for i in ids] if pa.types.is_string(known.type) or pa.types.is_large_string(known.type)
                         else list(ids), type=known.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        asked = pa.array([i if type(i) is type(known[0].as_py()) else None for i in ids], type=known.type)
    return pc.fill_null(pc.index_in(asked, known), -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _codes_of(ids: pa.Array, known: pa.Array) -> NDArray[np.int64]:
    if not len(known) or not len(ids):
        return np.full(len(ids), -1, np.int64)
    return pc.fill_null(pc.index_in(ids.cast(known.type), known), -1).to_numpy(zero_copy_only=False).astype(np.int64)
