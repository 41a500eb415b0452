"""Everybody gets what is popular."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.evaluate.baselines.baseline import Baseline
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.table import codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


class Popularity(Baseline):
    """Everybody gets what is bought on most days of most customers.

    Parameters
    ----------
    horizon_days : int, default 30
        The probability is of buying within so many days.
    recent_days : int or None, default None
        Count only so many last days; None: the whole history.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders)
    >>> top = nb.evaluate.Popularity().fit(orders).predict(k=3)
    >>> list(top.columns)
    ['customer_id', 'item_id', 'kind', 'rank', 'probability']
    """

    def __init__(self, *, horizon_days: int = 30, recent_days: int | None = None) -> None:
        super().__init__(horizon_days=horizon_days)
        self.recent_days = recent_days

    def _check(self, orders: Orders) -> None:
        super()._check(orders)
        if self.recent_days is not None:
            check_whole("recent_days", self.recent_days, least=1)

    def _recent_days(self) -> int | None:
        return self.recent_days

    def _learn(self) -> None:
        h = self._known.history
        days = self.recent_days or h.cut - h.events.start
        self.chance_ = -np.expm1(-h.bought_by(days) / max(h.n_customers, 1) * self.horizon_days / days)

    def _chance(self, item: NDArray) -> NDArray[np.float64]:
        chance: NDArray[np.float64] = self.chance_[item]
        return chance

    def probability_of(self, customers: Sequence[Any], items: Sequence[Any]) -> NDArray[np.float64]:
        """Chance of being bought within the horizon for pairs of ids (one customer, one item); 0 for unknown items."""
        known = self._known
        h, item = known.history, codes_of(known.item_ids, items)
        chance = np.where(item >= 0, self._chance(np.maximum(item, 0)), 0.0)
        if not self._own_first() or not len(h):
            return chance
        pairs = h.customer.astype(np.int64) * h.n_items + h.item
        asked = codes_of(known.customer_ids, customers) * h.n_items + item
        at = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
        return np.where(pairs[at] == asked, self._own(h)[1][at], chance)
