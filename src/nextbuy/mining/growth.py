"""Growing sequential patterns, with all places where each occurs, as arrays.

A pattern is a list of steps, each a set of items bought on one day. It occurs at a visit when it can end there within
the limits; of all ways to end there only the one that began latest is kept. Nothing is lost by that: a longer gap
limit counts from the last visit, the span limit from the first, and among a customer's visits the latest beginning
never moves back. So each occurrence has one best predecessor, the last one within the gap, and no two ways to the same
visit need ever be compared.

Two patterns of length n - 1 make one of length n when the first without its first item is the second without its last
(Zaki, SPADE, Machine Learning 42 (2001)): what is left out could not be frequent, since leaving out a pattern's
first or last item breaks no limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.exposures import spans
from nextbuy.orders.errors import InputError
from nextbuy.orders.lines import mix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases

CHUNK = 3_000_000  # occurrences looked at together: about 250 MB
BITS = 1 << 31  # patterns times customers up to which the sets of customers are kept as bits: 256 MB


@dataclass(frozen=True)
class Limits:
    """What a pattern must keep to; days and counts as in `Patterns`."""

    min_gap_days: int
    max_gap_days: int
    max_span_days: int
    min_customers: int
    max_length: int
    max_patterns: int


@dataclass(frozen=True)
class Level:
    """Patterns of one length, and where each occurs.

    Attributes
    ----------
    items, steps : (patterns, length) ndarray of int64
        Item codes, and for each the number of its step from 0; items ascend inside a step.
    prefix, suffix : (patterns,) ndarray of int64
        The pattern of the level before that is left without the last, and without the first item.
    customers : (patterns,) ndarray of int64
    mark : (patterns,) ndarray of uint64
        A fingerprint of the set of customers: equal sets have equal marks.
    pattern, event : (occurrences,) ndarray of int64
        Sorted by both; `event` is a row of the purchases: the first one of the last visit.
    days : (occurrences, steps) ndarray of int32
        Day of each step on the way that began latest.
    gaps : (patterns, length - 1) ndarray of float64
        Median days from step to step, over customers, on the first way each completes; NaN beyond the last step.
    span : (patterns, 3) ndarray of float64
        p10, p50, p90 of the days from first to last step, likewise.
    """

    items: NDArray[np.int64]
    steps: NDArray[np.int64]
    prefix: NDArray[np.int64]
    suffix: NDArray[np.int64]
    customers: NDArray[np.int64]
    mark: NDArray[np.uint64]
    pattern: NDArray[np.int64]
    event: NDArray[np.int64]
    days: NDArray[np.int32]
    gaps: NDArray[np.float64]
    span: NDArray[np.float64]

    def bare(self) -> Level:
        """Forget where the patterns occur."""
        none = np.zeros(0, np.int64)
        return replace(self, pattern=none, event=none, days=np.zeros((0, 1), np.int32))


@dataclass(frozen=True)
class _Grown:
    """New patterns by parent, last item and whether it comes later; occurrences by pattern, visit and origin."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    item: NDArray[np.int64]
    later: NDArray[np.bool_]
    pattern: NDArray[np.int64]
    event: NDArray[np.int64]
    origin: NDArray[np.int64]


class Growth:
    """The search: `levels` gives patterns of one item, of two, and so on."""

    def __init__(self, events: Purchases, limits: Limits) -> None:
        self.events, self.limits = events, limits
        self.fingerprint = mix(np.arange(1, events.n_customers + 1, dtype=np.uint64))
        size = len(events.day)
        visit = np.ones(size, dtype=bool)
        visit[1:] = (events.customer[1:] != events.customer[:-1]) | (events.day[1:] != events.day[:-1])
        at = np.flatnonzero(visit)
        number = np.cumsum(visit) - 1
        # by row: the first row of the visit; the rows that may follow it, and those that it may follow
        self.visit_of = at[number]
        self.visit_end = np.append(at[1:], size)[number]
        first, after, self.until = spans(events, np.arange(size), limits.max_gap_days)
        self.low = spans(events, np.arange(size), limits.min_gap_days - 1)[2]
        width = np.int64(events.end - events.start + 1)
        key = events.customer.astype(np.int64) * width + (events.day - events.start)
        base = events.customer.astype(np.int64) * width
        self.back_low = np.searchsorted(key, np.maximum(key - limits.max_gap_days, base))
        self.back_high = np.maximum(np.searchsorted(key, key - limits.min_gap_days, side="right"), first)
        self.back_high = np.maximum(self.back_high, self.back_low)
        self.until = np.maximum(self.until, after)
        self.found = 0

    def levels(self) -> Iterator[Level]:
        """Give the patterns length by length, each with its occurrences."""
        level = self._single()
        yield level
        for length in range(2, self.limits.max_length + 1):
            blocks = self._pairs(level) if length == 2 else self._joins(level)
            level = self._level(level, self._gathered(blocks, length))
            if not len(level.customers):
                return
            yield level

    def _single(self) -> Level:
        e = self.events
        rows = np.lexsort((np.arange(len(e.item)), e.item))
        items, none = np.arange(e.n_items)[:, None], np.zeros(e.n_items, np.int64)
        self.found = e.n_items
        return self._measured(
            items,
            np.zeros_like(items),
            none,
            none,
            e.item[rows].astype(np.int64),
            self.visit_of[rows],
            e.day[rows][:, None],
        )

    def _pairs(self, level: Level) -> Iterator[_Grown]:
        """Look from each single purchase ahead: what comes within the gap, and what shares its day."""
        e, n = self.events, self.events.n_items
        next_same = np.zeros(len(level.event), dtype=bool)
        same = (level.pattern[1:] == level.pattern[:-1]) & (
            e.customer[level.event[1:]] == e.customer[level.event[:-1]]
        )
        next_same[:-1] = same
        for later in (True, False):
            begin = self.low[level.event] if later else level.event
            end = (self.until if later else self.visit_end)[level.event]
            if later:
                # what the next purchase of the same item reaches too is that one's
                end = np.where(next_same, np.minimum(end, np.append(begin[1:], 0)), end)
            size = np.maximum(end - begin, 0)
            for low, high in _blocks(level.pattern, size, most_patterns=max(1, 8 * CHUNK // max(n, 1))):
                part = size[low:high]
                origin = np.repeat(np.arange(low, high), part)
                row = np.arange(len(origin)) + np.repeat(begin[low:high] - (np.cumsum(part) - part), part)
                item, one = e.item[row].astype(np.int64), level.pattern[origin]
                fits = np.ones(len(row), dtype=bool) if later else item > one
                if later and self.limits.max_span_days < self.limits.max_gap_days:
                    fits &= e.day[row] - e.day[level.event[origin]] <= self.limits.max_span_days
                least = level.pattern[low]
                key = (one - least) * n + item
                seen = np.bincount(key[fits], minlength=int(key.max(initial=-1)) + 1)
                rows = np.flatnonzero(fits & (seen >= self.limits.min_customers)[key]) if len(key) else key
                event = self.visit_of[row[rows]]
                by = np.argsort(key[rows] * np.int64(len(e.day)) + event)
                key, event, origin = key[rows][by], event[by], origin[rows][by]
                kept, pattern, stay = self._enough(key, event)
                yield _Grown(
                    kept // n + least,
                    kept % n,
                    kept % n,
                    np.full(len(kept), later),
                    pattern,
                    event[stay],
                    origin[stay],
                )

    def _joins(self, level: Level) -> Iterator[_Grown]:
        """Join patterns of one length whose suffix is the other's prefix."""
        e, size = self.events, np.int64(len(self.events.day))
        count = len(level.items)
        by = np.argsort(level.prefix, kind="stable")
        low_of, high_of = (np.searchsorted(level.prefix[by], level.suffix, side=s) for s in ("left", "right"))
        partners = high_of - low_of
        start = np.searchsorted(level.pattern, np.arange(count + 1))
        length = np.diff(start)
        later_of = (
            level.steps[:, -1] > level.steps[:, -2] if level.steps.shape[1] > 1 else np.zeros(count, bool)
        )
        work = np.concatenate([[0], np.cumsum(length[by])])
        total = np.concatenate([[0], np.cumsum(work[high_of] - work[low_of])])
        known = level.pattern * size + level.event
        bits = self._bits(level)
        low = 0
        while low < count:
            high = max(low + 1, int(np.searchsorted(total, total[low] + CHUNK, side="right")) - 1)
            n = partners[low:high]
            first = np.repeat(np.arange(low, high), n)
            second = by[
                np.arange(len(first)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low_of[low:high], n)
            ]
            if bits is not None:
                common = np.flatnonzero(_common(bits, first, second) >= self.limits.min_customers)
                first, second = first[common], second[common]
            each = length[second]
            pair = np.repeat(np.arange(len(first)), each)
            at = np.arange(len(pair)) + np.repeat(start[second] - (np.cumsum(each) - each), each)
            event, later = level.event[at], later_of[second][pair]
            mine = known[start[low] : start[high]]
            base = first[pair] * size
            # the last occurrence of the first pattern within the gap began latest: see the top of the file
            origin = (
                start[low]
                - 1
                + np.searchsorted(mine, base + np.where(later, self.back_high[event], event + 1))
            )
            least = base + np.where(later, self.back_low[event], event)
            fits = origin >= start[low]
            fits[fits] = known[origin[fits]] >= least[fits]
            fits[fits] &= e.day[event[fits]] - level.days[origin[fits], 0] <= self.limits.max_span_days
            rows = np.flatnonzero(fits)
            kept, pattern, stay = self._enough(pair[rows], event[rows])
            yield _Grown(
                first[kept],
                second[kept],
                level.items[second[kept], -1],
                later_of[second[kept]],
                pattern,
                event[rows][stay],
                origin[rows][stay],
            )
            low = high

    def _bits(self, level: Level) -> NDArray[np.uint64] | None:
        """Give the customers of each pattern as bits; None when that would take too much memory."""
        words = self.events.n_customers // 64 + 1
        if len(level.items) * words * 64 > BITS:
            return None
        bits = np.zeros((len(level.items), words), np.uint64)
        customer = self.events.customer[level.event].astype(np.uint64)
        bit = np.uint64(1) << (customer & np.uint64(63))
        np.bitwise_or.at(bits, (level.pattern, (customer >> np.uint64(6)).astype(np.int64)), bit)
        return bits

    def _enough(self, key: NDArray, event: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Give keys that enough customers have, and of the occurrences that stay the key's place and the row."""
        customer = self.events.customer[event]
        new = np.ones(len(key), dtype=bool)
        new[1:] = key[1:] != key[:-1]
        group = np.cumsum(new) - 1
        one = new.copy()
        one[1:] |= customer[1:] != customer[:-1]
        enough = np.bincount(group[one]) >= self.limits.min_customers if len(key) else np.zeros(0, bool)
        stay = np.flatnonzero(enough[group])
        place = np.cumsum(enough) - 1
        return key[new][enough], place[group[stay]], stay

    def _gathered(self, blocks: Iterator[_Grown], length: int) -> list[_Grown]:
        """Collect blocks; more patterns than allowed end the search."""
        out = []
        for block in blocks:
            out.append(block)
            self.found += len(block.first)
            if self.found > self.limits.max_patterns:
                raise InputError(
                    f"More than max_patterns={self.limits.max_patterns:,} patterns at length {length}; the search was "
                    f"stopped before it filled the memory. Raise min_customers (now {self.limits.min_customers:,}), "
                    f"lower max_gap_days (now {self.limits.max_gap_days}), set max_length={max(length - 1, 2)}, or "
                    "mine a level of the catalog: Patterns(level='category')."
                )
        return out

    def _level(self, before: Level, grown: list[_Grown]) -> Level:
        """Put the blocks together: the patterns and, sorted by them, their occurrences."""
        shift = np.cumsum([0, *(len(g.first) for g in grown)])
        first, second, item, event, origin = (
            np.concatenate([np.zeros(0, np.int64), *(getattr(g, name) for g in grown)])
            for name in ("first", "second", "item", "event", "origin")
        )
        later = np.concatenate([np.zeros(0, bool), *(g.later for g in grown)])
        pattern = np.concatenate(
            [np.zeros(0, np.int64), *(g.pattern + s for g, s in zip(grown, shift, strict=False))]
        )
        step = before.steps[first, -1] + later
        days = before.days[origin]
        if len(step) and step.max() >= days.shape[1]:
            days = np.concatenate([days, np.zeros((len(days), 1), np.int32)], axis=1)
        days[np.arange(len(days)), step[pattern]] = self.events.day[event]
        items, steps = (
            np.column_stack([before.items[first], item]),
            np.column_stack([before.steps[first], step]),
        )
        return self._measured(items, steps, first, second, pattern, event, days)

    def _measured(
        self,
        items: NDArray,
        steps: NDArray,
        prefix: NDArray,
        suffix: NDArray,
        pattern: NDArray,
        event: NDArray,
        days: NDArray,
    ) -> Level:
        """Count customers and measure gaps, each customer by the first completion."""
        customer = self.events.customer[event]
        first = np.ones(len(pattern), dtype=bool)
        first[1:] = (pattern[1:] != pattern[:-1]) | (customer[1:] != customer[:-1])
        at = np.flatnonzero(first)
        owner, count, number = pattern[at], len(items), steps[:, -1]
        mark = np.zeros(count, np.uint64)
        np.add.at(mark, owner, self.fingerprint[customer[at]])
        gaps = np.full((count, items.shape[1] - 1), np.nan)
        for j in range(days.shape[1] - 1):
            has = number[owner] > j
            gaps[:, j] = _quantiles(days[at[has], j + 1] - days[at[has], j], owner[has], count, 0.5)[:, 0]
        span = _quantiles(days[at, number[owner]] - days[at, 0], owner, count, 0.1, 0.5, 0.9)
        customers = np.bincount(owner, minlength=count)
        return Level(items, steps, prefix, suffix, customers, mark, pattern, event, days, gaps, span)


def _common(bits: NDArray[np.uint64], first: NDArray, second: NDArray) -> NDArray[np.int64]:
    """Count the customers that two patterns share, pair by pair: at most so many have both joined."""
    out = np.zeros(len(first), np.int64)
    rows = max(1, CHUNK // bits.shape[1])
    for at in range(0, len(first), rows):
        part = slice(at, at + rows)
        out[part] = np.bitwise_count(bits[first[part]] & bits[second[part]]).sum(axis=1, dtype=np.int64)
    return out


def _blocks(pattern: NDArray, size: NDArray, *, most_patterns: int) -> Iterator[tuple[int, int]]:
    """Cut sorted occurrences between patterns, so that a block's continuations and keys fit the memory."""
    total = np.concatenate([[0], np.cumsum(size)])
    edges = np.append(np.flatnonzero(np.diff(pattern, prepend=-1)), len(pattern))
    low = 0
    while low < len(edges) - 1:
        high = int(np.searchsorted(total[edges], total[edges[low]] + CHUNK, side="right")) - 1
        high = max(low + 1, min(high, low + most_patterns))
        yield int(edges[low]), int(edges[high])
        low = high


def _quantiles(value: NDArray, group: NDArray, size: int, *levels: float) -> NDArray[np.float64]:
    """Quantiles by group, linear between values as numpy's; NaN for an empty group: (size, levels)."""
    by = np.lexsort((value, group))
    ordered = value[by].astype(np.float64)
    count = np.bincount(group, minlength=size)
    start = np.cumsum(count) - count
    out = np.full((size, len(levels)), np.nan)
    some = count > 0
    for j, level in enumerate(levels):
        at = (count[some] - 1) * level
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, count[some] - 1)
        a, b = ordered[start[some] + low], ordered[start[some] + high]
        out[some, j] = a + (b - a) * (at - low)
    return out
