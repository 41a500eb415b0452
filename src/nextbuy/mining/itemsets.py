"""Frequent itemsets: one kernel for pairs and for any length, blocked so that memory stays bounded.

The search is depth-first over blocks of prefixes and level-wise inside a block. A group is one order seen
from one prefix: the sets of the level (prefix plus one item) that this order holds. Every two members x < y
of a group are one occurrence of the set "x and y", so that extending by one item is always the same step:
list the pairs inside the groups, count them, keep what is frequent. At the first level the groups are the
orders themselves and the members are the items. Items are ranked rarest first, which keeps the prefixes'
groups short even when a basket holds hundreds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.mining.levels import Block, Found, Level, Pairs, filtered, groups, joined
from nextbuy.mining.sets import Itemsets
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.baskets import Baskets
    from nextbuy.mining.sets import Limits, Roles

# occurrences listed at once (about 50 bytes each) and kept for the next level (about 10 bytes each); 0.5 to 2
# million measure alike, larger ones fall out of the processor's cache
BLOCK = 500_000
PENDING = 4_000_000


class _Search:
    """One run of the search over ranked baskets."""

    def __init__(self, baskets: Baskets, limits: Limits, roles: Roles | None) -> None:
        self.limits, self.roles = limits, roles
        self.customer = baskets.customer if baskets.has_customers else None
        self.n_customers = baskets.n_customers
        self.weight = baskets.weight
        self.found = Found()
        self.max_length = limits.max_length or np.iinfo(np.int16).max

        orders = np.bincount(baskets.item, minlength=baskets.n_items)
        tid = np.repeat(np.arange(baskets.n_orders, dtype=np.int32), np.diff(baskets.order_offsets))
        weight = self._weights(baskets.item, tid, baskets.n_items)
        keep = self._enough(orders, weight)
        if roles is not None:
            keep &= roles.antecedent | roles.consequent
        lines = np.flatnonzero(keep[baskets.item]) if not keep.all() else np.arange(len(baskets.item))
        item, tid = baskets.item[lines], tid[lines]
        customers = self._distinct(item, tid, baskets.n_items, orders)
        if (customers[keep] < limits.min_customers).any():
            keep &= customers >= limits.min_customers
            lines = np.flatnonzero(keep[item])
            item, tid = item[lines], tid[lines]

        # items that may be consequents come first, so that a set without one never gets one later; then
        # rarest first
        code = np.flatnonzero(keep)
        last = np.zeros(len(code), bool) if roles is None else ~roles.consequent[code]
        self.code = code[np.lexsort((code, orders[code], last))].astype(np.int32)
        self.parent_rank = None
        rank = np.full(baskets.n_items, -1, np.int32)
        rank[self.code] = np.arange(len(code), dtype=np.int32)
        if baskets.ancestor is not None:
            up = baskets.ancestor[self.code]
            self.parent_rank = np.where(up >= 0, rank[up], -1)
        self.is_antecedent = None if roles is None else roles.antecedent[self.code]
        self.is_consequent = None if roles is None else roles.consequent[self.code]
        self.found.tested[1] = int((orders > 0).sum())
        counts = (orders[self.code], customers[self.code], weight[self.code])
        node = self.found.add(np.full(len(code), -1), np.arange(len(code)), 1, counts)
        self.first = self._first_level(node, rank[item], tid)

    def _first_level(self, node: NDArray, ranked: NDArray[np.int32], tid: NDArray[np.int32]) -> Level:
        """Take the orders as groups, their lines in rank order; orders of one item leave."""
        size = np.bincount(tid, minlength=int(tid[-1]) + 1 if len(tid) else 0)
        long = np.flatnonzero((size > 1)[tid])
        ranked, tid = ranked[long], tid[long]
        width = _width(len(size) * len(node))
        key = tid.astype(width) * width(len(node)) + ranked.astype(width)
        key.sort()
        tid = (key // width(max(len(node), 1))).astype(np.int32)
        member = (key - tid.astype(width) * width(len(node))).astype(np.int32)
        start = np.flatnonzero(np.diff(tid, prepend=-1)).astype(np.int64)
        return Level(
            node,
            np.arange(len(node), dtype=np.int32),
            np.full(len(node), len(node)),
            member,
            np.append(start, len(member)),
            tid[start],
        )

    def _weights(self, key: NDArray, tid: NDArray, size: int) -> NDArray[np.float64]:
        if self.weight is None:
            return np.zeros(size)
        return np.bincount(key, self.weight[tid], minlength=size).astype(np.float64)

    def _enough(self, orders: NDArray, weight: NDArray) -> NDArray[np.bool_]:
        enough = orders >= self.limits.min_orders
        return enough if self.weight is None else enough & (weight >= self.limits.min_weight)

    def _distinct(self, key: NDArray, tid: NDArray, size: int, orders: NDArray) -> NDArray[np.int64]:
        """Count the customers behind each key."""
        if self.customer is None:
            return orders
        width = _width(size * self.n_customers)
        both = key.astype(width)
        both *= width(self.n_customers)
        both += self.customer.astype(width)[tid]
        both.sort()
        new = np.ones(len(both), bool)
        new[1:] = both[1:] != both[:-1]
        both = both[new]
        both //= width(self.n_customers)
        return np.bincount(both, minlength=size)

    def grow(self, level: Level, length: int) -> None:
        """Find all sets of more than `length` items that begin with a set of this level."""
        if length >= self.max_length:
            return
        # counted of sets without an order to look at too, whatever the blocks that they came in
        candidates = int((level.class_end - np.arange(len(level.node)) - 1).sum())
        if candidates:
            self.found.tested[length + 1] = self.found.tested.get(length + 1, 0) + candidates
        if not len(level.member):
            return
        pending: list[Level] = []
        waiting = 0
        for block in self._blocks(level, length):
            longer = self._extend(level, block, length)
            if longer is not None:
                pending.append(longer)
                waiting += len(longer.member)
                if waiting > PENDING:
                    self.grow(joined(pending), length + 1)
                    pending, waiting = [], 0
        if pending:
            self.grow(joined(pending), length + 1)

    def _blocks(self, level: Level, length: int) -> Iterator[Block]:
        """Give the members in runs of bounded work."""
        size = np.diff(level.start)
        places = np.arange(len(level.member), dtype=np.int32)
        followers = np.repeat((level.start[1:] - 1).astype(np.int32), size) - places
        useful = followers > 0
        if self.is_consequent is not None and length + 1 == self.max_length:
            # a longest set without any consequent is neither a rule nor the antecedent of one
            useful &= self._has_consequent(level.node)[level.member]
        lines = places[useful]
        x = level.member[lines]
        events = np.zeros(len(level.node) + 1, np.int64)
        np.cumsum(np.bincount(x, followers[lines], len(level.node)), out=events[1:], dtype=np.int64)
        small = x.astype(np.uint16) if len(level.node) <= 1 << 16 else x  # numpy sorts 16 bits by radix
        lines = lines[np.argsort(small, kind="stable")]
        followers, tid = followers[lines], np.repeat(level.tid, size)[lines]
        candidates = np.zeros(len(level.node) + 1, np.int64)
        np.cumsum(level.class_end - np.arange(len(level.node)) - 1, out=candidates[1:])
        line_end = np.cumsum(np.bincount(x, minlength=len(level.node)))
        low = 0
        while low < len(level.node):
            high = max(low + 1, int(np.searchsorted(events, events[low] + BLOCK, side="right")) - 1)
            high = min(
                high, max(low + 1, int(np.searchsorted(candidates, candidates[low] + 4 * BLOCK, "right")) - 1)
            )
            here = slice(line_end[low - 1] if low else 0, line_end[high - 1])
            if here.start < here.stop:
                yield Block(low, high, lines[here], followers[here], tid[here])
            low = high

    def _extend(self, level: Level, block: Block, length: int) -> Level | None:
        """Count the pairs that begin in the block, record the frequent ones and give their groups."""
        low, high, lines, followers, tid = block.low, block.high, block.lines, block.followers, block.tid
        x = np.arange(low, high)
        width = level.class_end[low:high] - x - 1
        first_key = np.cumsum(width) - width
        size = int(width.sum())
        base = first_key - (x + 1)  # key of (x, y) is base[x] + y, dense over the block
        # one x with more pairs than a block is listed in parts, twice; all else in one part, once
        ends = np.cumsum(followers)
        cuts = np.searchsorted(ends, np.arange(0, ends[-1], 4 * BLOCK), side="left")
        parts = [slice(a, b) for a, b in zip(cuts, np.append(cuts[1:], len(lines)), strict=True) if a < b]
        listed = [Pairs(lines[part], followers[part]) for part in parts]
        bases = [base[level.member[lines[part]] - low] for part in parts]
        key, orders, weight = np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0)
        for part, one, of_line in zip(parts, listed, bases, strict=True):
            key = one.keys(level.member, of_line)
            orders = _added(orders, np.bincount(key, minlength=size))
            if self.weight is not None:
                heavy = np.bincount(key, one.repeat(self.weight[tid[part]]), minlength=size)
                weight = _added(weight, heavy)
        enough = np.flatnonzero(self._enough(orders, weight))
        begin = np.searchsorted(first_key, enough, side="right") - 1
        second = enough - base[begin]
        allowed = self._allowed(level, begin + low, second, length)
        enough, begin, second = enough[allowed], begin[allowed], second[allowed]
        if not len(enough):
            return None
        new, frequent = np.zeros(size, np.int32), np.zeros(size, bool)
        new[enough], frequent[enough] = np.arange(len(enough), dtype=np.int32), True

        last = length + 1 >= self.max_length
        kept_line: list[NDArray] = []
        kept_set: list[NDArray] = []
        if not (last and self.customer is None):
            for part, one, of_line in zip(parts, listed, bases, strict=True):
                if len(parts) > 1:
                    key = one.keys(level.member, of_line)
                hit = np.flatnonzero(frequent.take(key))
                kept_set.append(new[key[hit]])
                kept_line.append(one.line_of(hit) + np.int32(part.start))
        orders = orders[enough]
        if kept_set:
            members, line = np.concatenate(kept_set), np.concatenate(kept_line)
            customers = self._distinct(members, tid[line], len(enough), orders)
        else:
            members, line, customers = np.zeros(0, np.int32), np.zeros(0, np.int32), orders
        stay = customers >= self.limits.min_customers
        if not stay.any():
            return None
        weight = np.zeros(int(stay.sum())) if self.weight is None else weight[enough[stay]]
        counts = (orders[stay], customers[stay], weight)
        item = level.item[second[stay]]
        node = self.found.add(level.node[begin[stay] + low], item, length + 1, counts)
        self._check_size(length + 1)
        if last:
            return None
        return groups(node, item, begin[stay], filtered(members, line, stay), tid)

    def _has_consequent(self, node: NDArray) -> NDArray[np.bool_]:
        """Say which sets hold an item that may be a consequent; these rank first, so the first item tells."""
        assert self.is_consequent is not None
        has: NDArray[np.bool_] = self.is_consequent[self._items_of(node)[0]]
        return has

    def _items_of(self, node: NDArray) -> list[NDArray]:
        """Ranks of the items of sets of one length, first to last."""
        self.found.parent = [np.concatenate(self.found.parent)]
        self.found.item = [np.concatenate(self.found.item)]
        parent, item, out = self.found.parent[0], self.found.item[0], []
        while len(node) and node[0] >= 0:
            out.append(item[node])
            node = parent[node]
        return out[::-1] or [np.zeros(0, np.int32)]

    def _allowed(self, level: Level, first: NDArray, second: NDArray, length: int) -> NDArray[np.bool_]:
        x, y = level.item[first], level.item[second]
        allowed = np.ones(len(x), bool)
        if self.parent_rank is not None:
            # the last two items suffice: every pair of a set is the last two of one of the sets it grew from
            allowed &= (self.parent_rank[x] != y) & (self.parent_rank[y] != x)
        if self.roles is not None:
            assert self.is_antecedent is not None
            assert self.is_consequent is not None
            both = [*self._items_of(level.node[first]), y]
            strangers = np.sum([~self.is_antecedent[i] for i in both], axis=0)
            allowed &= strangers <= self.roles.max_consequents
            if length + 1 == self.max_length:
                allowed &= self._has_consequent(level.node)[first]
        return allowed

    def _check_size(self, length: int) -> None:
        if self.found.size > self.limits.max_itemsets:
            raise InputError(
                f"{self.found.size:,} frequent itemsets reached at length {length}, more than "
                f"max_itemsets={self.limits.max_itemsets:,}; the search was stopped before it filled the "
                f"memory. Raise min_support (now {self.limits.min_support:g}, that is "
                f"{self.limits.min_orders:,} orders), "
                f"or set max_length={length - 1}, or name the items of interest in consequents=[...]."
            )


def _width(numbers: int) -> type[Any]:
    """Give the type for so many different keys: half the width sorts in half the time."""
    return np.uint32 if numbers < 1 << 32 else np.int64


def _added(total: NDArray[Any], part: NDArray[Any]) -> NDArray[Any]:
    """Add the counts of a part; the first one, mostly the only one, is the total as it is."""
    return total + part if len(total) else part


def frequent_itemsets(baskets: Baskets, *, limits: Limits, roles: Roles | None = None) -> Itemsets:
    """Find every set of items that enough orders and enough customers hold.

    Parameters
    ----------
    baskets : Baskets
        Orders as coded item lists.
    limits : Limits
        Thresholds; a set is kept when it reaches all of them.
    roles : Roles, optional
        Restricts the search to sets that can become rules, and to what their measures need.

    Returns
    -------
    Itemsets
        Shorter sets first. Time grows with the pairs of frequent items inside the baskets, not with the
        square of the number of items; memory is about 100 MB for the blocks plus 30 bytes for each set found.

    Raises
    ------
    InputError
        More than `limits.max_itemsets` sets.

    References
    ----------
    Zaki (2000), Scalable algorithms for association mining (classes of equal prefix);
    Uno, Kiyomi, Arimura (2004), LCM ver. 2 (occurrence deliver).
    """
    search = _Search(baskets, limits, roles)
    search.grow(search.first, 1)
    return _sorted(search)


def _sorted(search: _Search) -> Itemsets:
    """Items ascending inside a set; sets by length, then by their codes."""
    found = search.found
    length = np.concatenate(found.length)
    numbers, flat, sizes = [], [], []
    for k in range(1, int(length.max(initial=0)) + 1):
        node = np.flatnonzero(length == k)
        rows = np.sort(search.code[np.stack(search._items_of(node), axis=1)], axis=1)  # noqa: SLF001 - same file
        order = np.lexsort(rows.T[::-1])
        numbers.append(node[order])
        flat.append(rows[order].ravel())
        sizes.append(np.full(len(node), k, np.int64))
    if not numbers:
        none = np.zeros(0, np.int64)
        numbers, flat, sizes = [none], [none.astype(np.int32)], [none]
    number = np.concatenate(numbers)
    lengths = np.concatenate(sizes)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    tested = np.array([found.tested.get(k, 0) for k in range(1, max(found.tested) + 1)], np.int64)
    weight = np.concatenate(found.weight)[number] if search.weight is not None else None
    return Itemsets(
        np.concatenate(flat).astype(np.int32),
        offsets,
        np.concatenate(found.orders)[number],
        np.concatenate(found.customers)[number],
        weight,
        tested,
    )
