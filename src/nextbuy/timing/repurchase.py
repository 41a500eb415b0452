"""When the same item is bought again: own intervals, shrunk to the item's, and these to the category's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from nextbuy.mining.parts import Counts, in_grains

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts

PRIOR_GAPS = 2.0  # an item's own habit counts as so many gaps of the customer's
LEVEL_GAPS = 5.0  # what a category, or all items, counts for an item
WIDEST = 1.2  # standard deviation of log gaps where nothing at all is known


@dataclass(frozen=True)
class Intervals:
    """Log-normal gaps between purchase days of the same item.

    Attributes
    ----------
    mean, spread : (items,) ndarray of float64
        Mean and standard deviation of log gaps in days; items with few gaps drawn to their category's, categories
        with few to those of all items.
    buyers, repeaters : (items,) ndarray of int64
        Customers who bought the item, and who bought it again on a later day.
    gaps : (items,) ndarray of int64
        Gaps seen.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    buyers: NDArray[np.int64]
    repeaters: NDArray[np.int64]
    gaps: NDArray[np.int64]

    @property
    def repeat_share(self) -> NDArray[np.float64]:
        """Share of an item's buyers who buy it again, drawn to the share of all items (worth five buyers)."""
        overall = self.repeaters.sum() / max(self.buyers.sum(), 1)
        share: NDArray[np.float64] = (self.repeaters + 5 * overall) / (self.buyers + 5)
        return share

    def own(
        self, item: NDArray, gaps: NDArray, mean_log: NDArray[np.float64], square_log: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and spread of a customer's log gaps, shrunk to the item's.

        `gaps` is how many gaps the customer shows, `mean_log` their mean logarithm, `square_log` the sum of squared
        deviations from it.
        """
        weight = gaps / (gaps + PRIOR_GAPS)
        mean = weight * mean_log + (1 - weight) * self.mean[item]
        drift = weight * PRIOR_GAPS * (mean_log - self.mean[item]) ** 2
        prior = 2 * PRIOR_GAPS
        variance = (prior * self.spread[item] ** 2 + square_log + drift) / (prior + gaps)
        return mean, np.sqrt(variance)


@dataclass(frozen=True)
class GapCounts(Counts):
    """What intervals are estimated from, by item; additive over customers.

    Attributes
    ----------
    gaps, buyers, repeaters : ndarray of int64
        As in `Intervals`.
    total, square : ndarray of float64
        Sums of log gaps and of their squares, in grains.
    """

    gaps: NDArray[np.int64]
    buyers: NDArray[np.int64]
    repeaters: NDArray[np.int64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]


def count_gaps(events: Purchases) -> GapCounts:
    """Count buyers and gaps of every item. Linear in the events."""
    n = events.n_items
    again = ~events.first
    item = events.item[again]
    log = np.log((events.day[again] - events.previous[again]).astype(np.float64))
    pair = np.unique(events.customer[again].astype(np.int64) * max(n, 1) + item)
    return GapCounts(
        gaps=np.bincount(item, minlength=n),
        buyers=np.bincount(events.item[events.first], minlength=n),
        repeaters=np.bincount(pair % max(n, 1), minlength=n),
        total=np.bincount(item, in_grains(log), n).astype(np.float64),
        square=np.bincount(item, in_grains(log**2), n).astype(np.float64),
    )


def fit_intervals(events: Parts, *, category: NDArray[np.int32] | None = None) -> Intervals:
    """Estimate every item's gaps from `Purchases`, whole or in parts.

    `category` is each item's category code (-1: none); it draws items with few gaps to their like.
    """
    return estimate_intervals(events.total(count_gaps), category=category)


def estimate_intervals(counts: GapCounts, *, category: NDArray[np.int32] | None = None) -> Intervals:
    """Estimate every item's gaps from what was counted; `category` as for `fit_intervals`."""
    count, total, square, n = counts.gaps.astype(np.float64), counts.total, counts.square, len(counts.gaps)
    centre = total.sum() / count.sum() if count.sum() else np.log(30.0)
    overall = max((square.sum() / count.sum() - centre**2) if count.sum() else WIDEST**2, 0.01)
    to_mean, to_variance = np.full(n, centre), np.full(n, overall)
    if category is not None and (category >= 0).any():
        known = category >= 0
        n_kept, t, s = (np.bincount(category[known], values[known]) for values in (count, total, square))
        mean, variance = _drawn(n_kept, t, s, centre, overall)
        to_mean[known], to_variance[known] = mean[category[known]], variance[category[known]]
    mean, variance = _drawn(count, total, square, to_mean, to_variance)
    return Intervals(mean, np.sqrt(variance), counts.buyers, counts.repeaters, counts.gaps)


def _drawn(
    count: NDArray,
    total: NDArray,
    square: NDArray,
    to_mean: NDArray[np.float64] | float,
    to_variance: NDArray[np.float64] | float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance from sums, drawn to others that count as five gaps."""
    mean = (total + LEVEL_GAPS * to_mean) / (count + LEVEL_GAPS)
    deviation = np.maximum(square - 2 * mean * total + count * mean**2, 0)
    return mean, (deviation + LEVEL_GAPS * to_variance) / (count + LEVEL_GAPS)


def remaining(
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
    elapsed_days: NDArray[np.float64],
    share: float | NDArray[np.float64],
) -> NDArray[np.float64]:
    """Days from now by which `share` of the purchases still to come have come, given `elapsed_days` without one."""
    z = (np.log(np.maximum(elapsed_days, 0.5)) - mean) / spread
    beyond = special.ndtr(-z)
    # far in the tail the log-normal's own asymptote keeps it finite
    quantile = -special.ndtri(np.maximum(beyond * (1 - share), 1e-300))
    days: NDArray[np.float64] = np.exp(mean + spread * quantile) - np.maximum(elapsed_days, 0.5)
    return np.maximum(days, 0.0)


def rhythm(spread: NDArray[np.float64], gaps: NDArray) -> NDArray[np.str_]:
    """Name how regular a rhythm is: "strong" when two in three gaps lie within 40 % of the usual one."""
    known = gaps >= 2
    return np.where(known & (spread <= 0.4), "strong", np.where(known & (spread <= 0.9), "weak", "none"))
