"""Round after round: each customer's next best candidate asks for a day, a quota and money."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.offers.allocate import places, within_budget, within_quota
from nextbuy.offers.exact import exact_plan
from nextbuy.offers.prices import Market, clearing_prices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.calendar import Calendar

SMALL = 1_000  # candidates that are planned exactly


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

    def run(self, rows: NDArray[np.int64]) -> None:
        """Let `rows` ask, each customer's best first, one a round.

        A small plan is solved exactly, and the rest then asks in vain. Where quotas or budget are scarce in a large
        one, best is after prices, and what is not worth its price asks last.
        """
        preference, claim = self.worth, self.worth
        late = np.zeros(len(rows), dtype=bool)
        exact = self._exact(rows) if 0 < len(rows) <= SMALL else None
        if exact is not None:
            chosen, day = exact
            self._keep(rows[chosen], day[chosen])
            rows, late = rows[~chosen], late[~chosen]
        elif len(rows) and (np.isfinite(self.budget) or any((pool[rows] >= 0).any() for pool in self.pools)):
            most = int(np.bincount(self.customer[rows]).max())
            market = Market.of(rows, self.customer, self.category, self.calendar.room(most))
            charge, gain = clearing_prices(
                market,
                worth=self.worth,
                spend=self.spend,
                pools=self.pools,
                quota=self.left,
                budget=self.budget,
            )
            preference, claim = self.worth.copy(), self.worth.copy()
            preference[market.rows] -= charge
            claim[market.rows] = gain
            late = preference[rows] <= 0
        for part in (rows[~late], rows[late]):
            for asking in self._turns(part, preference):
                self._ask(asking, claim)
            # where offers were moved a day may have become free
            for asking in self._turns(part[self.send[part] < 0], preference):
                self._ask(asking, claim, again=True)

    def _turns(self, rows: NDArray[np.int64], preference: NDArray[np.float64]) -> list[NDArray[np.int64]]:
        """Give who asks in which round: each customer's best, then the second best, and so on."""
        place = places(self.customer[rows], -preference[rows], -self.worth[rows], rows.astype(np.float64))
        by = np.argsort(place, kind="stable")
        turns = np.split(rows[by], np.flatnonzero(np.diff(place[by])) + 1)
        return [asking for asking in turns if len(asking)]

    def _ask(self, rows: NDArray[np.int64], claim: NDArray[np.float64], *, again: bool = False) -> None:
        rows = self._refuse(rows, self._doubled(rows), "duplicate_category")
        day, by_cap = self._place(self.calendar, rows)
        self.refused[rows[(day < 0) & by_cap]] = "cap"
        self.refused[rows[(day < 0) & ~by_cap]] = "quiet"
        stuck = rows[day < 0]
        rows, day = rows[day >= 0], day[day >= 0]
        while len(rows):
            kept = self._share_out(rows, claim)
            self._keep(rows[kept], day[kept])
            rows, day = rows[~kept], day[~kept]
            full = np.zeros(len(rows), dtype=bool)
            for pool in self.pools:
                full |= (pool[rows] >= 0) & (np.append(self.left, 1.0)[pool[rows]] < 1)
            dear = (self.spend[rows] > 0) & (self.spend[rows] > self.budget)
            self.refused[rows[full]] = "quota"
            self.refused[rows[dear & ~full]] = "budget"
            # who was passed over for somebody whom another quota or the budget then refused asks again
            rows, day = rows[~full & ~dear], day[~full & ~dear]
        if not again:
            self._make_room(stuck, claim)

    def _make_room(self, rows: NDArray[np.int64], claim: NDArray[np.float64]) -> None:
        """Give the customer of each row all days anew, the earliest to what ends first, and keep that where all fit."""
        if not len(rows):
            return
        kept = np.flatnonzero((self.send >= 0) & np.isin(self.customer, self.customer[rows]))
        old = self.send[kept]
        self.calendar.add(self.customer[kept], old, times=-1)
        everything = np.concatenate([kept, rows])
        day = np.full(len(self.customer), -1, np.int64)
        for asking in self._turns(everything, -self.high.astype(np.float64)):
            day[asking], _ = self._place(self.calendar, asking, early=True)
            placed = asking[day[asking] >= 0]
            self.calendar.add(self.customer[placed], day[placed])
        placed = everything[day[everything] >= 0]
        self.calendar.add(self.customer[placed], day[placed], times=-1)
        failed = self.customer[everything[day[everything] < 0]]
        fits = rows[~np.isin(self.customer[rows], failed)]
        fits = fits[self._share_out(fits, claim)]
        moved = np.isin(self.customer[kept], self.customer[fits])
        self.send[kept] = np.where(moved, day[kept], old)
        self.calendar.add(self.customer[kept], self.send[kept])
        self._keep(fits, day[fits])
        self.refused[fits] = ""

    def _keep(self, rows: NDArray[np.int64], day: NDArray[np.int64]) -> None:
        """Send `rows` on their days, and take what they draw from quotas, budget and the customers' days."""
        self.send[rows] = day
        self.calendar.add(self.customer[rows], day)
        self.budget = max(self.budget - float(self.spend[rows].sum()), 0.0)
        for pool in self.pools:
            np.subtract.at(self.left, pool[rows][pool[rows] >= 0], 1.0)

    def _place(
        self, calendar: Calendar, rows: NDArray[np.int64], *, early: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        barred, barred_from, barred_to = self._spans(rows)
        return calendar.place(
            self.customer[rows],
            low=self.low[rows],
            high=self.high[rows],
            target=self.low[rows] if early else self.target[rows],
            barred=barred,
            barred_from=barred_from,
            barred_to=barred_to,
        )

    def _exact(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
        """Choose exactly; the days are those nearest to their targets where these do for all of a customer's offers."""
        open_, _ = self.calendar.open_days(
            self.customer[rows], low=self.low[rows], high=self.high[rows], spans=self._spans(rows)
        )
        found = exact_plan(
            open_,
            customer=self.customer[rows],
            category=self.category[rows],
            worth=self.worth[rows],
            spend=self.spend[rows],
            pools=tuple(pool[rows] for pool in self.pools),
            quota=self.left,
            budget=self.budget,
            calendar=self.calendar,
        )
        if found is None:
            return None
        chosen, day = found
        trial = copy(self.calendar)
        trial.counts = trial.counts.copy()
        near = np.full(len(self.customer), -1, np.int64)
        for asking in self._turns(rows[chosen], self.worth):
            near[asking] = self._place(trial, asking)[0]
            placed = asking[near[asking] >= 0]
            trial.add(self.customer[placed], near[placed])
        stuck = np.isin(self.customer[rows], self.customer[rows[chosen & (near[rows] < 0)]])
        return chosen, np.where(stuck, day, near[rows])

    def _spans(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Give the places in `rows` with the spans of days that are barred to them."""
        first, last = np.searchsorted(self.barred, rows), np.searchsorted(self.barred, rows, side="right")
        many = last - first
        spans = np.arange(many.sum()) + np.repeat(first - (np.cumsum(many) - many), many)
        return np.repeat(np.arange(len(rows)), many), self.barred_from[spans], self.barred_to[spans]

    def _share_out(self, rows: NDArray[np.int64], claim: NDArray[np.float64]) -> NDArray[np.bool_]:
        kept = np.arange(len(rows))
        for pool in self.pools:
            mine = rows[kept]
            kept = kept[within_quota(pool[mine], self.left, claim[mine], self.worth[mine])]
        mine = rows[kept]
        kept = kept[within_budget(self.spend[mine], self.budget, self.worth[mine])]
        out = np.zeros(len(rows), dtype=bool)
        out[kept] = True
        return out

    def _refuse(self, rows: NDArray[np.int64], bad: NDArray[np.bool_], code: str) -> NDArray[np.int64]:
        self.refused[rows[bad]] = code
        return rows[~bad]

    def _doubled(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        size = int(self.category.max(initial=0)) + 1
        kept = np.flatnonzero((self.send >= 0) & (self.category >= 0))
        taken = self.customer[kept] * size + self.category[kept]
        return (self.category[rows] >= 0) & np.isin(self.customer[rows] * size + self.category[rows], taken)
