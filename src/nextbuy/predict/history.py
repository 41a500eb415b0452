"""What is known at a cut: one customer's past with each item, one row a pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.followers import by_rows
from nextbuy.mining.parts import Whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.lines import changes, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from nextbuy.mining.exposures import Purchases


@dataclass(frozen=True)
class Timeline(Whole):
    """All purchase days of a table, sorted for pairs once, so that any cut is a filter.

    Attributes
    ----------
    events : Purchases
        Sorted by customer and day.
    by_pair : ndarray of int64
        Rows of `events` sorted by customer, item and day.
    visit : ndarray of int32
        Number of the customer's order day, counted from 0, for each event.
    """

    events: Purchases
    by_pair: NDArray[np.int64]
    visit: NDArray[np.int32]

    @classmethod
    def of(cls, events: Purchases) -> Timeline:
        """Sort the events by pair and number every customer's order days."""
        if len(events.item) and not 0 <= events.item.min() <= events.item.max() < events.n_items:
            raise InputError(  # a model from a stranger: compiled code would write to wherever a code points
                f"The purchases hold codes of items beyond the {events.n_items:,} items of the model. It was not "
                "stored by nextbuy: fit one anew."
            )
        new_customer, new_day = changes(events.customer), changes(events.customer, events.day)
        number = np.cumsum(new_day)
        base = (
            number[np.maximum.accumulate(np.where(new_customer, np.arange(len(number)), 0))]
            if len(number)
            else number
        )
        by_pair = sorted_rows(events.customer, events.item, events.day)
        return cls(events, by_pair, (number - base).astype(np.int32))

    def before(self, cut: int) -> History:
        """Give what was known before day `cut`."""
        return History(self, cut)


class History:
    """The pairs (customer, item) bought before `cut`, sorted by customer and item, and what happened to them."""

    def __init__(self, timeline: Timeline, cut: int) -> None:
        self.cut = cut
        self.n_customers, self.n_items = timeline.events.n_customers, timeline.events.n_items
        e, rows, self.events, self.visit = timeline.events, timeline.by_pair, timeline.events, timeline.visit
        known = e.day < cut
        if not known.all():
            self.events, self.visit, rows = e.where(known), timeline.visit[known], rows[known[rows]]
        self._customer, self._item, self._day = e.customer[rows], e.item[rows], e.day[rows]
        self._gap = np.where(e.first[rows], 0, self._day - e.previous[rows])
        self.starts = changes(self._customer, self._item).nonzero()[0]
        self.customer, self.item = self._customer[self.starts], self._item[self.starts]
        ends = np.empty_like(self.starts)
        ends[:-1], ends[-1:] = self.starts[1:], len(rows)
        self.count, last = ends - self.starts, ends - 1
        self.first_day, self.last_day = self._day[self.starts], self._day[last]
        self._visit = timeline.visit[rows]
        self.last_visit = self._visit[last]

    def __len__(self) -> int:
        return len(self.starts)

    def sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum a value of each event over its pair."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)

    def decayed(self, half_life_days: float) -> NDArray[np.float64]:
        """Purchase days of each pair, each worth half as much every `half_life_days`."""
        return self.sum(np.exp2((self._day - self.cut) / half_life_days))

    def decayed_by_visit(self, keep: float) -> NDArray[np.float64]:
        """Purchase days of each pair, each worth `keep` times as much for every order day of the customer since."""
        since = self.customers.visits[self._customer] - 1 - self._visit
        return self.sum(np.float64(keep) ** since.astype(np.float64))

    @cached_property
    def log_gaps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean log gap of each pair in days, and the sum of squared deviations from it (0 where there is no gap)."""
        log = np.log(np.maximum(self._gap, 1))
        log[self.starts] = 0.0
        n = np.maximum(self.count - 1, 1)
        mean = self.sum(log) / n
        return mean, np.maximum(self.sum(log**2) - n * mean**2, 0.0) * (self.count > 1)

    @cached_property
    def customers(self) -> Customers:
        """Each customer's activity."""
        return Customers.of(self)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each customer's pairs begin, and the end."""
        # numbers of 64 bits would be looked for in a copy of as many bits
        return np.searchsorted(self.customer, np.arange(self.n_customers + 1, dtype=np.int32))

    def matrix(self, weight: NDArray[np.floating]) -> sparse.csr_array:
        """Customers by items, sparse, holding `weight` of each pair."""
        return by_rows(weight, self.item, self.offsets, self.n_items)

    def bought_by(self, days: int, *, until: int | None = None) -> NDArray[np.int64]:
        """How many customers bought each item in the last `days` before `until` (default: the cut)."""
        end = self.cut if until is None else until
        recent = (self._day >= end - days) & (self._day < end)
        key = np.unique(self._customer[recent].astype(np.int64) * self.n_items + self._item[recent])
        return np.bincount(key % max(self.n_items, 1), minlength=self.n_items)

    def new_buyers(self, days: int) -> NDArray[np.int64]:
        """How many customers bought each item for the first time in the last `days` days, not in their first order."""
        entry = self.customers.first_day[self.customer]
        recent = (self.first_day >= self.cut - days) & (self.first_day > entry)
        return np.bincount(self.item[recent], minlength=self.n_items)


@dataclass(frozen=True)
class Customers:
    """One row per customer; customers without history before the cut have `visits` 0.

    Attributes
    ----------
    visits : ndarray of int64
        Order days.
    first_day, last_day : ndarray of int64
    basket : ndarray of float64
        Mean items an order day.
    items : ndarray of int64
        Different items bought.
    visits_30, visits_90 : ndarray of int64
        Order days in the last 30 and 90 days.
    visits_decayed : ndarray of float64
        Order days, each worth half as much every 90 days.
    """

    visits: NDArray[np.int64]
    first_day: NDArray[np.int64]
    last_day: NDArray[np.int64]
    basket: NDArray[np.float64]
    items: NDArray[np.int64]
    visits_30: NDArray[np.int64]
    visits_90: NDArray[np.int64]
    visits_decayed: NDArray[np.float64]

    @classmethod
    def of(cls, history: History) -> Customers:
        """Count orders, spans and baskets."""
        e, n, cut = history.events, history.n_customers, history.cut
        new = changes(e.customer, e.day)
        c, d = e.customer[new], e.day[new]
        visits = np.bincount(c, minlength=n)
        first, last = np.full(n, cut, np.int64), np.full(n, -(2**31), np.int64)
        np.minimum.at(first, c, d)
        np.maximum.at(last, c, d)
        lines = np.bincount(e.customer, minlength=n)
        return cls(
            visits,
            first,
            last,
            lines / np.maximum(visits, 1),
            np.bincount(history.customer, minlength=n),
            np.bincount(c[d >= cut - 30], minlength=n),
            np.bincount(c[d >= cut - 90], minlength=n),
            np.bincount(c, np.exp2((d - cut) / 90), n).astype(np.float64),
        )
