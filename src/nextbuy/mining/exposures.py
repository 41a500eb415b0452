"""Who bought A, who bought B afterwards: the counts behind every sequential rule.

All counts are sums over customers, so the counts of two disjoint groups of customers add up to those of both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from nextbuy.mining.expansion import Behind, by_item, later_pairs, runs
from nextbuy.mining.parts import Counts, Whole, whole_customers
from nextbuy.orders import scratch
from nextbuy.orders.lines import changes, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from nextbuy.orders.table import Orders

Occurrence = Literal["first", "any"]
WEEK = 7


@dataclass(frozen=True)
class Purchases(Whole):
    """Distinct (customer, day, item) events, sorted by customer and day.

    Attributes
    ----------
    customer, day, item : ndarray of int32
    previous : ndarray of int32
        Day on which this customer last bought the item before; a very early day for a first purchase.
    entry : ndarray of int32, one per event
        The customer's first day.
    half : ndarray of bool, one per event
        Which half of the customers, by a hash of the customer's own orders.
    start, end : int
        First day of the table and the day after its last.
    """

    customer: NDArray[np.int32]
    day: NDArray[np.int32]
    item: NDArray[np.int32]
    previous: NDArray[np.int32]
    entry: NDArray[np.int32]
    half: NDArray[np.bool_]
    n_customers: int
    n_items: int
    start: int
    end: int

    @property
    def first(self) -> NDArray[np.bool_]:
        """Mark the events that are a customer's first purchase of the item."""
        first: NDArray[np.bool_] = self.previous == NEVER
        return first

    def where(self, keep: NDArray[Any] | slice) -> Purchases:
        """Keep the marked or listed events, or a slice of them without a copy; the span stays."""
        arrays = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name not in _SCALARS}
        return Purchases(**arrays, **{name: getattr(self, name) for name in _SCALARS})

    def fill(self, other: Purchases) -> None:
        """Put as many other events in the place of these."""
        for f in fields(self):
            if f.name not in _SCALARS:
                getattr(self, f.name)[:] = getattr(other, f.name)

    def between(self, low: int, high: int) -> Purchases:
        """Give the customers from `low` to before `high` and nobody else, numbered from 0, without a copy of theirs."""
        high = min(high, self.n_customers)
        if (low, high) == (0, self.n_customers):
            return self
        rows = slice(*np.searchsorted(self.customer, np.array((low, high), np.int32)))
        mine = self.where(rows)
        return replace(mine, customer=mine.customer - np.int32(low), n_customers=max(high - low, 0))

    def of_customers(self, codes: NDArray[np.int64]) -> Purchases:
        """Give some customers and nobody else, numbered in the order given (codes must rise)."""
        new = np.full(self.n_customers, -1, np.int32)
        new[codes] = np.arange(len(codes), dtype=np.int32)
        mine = self.where(new[self.customer] >= 0)
        return replace(mine, customer=new[mine.customer], n_customers=len(codes))

    def __add__(self, other: Purchases) -> Purchases:
        """Put the events of other customers of the same table to these."""
        arrays: dict[str, Any] = {
            f.name: np.concatenate([getattr(part, f.name) for part in (self, other)])
            for f in fields(self)
            if f.name not in _SCALARS
        }
        both = replace(self, **arrays)
        return both.where(np.argsort(both.customer, kind="stable"))


_SCALARS = ("n_customers", "n_items", "start", "end")
NEVER = np.int32(-(2**30))


def purchases(orders: Orders) -> Purchases:
    """Reduce orders to distinct (customer, day, item) events. Two sorts of the lines of some customers at a time."""
    half = (orders.customer_hash >> np.uint64(17)) & np.uint64(1) == 1
    until = 0 if orders.known_before is None else -(-orders.known_before // 86_400_000_000)
    kinds = dict.fromkeys(("customer", "day", "item", "previous", "entry"), np.int32) | {"half": np.bool_}
    lines, filled = len(orders.item), 0
    arrays: dict[str, Any] = {name: scratch.empty(lines, kind) for name, kind in kinds.items()}
    events = Purchases(**arrays, n_customers=len(half), n_items=orders.n_items, start=0, end=0)
    ends: list[tuple[int, int]] = []
    for some in whole_customers(orders.customer):
        part = from_lines(
            *(column[some] for column in (orders.customer, orders.day, orders.item)),
            half=half,
            n_items=orders.n_items,
            known_until=until,
        )
        events.where(slice(filled, filled + len(part.day))).fill(part)
        ends.append((part.start, part.end))
        filled += len(part.day)
    start, end = zip(*ends, strict=True)
    return replace(events.where(slice(filled)), start=min(start), end=max(end))


def from_lines(
    customer: NDArray[np.int32],
    day: NDArray[np.int32],
    item: NDArray[np.int32],
    *,
    half: NDArray[np.bool_],
    n_items: int,
    known_until: int = 0,
) -> Purchases:
    """Reduce lines, in any order, to distinct events; `half` by customer, `known_until` a day the table reaches."""
    n_customers = len(half)
    by = sorted_rows(customer, item, day)
    c, d, i = customer[by], day[by], item[by]
    new = changes(c, i, d)
    c, d, i = c[new], d[new], i[new]
    previous = np.full(len(c), NEVER, np.int32)
    same = (c[1:] == c[:-1]) & (i[1:] == i[:-1])
    previous[1:][same] = d[:-1][same]
    by = sorted_rows(c, d, i)
    entry = np.full(n_customers, 2**31 - 1, np.int32)
    np.minimum.at(entry, c, d)
    c = c[by]
    start, end = (int(day.min()), int(day.max()) + 1) if len(day) else (0, 1)
    return Purchases(
        c, d[by], i[by], previous[by], entry[c], half[c], n_customers, n_items, start, max(end, known_until)
    )


@dataclass
class PairCounts(Counts):
    """Counts for every ordered pair (A, B) of items; additive over customers.

    Attributes
    ----------
    watched : (items,) ndarray of int64
        Customers whose first A falls after the burn-in: those who can be exposed.
    ends : (items, weeks) ndarray of int64
        The same by calendar week of the end of their watch less those of its start, in sevenths: a day is shared by
        the two neighbouring weeks.
    arrivals : (items, weeks) ndarray of int32
        Purchases of B that can follow something, by week: first ever and not on the customer's first day.
    entered : (weeks,) ndarray of int64
        Customers by week of their first order.
    owned : (items, weeks) ndarray of int32
        First purchases by week, those of the first day included.
    followed : (items, items) csr_array of int32
        Customers who bought B within the window after A.
    lags, watches : (window_days + 1,) ndarray of int64
        Followers of all pairs by lag in days; watched customers of all items by length of watch.
    """

    watched: NDArray[np.int64]
    ends: NDArray[np.int64]
    arrivals: NDArray[np.int32]
    entered: NDArray[np.int64]
    owned: NDArray[np.int32]
    followed: sparse.csr_array
    lags: NDArray[np.int64]
    watches: NDArray[np.int64]

    def __add__(self, other: Self) -> Self:
        from nextbuy.mining.followers import added

        names = (f.name for f in fields(self) if f.name != "followed")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return type(self)(**sums, followed=added(self.followed, other.followed))

    def background(self, bins: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hazard per day by lag bin of all pairs together: what exposure and fading activity alone give."""
        alive = np.cumsum(self.watches[::-1])[::-1]  # watched for at least so many days
        days = np.cumsum(alive) - alive[0]
        came = np.cumsum(self.lags)
        hazard: NDArray[np.float64] = np.diff(came[bins]) / np.maximum(np.diff(days[bins]), 1)
        return hazard


def anchors(events: Purchases, *, burn_in_days: int) -> NDArray[np.int64]:
    """Rows of first purchases late enough that "not before" means something."""
    return np.flatnonzero(events.first & (events.day >= events.start + burn_in_days))


def spans(events: Purchases, rows: NDArray[np.int64], window_days: int) -> tuple[NDArray[np.int64], ...]:
    """Where the customer's events begin, where the days after the row's day begin, where the window ends.

    Returns (first, after, until): rows of `events`; [first, after) is before or on the same day, [after, until)
    within the window.
    """
    customer, day = events.customer, events.day
    width = np.int64(events.end - events.start + 1 + window_days)
    key = customer * width + (day - events.start)
    begin = np.zeros(events.n_customers + 1, np.int64)
    np.cumsum(np.bincount(customer, minlength=events.n_customers), out=begin[1:])
    mine = customer[rows]
    new = np.diff(key, prepend=key[:1]) > 0
    after = np.append(np.flatnonzero(new), len(key))[np.cumsum(new)[rows]]
    within = np.minimum(key[rows] + window_days, (mine + 1) * width - 1)
    return begin[mine], after, np.searchsorted(key, within, side="right")


def count_pairs(
    events: Purchases, *, window_days: int, burn_in_days: int = 0, occurrence: Occurrence = "first"
) -> PairCounts:
    """Count followers for every ordered pair of items.

    Time is linear in the number of pair events (a customer's A before B), memory in the pairs that occur (8 bytes
    each) and in `CHUNK`.
    """
    from nextbuy.mining.followers import by_rows  # scipy takes a tenth of a second

    n = events.n_items
    weeks = (events.end - events.start) // WEEK + 2
    if occurrence == "first":
        events = events.where(events.first)
    rows = anchors(events, burn_in_days=burn_in_days)
    _, after, until = spans(events, rows, window_days)
    lags, in_row = np.zeros(window_days + 1, np.int64), np.zeros(n + 1, np.int64)
    columns, counts = scratch.Growing(np.int32), scratch.Growing(np.int32)
    for later, key, lag in later_pairs(events, rows, after, until, occurrence):
        lags += np.bincount(lag, minlength=window_days + 1)
        key.sort()  # sorted, not tabulated: of many items most cells stay empty
        start = runs(key)
        a, b = np.divmod(key[start] + np.int64(later.base), n)
        in_row[1:] += np.bincount(a, minlength=n)
        columns.add(b)
        counts.add(np.diff(start, append=len(key)))

    def by_week(chosen: NDArray, day: NDArray) -> NDArray[np.int32]:
        key = events.item[chosen] * np.int64(weeks) + (day[chosen] - events.start) // WEEK
        return np.bincount(key, minlength=n * weeks).astype(np.int32).reshape(n, weeks)

    late = events.first & (events.day > events.entry) if occurrence == "first" else events.day > events.entry
    entry = np.full(events.n_customers, -1, np.int64)
    entry[events.customer] = events.entry
    seen = entry[entry >= 0]
    item, day = events.item[rows], events.day[rows] - events.start
    return PairCounts(
        watched=np.bincount(item, minlength=n),
        ends=_spread(item, np.minimum(day + window_days, events.end - 1 - events.start), n, weeks)
        - _spread(item, day, n, weeks),
        arrivals=by_week(np.flatnonzero(late), events.day),
        entered=np.bincount((seen - events.start) // WEEK, minlength=weeks),
        owned=by_week(np.flatnonzero(events.first), events.day),
        followed=by_rows(counts.array(), columns.array(), np.cumsum(in_row), n),
        lags=lags,
        watches=np.bincount(
            np.minimum(events.end - 1 - events.day[rows], window_days), minlength=window_days + 1
        ),
    )


def _spread(item: NDArray, day: NDArray, n: int, weeks: int) -> NDArray[np.int64]:
    """Count items by week in sevenths, each day shared between the two week boundaries beside it."""
    week, part = np.divmod(day, WEEK)
    key, share = item * np.int64(weeks) + week, part + 1  # the day's end counts: day 0 lies 1/7 in
    size = n * weeks
    here, next_week = np.bincount(key, WEEK - share, size), np.bincount(key + 1, share, size + 1)[:size]
    return np.asarray(here + next_week, np.int64).reshape(n, weeks)


def count_exposed(
    events: Purchases,
    antecedent: NDArray[np.int64],
    consequent: NDArray[np.int64],
    *,
    burn_in_days: int = 0,
    occurrence: Occurrence = "first",
) -> NDArray[np.int64]:
    """Count the customers watched for B after A, of chosen pairs: those who had B neither before nor with A.

    Memory: `CHUNK` and the pairs asked for.
    """
    if occurrence == "first":
        events = events.where(events.first)
    rows = anchors(events, burn_in_days=burn_in_days)
    exposed = np.bincount(events.item[rows], minlength=events.n_items)[antecedent]
    if occurrence == "any":
        return exposed
    cell = antecedent * np.int64(events.n_items) + consequent
    by = np.argsort(cell)
    cell, had = cell[by], np.zeros(len(by), np.int64)
    wanted = np.zeros(events.n_items, dtype=bool)
    wanted[antecedent] = True
    rows = rows[wanted[events.item[rows]]]
    first, after, _ = spans(events, rows, 0)
    for part in by_item(events.item[rows], after - first):
        earlier = Behind(events, rows[part], first[part], after[part] - first[part])
        seen = np.sort(earlier.keys())
        low, high = np.searchsorted(cell, (earlier.base, earlier.base + int(seen[-1]) + 1))
        asked = (cell[low:high] - earlier.base).astype(seen.dtype)
        had[low:high] += np.searchsorted(seen, asked, "right") - np.searchsorted(seen, asked)
    exposed[by] -= had
    return exposed
