"""Answers at the till: the fitted rules asked for one basket or for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.mining import baskets as basket_lists
from nextbuy.mining import scored
from nextbuy.mining.checklist import Checklist, usual_order
from nextbuy.mining.fitted import FittedRules
from nextbuy.orders.errors import InputError
from nextbuy.orders.table import Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Completion(FittedRules):
    """The checklist side of `AssociationRules`."""

    def complete(
        self,
        basket: Sequence[Any],
        k: int = 6,
        *,
        owned: Sequence[Any] = (),
        by: str = "confidence",
        min_lift_low: float = 1.0,
        sequences: Any = None,
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
            Sequential rules (columns antecedent, consequent, lag_p50); the items then stand in the usual
            order of purchase.

        Returns
        -------
        frame in the orders' backend
            item_id, name (if the catalog has names), confidence, lift, because (the antecedent), orders,
            customers, owned, and with `sequences` after_days (0: together with the basket).
        """
        self._fitted()
        codes = self._code_of(list(dict.fromkeys(basket)))
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
        """Give the checklists of many baskets, a list of lists or an Orders, in one frame.

        Columns: basket (the position in the list, or the order's id), then those of `complete`. Baskets
        without a proposal have no row.
        """
        self._fitted()
        names = None
        if isinstance(baskets, Orders):
            many, names = basket_lists.from_orders(baskets, level=self.level), baskets.order_ids
        else:
            many = basket_lists.from_lists(baskets)
        code = basket_lists.codes(many.item_ids, self._item_ids)[many.item]
        offsets = many.order_offsets
        known = code >= 0
        offsets = np.concatenate([[0], np.cumsum(known)])[offsets]
        found = self._checklist(by, min_lift_low).answer(code[known], offsets, k=k)
        basket = found.basket if names is None else names.take(pa.array(found.basket))
        return scored.frame(
            {"basket": basket, **self._proposal_columns(found.item, found.rule, ())}, self._backend
        )

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
        found: Checklist = self._cache[key]
        return found

    def _proposal_columns(self, item: NDArray, rows: NDArray, owned: Sequence[Any]) -> dict[str, Any]:
        table = self._scored()
        columns: dict[str, Any] = {"item_id": self._item_ids.take(pa.array(item))}
        if self._names is not None:
            columns["name"] = self._names.take(pa.array(item))
        columns["confidence"], columns["lift"] = (
            table.columns["confidence"][rows],
            table.columns["lift"][rows],
        )
        columns["because"] = self._ids_of(table.rules.antecedent[rows])
        for name in ("orders", "customers"):
            columns[name] = table.columns[name][rows]
        has = self._code_of(owned)
        columns["owned"] = np.isin(item, has[has >= 0])
        return columns

    def _lags(self, sequences: Any) -> dict[str, NDArray]:
        import narwhals as nw

        frame = nw.from_native(sequences.rules_, eager_only=True)
        before = self._code_of(frame["antecedent"].to_list())
        after = self._code_of(frame["consequent"].to_list())
        days = frame["lag_p50"].cast(nw.Float64).to_numpy()
        known = (before >= 0) & (after >= 0) & np.isfinite(days)
        return {"before": before[known], "after": after[known], "lag_days": days[known]}
