"""Everybody gets what they bought themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from nextbuy.evaluate.baselines.popularity import Popularity
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders
    from nextbuy.predict.history import History

TIES = ("latest", "earliest")


class PersonalFrequency(Popularity):
    """Everybody gets what they bought on most days, then what is popular.

    Parameters
    ----------
    horizon_days : int, default 30
    recent_days : int or None, default None
        For the popular items that fill up the list.
    half_life_days : float or None, default None
        A day counts half as much every so many days; None: all days count alike.
    ties : {"latest", "earliest"}, default "latest"
        Of two items bought as often, the one bought last comes first, or the one bought first (items of one day by
        their ids, as a plain counter leaves them).
    fill : bool, default True
        Fill the list up with what is popular.
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        recent_days: int | None = None,
        half_life_days: float | None = None,
        ties: str = "latest",
        fill: bool = True,
    ) -> None:
        super().__init__(horizon_days=horizon_days, recent_days=recent_days)
        self.half_life_days = half_life_days
        self.ties = ties
        self.fill = fill

    def _check(self, orders: Orders) -> None:
        super()._check(orders)
        if self.ties not in TIES:
            raise InputError(f"ties={self.ties!r} is not known. Try ties='latest' or ties='earliest'.")
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise InputError(
                f"half_life_days={self.half_life_days!r} must be above 0. Try half_life_days=60."
            )

    def _own_first(self) -> bool:
        return True

    def _fills_up(self) -> bool:
        return self.fill

    def _own(self, h: History) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rate = h.count / np.maximum(h.cut - h.first_day, 30)
        chance = -np.expm1(-rate * self.horizon_days)
        count = h.count.astype(np.float64) if self.half_life_days is None else h.decayed(self.half_life_days)
        if self.ties == "latest":
            tie = (h.item.astype(np.int64), -h.last_day)
        else:
            place = np.empty(h.n_items, np.int64)
            place[pc.array_sort_indices(self._known.item_ids).to_numpy()] = np.arange(h.n_items)
            tie = (place[h.item], h.first_day)
        key = np.empty(len(h))
        key[np.lexsort((*tie, -count))] = -np.arange(len(h))
        return key, chance
