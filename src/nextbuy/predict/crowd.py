"""Who bought what among all customers that were learned from, counted for the evidence behind predictions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from nextbuy.mining.expansion import pairs
from nextbuy.mining.parts import Counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts
    from nextbuy.predict.ease import Ease
    from nextbuy.predict.history import Timeline

RECENT_DAYS = 21


@dataclass(frozen=True)
class Crowd:
    """Counts of customers.

    Attributes
    ----------
    pair : ndarray of int64
        The pairs (item owned x items + item to score) for which similar customers speak, ascending.
    both, same_day : (pairs,) ndarray of int64
        Customers who bought both items, and those who bought both on one day.
    buyers, recent : (items,) ndarray of int64
        Customers who ever bought the item, and in the last `RECENT_DAYS`.
    active : int
        Customers with an order in the last 90 days.
    """

    pair: NDArray[np.int64]
    both: NDArray[np.int64]
    same_day: NDArray[np.int64]
    buyers: NDArray[np.int64]
    recent: NDArray[np.int64]
    active: int

    @classmethod
    def of(cls, timelines: Parts, cut: int, ease: Ease) -> Self:
        """Count what was known before day `cut`, for the pairs that speak for each other in `ease`."""
        weights = sparse.coo_array(ease.weights)
        n, (owned, scored), speaks = weights.shape[1], weights.coords, weights.data > 0
        pair = np.unique(owned[speaks].astype(np.int64) * n + scored[speaks])
        owned, scored = pair // max(n, 1), pair % max(n, 1)
        either = np.minimum(owned, scored) * n + np.maximum(owned, scored)
        known, where = np.unique(either, return_inverse=True)
        counts: CrowdCounts = timelines.total(count_crowd, cut=cut, pair=known)
        return cls(
            pair,
            counts.both[where],
            counts.same_day[where],
            counts.buyers,
            counts.recent,
            counts.active,
        )

    def together(
        self, a: NDArray[np.int64], b: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Customers who bought `a`, owned, and `b`, scored, and those who bought both on one day; 0 where unknown."""
        if not len(self.pair):
            return np.zeros(len(a), np.int64), np.zeros(len(a), np.int64)
        asked = a * len(self.buyers) + b
        at = np.minimum(np.searchsorted(self.pair, asked), len(self.pair) - 1)
        known = self.pair[at] == asked
        return np.where(known, self.both[at], 0), np.where(known, self.same_day[at], 0)

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays and a number."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class CrowdCounts(Counts):
    """The counts of `Crowd` for unordered pairs; additive over customers."""

    both: NDArray[np.int64]
    same_day: NDArray[np.int64]
    buyers: NDArray[np.int64]
    recent: NDArray[np.int64]
    active: int


def count_crowd(timeline: Timeline, *, cut: int, pair: NDArray[np.int64]) -> CrowdCounts:
    """Count who bought the items of each pair (low x items + high, ascending) before day `cut`."""
    h, n = timeline.before(cut), max(timeline.events.n_items, 1)
    low, high = pair // n, pair % n
    items = np.unique(np.concatenate([low, high]))
    owned = h.matrix(np.ones(len(h), np.int32)).tocsc()[:, items]
    together = sparse.csr_array(owned.T @ owned)
    both = together[np.searchsorted(items, low), np.searchsorted(items, high)]
    return CrowdCounts(
        both=np.ravel(both.toarray() if sparse.issparse(both) else both).astype(np.int64),
        same_day=_count_same_day(h.events, pair, items),
        buyers=np.bincount(h.item, minlength=h.n_items),
        recent=h.bought_by(RECENT_DAYS),
        active=int((h.customers.visits_90 > 0).sum()),
    )


def _count_same_day(
    events: Purchases, pair: NDArray[np.int64], items: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the customers who bought both items of each pair on one day. Time: the squares of what a day holds."""
    wanted = np.zeros(events.n_items, dtype=bool)
    wanted[items] = True
    e = events.where(wanted[events.item])
    new = np.ones(len(e.day), dtype=bool)
    new[1:] = (e.customer[1:] != e.customer[:-1]) | (e.day[1:] != e.day[:-1])
    end = np.append(np.flatnonzero(new), len(new))[np.cumsum(new)]
    rows, n = np.arange(len(new)), np.int64(events.n_items)
    found = [np.zeros(0, np.int64)]
    for one, other in pairs(rows, low=rows + 1, high=end):
        a, b = e.item[one], e.item[other]
        key = np.minimum(a, b) * n + np.maximum(a, b)
        at = np.minimum(np.searchsorted(pair, key), len(pair) - 1)
        known = pair[at] == key
        found.append(at[known] * np.int64(events.n_customers) + e.customer[one[known]])
    seen = np.unique(np.concatenate(found))
    return np.bincount(seen // max(events.n_customers, 1), minlength=len(pair))
