"""Everybody gets what they bought themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from scipy import optimize, special

from nextbuy.evaluate.baselines.popularity import Popularity
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders
    from nextbuy.predict.history import History

TIES = ("latest", "earliest")
MOST_RATES = 100_000


class PersonalFrequency(Popularity):
    """Everybody gets what they bought on most days, then what is popular.

    The probability of a repeat is that of a Poisson rate of the customer and item, drawn from a gamma distribution
    fitted to all (PG of Bhagat et al., KDD 2018).

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

    def _learn(self) -> None:
        super()._learn()
        h = self._known.history
        self.rate_ = fit_rate((h.count - 1).astype(np.float64), (h.cut - h.first_day).astype(np.float64))

    def _own(self, h: History) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        shape, days = self.rate_
        known = days + h.cut - h.first_day
        chance = 1 - (known / (known + self.horizon_days)) ** (shape + h.count - 1)
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


def fit_rate(times: NDArray[np.float64], days: NDArray[np.float64]) -> tuple[float, float]:
    """Give shape and days of the gamma distribution of rates by maximum likelihood of events in so many days each.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> days = random.uniform(10, 400, 20_000)
    >>> shape, worth = fit_rate(random.poisson(days * random.gamma(0.5, 1 / 90, 20_000)).astype(float), days)
    >>> round(shape, 1), round(worth, -1)
    (0.5, 90.0)
    """
    step = max(1, len(times) // MOST_RATES)
    x, t = times[::step], days[::step]

    def loss(log: NDArray[np.float64]) -> float:
        a, b = np.exp(log)
        one = special.gammaln(a + x) - special.gammaln(a) + a * log[1] - (a + x) * np.log(b + t)
        return float(-one.mean())

    found = optimize.minimize(loss, np.log([0.5, 90.0]), method="L-BFGS-B", bounds=[(-9, 9)] * 2)
    shape, worth = np.exp(found.x)
    return float(shape), float(worth)
