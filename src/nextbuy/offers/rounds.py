"""Round after round: each customer's next best candidate asks for a day, a quota and money."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.offers.allocate import places, within_budget, within_quota

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.calendar import Calendar


@dataclass(eq=False)
class Rounds:
    """The state of a plan in the making.

    Attributes
    ----------
    customer, category : ndarray of int64
        Codes by candidate; category -1: no rule of one per category.
    pools : tuple of ndarray of int64
        Quotas each candidate draws on: the item's and the category's; -1: none.
    left : ndarray of float64
        What is left of each quota.
    worth, spend : ndarray of float64
    low, high, target : ndarray of int64
        Window in days since 1970-01-01.
    barred, barred_from, barred_to : ndarray of int64
        Candidates, by rising number, and spans of days closed to them by the item's cool-down.
    calendar : Calendar
    budget : float
        What is left of it.
    send : ndarray of int64
        Day of each kept candidate, -1 for the others.
    refused : ndarray of str
        Reason code of each candidate that asked in vain.
    """

    customer: NDArray[np.int64]
    category: NDArray[np.int64]
    pools: tuple[NDArray[np.int64], ...]
    left: NDArray[np.float64]
    worth: NDArray[np.float64]
    spend: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    target: NDArray[np.int64]
    barred: NDArray[np.int64]
    barred_from: NDArray[np.int64]
    barred_to: NDArray[np.int64]
    calendar: Calendar
    budget: float
    send: NDArray[np.int64] = field(init=False)
    refused: NDArray[np.str_] = field(init=False)

    def __post_init__(self) -> None:
        self.send = np.full(len(self.customer), -1, np.int64)
        self.refused = np.full(len(self.customer), "", dtype="<U18")

    def run(self, rows: NDArray[np.int64], preference: NDArray[np.float64]) -> None:
        """Let `rows` ask, each customer's by falling `preference` (one number a candidate), one a round."""
        place = places(self.customer[rows], -preference[rows], -self.worth[rows], rows.astype(np.float64))
        by = np.argsort(place, kind="stable")
        for asking in np.split(rows[by], np.flatnonzero(np.diff(place[by])) + 1):
            if len(asking):
                self._ask(asking)

    def _ask(self, rows: NDArray[np.int64]) -> None:
        rows = self._refuse(rows, self._doubled(rows), "duplicate_category")
        first, last = np.searchsorted(self.barred, rows), np.searchsorted(self.barred, rows, side="right")
        many = last - first
        spans = np.arange(many.sum()) + np.repeat(first - (np.cumsum(many) - many), many)
        day, by_cap = self.calendar.place(
            self.customer[rows],
            low=self.low[rows],
            high=self.high[rows],
            target=self.target[rows],
            barred=np.repeat(np.arange(len(rows)), many),
            barred_from=self.barred_from[spans],
            barred_to=self.barred_to[spans],
        )
        self.refused[rows[(day < 0) & by_cap]] = "cap"
        self.refused[rows[(day < 0) & ~by_cap]] = "quiet"
        rows, day = rows[day >= 0], day[day >= 0]
        for pool in self.pools:
            keep = within_quota(pool[rows], self.left, self.worth[rows])
            self.refused[rows[~keep]] = "quota"
            rows, day = rows[keep], day[keep]
        keep = within_budget(self.spend[rows], self.budget, self.worth[rows])
        self.refused[rows[~keep]] = "budget"
        rows, day = rows[keep], day[keep]
        self.send[rows] = day
        self.calendar.add(self.customer[rows], day)
        self.budget -= float(self.spend[rows].sum())
        for pool in self.pools:
            np.subtract.at(self.left, pool[rows][pool[rows] >= 0], 1.0)

    def _refuse(self, rows: NDArray[np.int64], bad: NDArray[np.bool_], code: str) -> NDArray[np.int64]:
        self.refused[rows[bad]] = code
        return rows[~bad]

    def _doubled(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        size = int(self.category.max(initial=0)) + 1
        kept = np.flatnonzero((self.send >= 0) & (self.category >= 0))
        taken = self.customer[kept] * size + self.category[kept]
        return (self.category[rows] >= 0) & np.isin(self.customer[rows] * size + self.category[rows], taken)
