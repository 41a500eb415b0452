"""Sets of one length with the groups that hold them: the working arrays of the itemset search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(eq=False)
class Level:
    """Sets of one length and the groups that hold them.

    By member (set): `node`, its number in the whole search; `item`, the rank of its last item; `class_end`,
    the end of the run of members with the same prefix. By group: `tid`, its order. `start` holds the groups'
    offsets into `member`; members ascend inside a group.
    """

    node: NDArray[np.int64]
    item: NDArray[np.int32]
    class_end: NDArray[np.int64]
    member: NDArray[np.int32]
    start: NDArray[np.int64]
    tid: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Block:
    """Members `low` to `high`, their lines sorted by member, and by line its pairs and its order."""

    low: int
    high: int
    lines: NDArray[np.int32]
    followers: NDArray[np.int32]
    tid: NDArray[np.int32]


@dataclass(eq=False)
class Found:
    """The growing list of frequent sets: each names the set it extends and the rank of the item added."""

    parent: list[NDArray[np.int64]] = field(default_factory=list)
    item: list[NDArray[np.int32]] = field(default_factory=list)
    length: list[NDArray[np.int16]] = field(default_factory=list)
    orders: list[NDArray[np.int64]] = field(default_factory=list)
    customers: list[NDArray[np.int64]] = field(default_factory=list)
    weight: list[NDArray[np.float64]] = field(default_factory=list)
    size: int = 0
    tested: dict[int, int] = field(default_factory=dict)

    def add(
        self, parent: NDArray, item: NDArray, length: int, counts: tuple[NDArray, NDArray, NDArray]
    ) -> NDArray:
        """Append sets and give their numbers."""
        new = np.arange(self.size, self.size + len(item))
        self.parent.append(parent.astype(np.int64))
        self.item.append(item.astype(np.int32))
        self.length.append(np.full(len(item), length, np.int16))
        orders, customers, weight = counts
        self.orders.append(orders)
        self.customers.append(customers)
        self.weight.append(weight)
        self.size += len(item)
        return new


class Pairs:
    """All pairs (x, y) where x is one of some lines and y one of the members after it in its group.

    Listed by distance: first every line with the next member, then with the one after that. Lines with more members
    behind them stand first, so that each distance is a slice of them and no index has to be repeated.

    Parameters
    ----------
    lines : ndarray of int32
        Places of x in `Level.member`.
    followers : ndarray of int32
        Members after each.
    """

    def __init__(self, lines: NDArray, followers: NDArray) -> None:
        small = followers.astype(np.uint16) if followers.max() < 1 << 16 else followers
        self.order = np.argsort(small, kind="stable")[::-1]  # numpy sorts 16 bits by radix
        self.lines = lines[self.order]
        behind = np.bincount(followers)
        self.reach = np.cumsum(behind[::-1])[::-1][
            1:
        ].tolist()  # lines with so many members behind them, or more
        self.start = np.concatenate([[0], np.cumsum(self.reach, dtype=np.int64)])

    def keys(self, member: NDArray[np.int32], base: NDArray[Any]) -> NDArray[Any]:
        """Give base of x plus member y for every pair; `base` by line, in the order of `lines`."""
        wide = int(base.max(initial=0)) >= 1 << 30  # members stay below
        out: NDArray[Any] = np.empty(int(self.start[-1]), np.int64 if wide else np.int32)
        base = base[self.order].astype(out.dtype)
        at, low = self.lines.astype(np.intp), 0  # of any other width `take` makes a copy at every call
        for k in self.reach:
            here = out[low : low + k]
            near = at[:k]
            near += 1
            if wide:
                here[:] = member[near]
            else:
                member.take(near, out=here, mode="clip")  # the other modes copy
            here += base[:k]
            low += k
        return out

    def repeat(self, values: NDArray) -> NDArray:
        """Give every pair its line's value; `values` by line, in the order given."""
        values = values[self.order]
        return np.concatenate([values[:k] for k in self.reach])

    def line_of(self, hit: NDArray[np.int64]) -> NDArray[np.int32]:
        """Give the place (in the order given) of the line behind some pairs, by ascending number of the pair."""
        each = np.diff(np.searchsorted(hit, self.start))
        line = self.order[hit - np.repeat(self.start[:-1], each)]
        return np.asarray(line, np.int32)


def filtered(members: NDArray, line: NDArray, stay: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Give the occurrences of the sets that stay, and number these anew."""
    if stay.all():
        return members, line
    new = np.where(stay, np.cumsum(stay) - 1, -1).astype(np.int32)[members]
    kept = np.flatnonzero(new >= 0)
    return new[kept], line[kept]


def groups(
    node: NDArray, item: NDArray, prefix: NDArray, occurrences: tuple[NDArray, NDArray], tid: NDArray
) -> Level:
    """Give the groups of the longer sets, one for each line of the block; a single set leads nowhere."""
    members, line = occurrences
    per_line = np.bincount(line, minlength=len(tid))
    long = per_line > 1
    inside = long[line]
    key = line[inside] * np.int64(max(len(node), 1)) + members[inside]
    key.sort()
    members = (key % max(len(node), 1)).astype(np.int32)
    class_end = np.searchsorted(prefix, prefix, side="right")
    start = np.zeros(int(long.sum()) + 1, np.int64)
    np.cumsum(per_line[long], out=start[1:])
    return Level(node, item, class_end, members, start, tid[long])


def joined(levels: list[Level]) -> Level:
    """Put levels of the same length together."""
    if len(levels) == 1:
        return levels[0]
    sets = np.cumsum([0, *(len(v.node) for v in levels)])
    rows = np.cumsum([0, *(len(v.member) for v in levels)])
    return Level(
        np.concatenate([v.node for v in levels]),
        np.concatenate([v.item for v in levels]),
        np.concatenate([v.class_end + a for v, a in zip(levels, sets, strict=False)]),
        np.concatenate([v.member + np.int32(a) for v, a in zip(levels, sets, strict=False)]),
        np.concatenate([[0], *(v.start[1:] + a for v, a in zip(levels, rows, strict=False))]),
        np.concatenate([v.tid for v in levels]),
    )
