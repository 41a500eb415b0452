"""What all baselines share: fitting, being asked, filling up with what is popular."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nextbuy.evaluate.baselines.asked import Asked, Known
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import take, to_frame
from nextbuy.orders.table import Orders, check_orders, codes_of
from nextbuy.predict.asked import check_asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from nextbuy.predict.history import History

    Ids = Sequence[Any]

BLOCK = 512


class Baseline(BaseEstimator):
    """The face of all baselines: popularity is learned, and own items may come first.

    Parameters
    ----------
    horizon_days : int, default 30
    """

    def __init__(self, *, horizon_days: int = 30) -> None:
        self.horizon_days = horizon_days

    def fit(self, orders: Orders, y: object = None, *, as_of: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Count what was bought before `as_of` (default: ever)."""
        self._check(orders)
        orders = orders if as_of is None else orders.before(as_of)
        if not len(orders):
            raise InputError(f"There is no order to learn from before as_of={str(as_of)!r}.")
        self._known, self.backend_ = Known.of(orders), orders.backend
        h = self._known.history
        days = self._recent_days() or h.cut - h.events.start
        recent = h.events.item[h.events.day >= h.cut - days]
        self.popular_ = np.argsort(-np.bincount(recent, minlength=h.n_items), kind="stable")
        self._learn()
        return self

    def _check(self, orders: Orders) -> None:
        check_orders(orders, need="Predictions need to know who bought")
        check_whole("horizon_days", self.horizon_days, least=1)

    def _recent_days(self) -> int | None:
        """How many last days popularity counts; None: all."""
        return None

    def _learn(self) -> None:
        """Learn more than popularity."""

    def predict(
        self,
        orders: Orders | Sequence[Mapping[str, Any]] | None = None,
        *,
        as_of: Any = None,
        customers: Ids | None = None,
        items: Ids | None = None,
        exclude: Ids | None = None,
        kind: str = "all",
        k: int = 10,
    ) -> Any:
        """Rank items for every customer.

        Parameters
        ----------
        orders, as_of, customers, items, exclude, kind, k
            As for `NextPurchase.predict`; an `as_of` before the end of what was fitted is refused.

        Returns
        -------
        frame
            `customer_id, item_id, kind, rank, probability`; the last is empty where a baseline gives none. A list of
            dicts gets a list of dicts.

        Raises
        ------
        InputError
            When an argument makes no sense; the message says what would.
        """
        check_is_fitted(self, "popular_")
        check_asked(kind=kind, k=k, customers=customers, items=items, exclude=exclude)
        asked = Asked.of(self._known, orders, as_of, customers)
        parts = list(self._ranked(asked, self._allowed(items, exclude), kind, k))
        if not parts:
            parts = [(np.zeros(0, np.int64),) * 2 + (np.zeros(0, bool), np.zeros(0))]
        customer, item, repeat, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        by = np.argsort(customer, kind="stable")
        customer, item, repeat, chance = (c[by] for c in (customer, item, repeat, chance))
        rank = np.arange(len(customer)) - np.searchsorted(customer, customer) + 1
        keep = rank <= k
        return to_frame(
            {
                "customer_id": take(asked.customer_ids, customer[keep]),
                "item_id": take(self._known.item_ids, item[keep]),
                "kind": pa.array(np.where(repeat[keep], "repeat", "new").tolist(), pa.string()),
                "rank": rank[keep],
                "probability": pa.array(chance[keep], from_pandas=True),
            },
            asked.backend or self.backend_,
        )

    def _allowed(self, items: Ids | None, exclude: Ids | None) -> NDArray[np.bool_]:
        ids = self._known.item_ids
        allowed = np.full(len(ids), items is None)
        for asked, value in ((items, True), (exclude, False)):
            codes = codes_of(ids, list(asked or []))
            allowed[codes[codes >= 0]] = value
        return allowed

    def _ranked(
        self, asked: Asked, allowed: NDArray[np.bool_], kind: str, k: int
    ) -> Iterator[tuple[NDArray, ...]]:
        """Give customer, item, whether bought before, and chance of what is listed, best first, in parts."""
        h = asked.history
        if kind == "repeat" or (kind == "all" and self._own_first()):
            key, chance = self._own(h)
            by = np.lexsort((-key, h.customer))
            by = by[allowed[h.item[by]]]
            yield h.customer[by], h.item[by], np.ones(len(by), dtype=bool), chance[by]
        if kind == "repeat" or not self._fills_up():
            return
        for start, stop, owned in blocks(h):
            bar = owned if kind == "new" or self._own_first() else np.zeros_like(owned)
            free = (allowed & ~bar)[:, self.popular_]
            line, place = np.nonzero(free & (np.cumsum(free, axis=1) <= k))
            item = self.popular_[place]
            yield np.arange(start, stop)[line], item, owned[line, item], self._chance(item)

    def _own_first(self) -> bool:
        """Whether own items come before what is popular."""
        return False

    def _fills_up(self) -> bool:
        """Whether what is popular fills up the list."""
        return True

    def _own(self, h: History) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What ranks own items, one a pair of the history, and their probability: here popularity, and none."""
        place = np.empty(h.n_items)
        place[self.popular_] = np.arange(h.n_items)
        return -place[h.item], self._chance(h.item)

    def _chance(self, item: NDArray) -> NDArray[np.float64]:
        """Probability of what is listed for its popularity."""
        return np.full(len(item), np.nan)


def blocks(h: History) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Give customers in blocks, with a dense matrix of what they own."""
    offsets = np.searchsorted(h.customer, np.arange(h.n_customers + 1))
    for start in range(0, h.n_customers, BLOCK):
        stop = min(start + BLOCK, h.n_customers)
        rows = slice(offsets[start], offsets[stop])
        owned = np.zeros((stop - start, h.n_items), dtype=bool)
        owned[h.customer[rows] - start, h.item[rows]] = True
        yield start, stop, owned
