"""How long after a purchase an item is bought again: the repurchase module of TAIW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.evaluate.baselines.scored import Scored, by_event

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from nextbuy.evaluate.baselines.asked import Asked
    from nextbuy.predict.history import History

UNIT_DAYS = 70.0
STEPS, RATE, PRIOR = 40, 0.1, 20.0
MOST_EARLIER, MOST_PAIRS = 20, 2_000_000
LEAST_WIDTH = 0.05  # of a kernel, in units


class TimeAwareIntervals(Scored):
    """TAIW's repurchase module: each earlier purchase of an item speaks for it, by the days that have passed.

    An item's kernel is a mixture of an exponential (bought again soon) and a normal density (bought again when it is
    used up). Its four figures start where the authors start them (half and half, both ten weeks wide, the normal one
    at the mean gap of the whole shop) and climb the authors' likelihood, the mean of log sigmoid(score) over repeated
    purchases; an item with few of these hardly moves. Full gradients take the place of the authors' batches, so that
    the result is the same each time.

    Parameters
    ----------
    horizon_days : int, default 30

    References
    ----------
    Romanov, Lashinin, Ananyeva and Kolesnikov, "Time-Aware Item Weighting for the Next Basket Recommendations",
    RecSys 2023.
    """

    def _learn(self) -> None:
        self._kernel = learn(self._known.history)

    def _profile(self, h: History) -> sparse.csr_array:
        passed = (h.cut - h.events.day) / UNIT_DAYS
        return by_event(h, self._kernel.density(passed, h.events.item))

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:  # noqa: ARG002
        scores: NDArray[np.float64] = profile[start:stop].toarray()
        return scores


@dataclass
class Kernel:
    """Densities of the time to the next purchase, by item; times in units of ten weeks.

    Attributes
    ----------
    share, middle, scale, width : (items,) ndarray of float64
        Share of the normal part and its mean; mean of the exponential; standard deviation of the normal.
    """

    share: NDArray[np.float64]
    middle: NDArray[np.float64]
    scale: NDArray[np.float64]
    width: NDArray[np.float64]

    def parts(
        self, passed: NDArray[np.float64], item: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Exponential and normal density, neither weighted by its share."""
        away = (passed - self.middle[item]) / self.width[item]
        soon: NDArray[np.float64] = np.exp(-passed / self.scale[item]) / self.scale[item]
        due: NDArray[np.float64] = np.exp(-(away**2) / 2) / (self.width[item] * np.sqrt(2 * np.pi))
        return soon, due

    def density(self, passed: NDArray[np.float64], item: NDArray) -> NDArray[np.float64]:
        """Mixture of both."""
        soon, due = self.parts(passed, item)
        value: NDArray[np.float64] = soon + self.share[item] * (due - soon)
        return value

    def climb(self, event: NDArray, passed: NDArray[np.float64], item: NDArray, worth: NDArray) -> None:
        """Take one step up the likelihood; `event` numbers the purchases, `worth` is their number by item and prior."""
        soon, due = self.parts(passed, item)
        share, scale, width = self.share[item], self.scale[item], self.width[item]
        score = np.bincount(event, soon + share * (due - soon))
        pull = 1 / (1 + np.exp(np.minimum(score, 700.0)))[event]  # derivative of log sigmoid
        away = passed - self.middle[item]

        def by_item(value: NDArray[np.float64]) -> NDArray[np.float64]:
            step: NDArray[np.float64] = RATE * np.bincount(item, pull * value, len(worth)) / worth
            return step

        steps = (
            by_item(due - soon),
            by_item(share * due * away / width**2),
            by_item((1 - share) * soon * (passed - scale) / scale**2),
            by_item(share * due * (away**2 / width**3 - 1 / width)),
        )
        self.share = np.clip(self.share + steps[0], 0.0, 1.0)
        self.middle = self.middle + steps[1]
        self.scale = np.maximum(self.scale + steps[2], LEAST_WIDTH)
        self.width = np.maximum(self.width + steps[3], LEAST_WIDTH)


def learn(h: History) -> Kernel:
    """Climb the likelihood of what was bought again."""
    again = ~h.events.first
    gap = (h.events.day[again] - h.events.previous[again]) / UNIT_DAYS
    n = h.n_items
    kernel = Kernel(np.full(n, 0.5), np.full(n, gap.mean() if len(gap) else 1.0), np.ones(n), np.ones(n))
    later, earlier = purchase_pairs(h.count)
    if not len(later):
        return kernel
    day = h.events.day[np.lexsort((h.events.day, h.events.item, h.events.customer))]
    item = np.repeat(h.item, h.count)[later]
    passed = (day[later] - day[earlier]) / UNIT_DAYS
    first = np.ones(len(later), dtype=bool)
    first[1:] = later[1:] != later[:-1]
    worth = np.bincount(item[first], minlength=n) + PRIOR
    for _ in range(STEPS):
        kernel.climb(np.cumsum(first) - 1, passed, item, worth)
    return kernel


def purchase_pairs(count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give (later, earlier) purchases of one customer and item, at most `MOST_EARLIER` earlier ones.

    `count` is the number of purchases of each customer and item; the purchases of all are numbered one after the
    other. Where there are too many pairs, every n-th later purchase is taken.
    """
    before = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    many = np.minimum(before, MOST_EARLIER)
    later = np.flatnonzero(many)
    later = later[:: max(1, -(-int(many.sum()) // MOST_PAIRS))]
    many = many[later]
    step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    later = np.repeat(later, many)
    return later, later - 1 - step
