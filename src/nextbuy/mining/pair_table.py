"""Pairs of items as far as they occur, and what is expected of all of them as a product of thin tables.

What is expected of A -> B is row(A) x column(B) x the calendar's expectation x the ratio of taste. Calendar and taste
are sums of few products, so margins of all pairs cost a few products of thin tables, and only pairs that occur are
kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from nextbuy.mining.exposures import WEEK
from nextbuy.mining.followers import margins, turned
from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Occurrence, PairCounts

BLOCK = 1 << 22  # cells of the table of all pairs looked at at once: some 100 MB
CELLS = 40  # of a product of thin tables cost as much as one cell by itself
SAMPLE = 1 << 24  # cells looked at to see what is expected of pairs that do not occur: all up to 4,000 items
LEAST, LARGEST = 0.1, 10.0  # the ratio is a sum, not a product: it must stay positive


class Taste(NamedTuple):
    """The ratio by which taste raises or lowers each pair: 1 + (factor * weight) @ factor.T, within bounds."""

    factor: NDArray[np.float32]
    weight: NDArray[np.float32]

    def among(self, rows: NDArray | slice, first: int = 0) -> NDArray[np.float32]:
        """Give the ratio of some items (rows) and all others, or those from `first` on."""
        ratio = (self.factor[rows] * self.weight) @ self.factor[first:].T
        ratio += np.float32(1)
        return np.asarray(np.clip(ratio, LEAST, LARGEST, out=ratio), np.float32)

    def unbounded(self, a: NDArray, b: NDArray) -> NDArray[np.float32]:
        """Give the ratio of chosen pairs as the products have it."""
        ratio = scratch.empty(len(a), np.float32)
        for at in range(0, len(a), 1 << 16):
            some = slice(at, at + (1 << 16))
            one, other = self.factor[a[some]], self.factor[b[some]]
            ratio[some] = 1 + np.einsum("ij,ij->i", one * self.weight, other)
        return ratio

    def bounded(self, a: NDArray, b: NDArray) -> NDArray[np.float32]:
        """Give the ratio of chosen pairs."""
        ratio = self.unbounded(a, b)
        return np.clip(ratio, LEAST, LARGEST, out=ratio)


@dataclass(frozen=True, eq=False)
class PairTable:
    """All unordered pairs of items of which some order occurs; 24 bytes each.

    Attributes
    ----------
    low, high : ndarray of int32
        Codes, low < high, ascending.
    forward, backward : ndarray of int32
        Followers of low -> high and of high -> low.
    ahead, behind : ndarray of float32
        What the calendar expects of both.
    ends, hazard : (items, weeks) ndarray of float64
        Factors of the calendar's expectation; see `expected_followers`.
    rows, columns : ndarray of float64
        Followers of each antecedent, and of each consequent.
    """

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    forward: NDArray[np.int32]
    backward: NDArray[np.int32]
    ahead: NDArray[np.float32]
    behind: NDArray[np.float32]
    ends: NDArray[np.float64]
    hazard: NDArray[np.float64]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @classmethod
    def of(cls, counts: PairCounts, *, occurrence: Occurrence = "first") -> Self:
        """Bring both orders of each pair together."""
        ends, hazard = expected_followers(counts, occurrence=occurrence)
        return cls.from_factors(counts.followed, ends, hazard)

    @classmethod
    def from_factors(
        cls, followed: sparse.csr_array, ends: NDArray[np.float64], hazard: NDArray[np.float64]
    ) -> Self:
        """Bring both orders of each pair together; `ends` @ `hazard`.T is expected of them."""
        n, reverse = len(ends), turned(followed)
        columns = [scratch.Growing(np.int32) for _ in range(4)] + [
            scratch.Growing(np.float32) for _ in range(2)
        ]
        thin_ends, thin_hazard = ends.astype(np.float32), hazard.astype(np.float32)
        step = max(BLOCK // max(n, 1), 1)
        for at in range(0, n, step):
            rows = slice(at, at + step)
            # both counts in one number: one sum of sparse tables
            both = reverse[rows].astype(np.int64)
            both.data <<= 32
            both = sparse.coo_array(both + sparse.triu(followed[rows], at + 1, format="csr"))
            row, high = both.coords
            ahead = (thin_ends[rows] @ thin_hazard[at:].T)[row, high - at]
            behind = (thin_hazard[rows] @ thin_ends[at:].T)[row, high - at]
            counts = both.data & 0xFFFFFFFF, both.data >> 32
            made = (row + at, high, *counts, np.maximum(ahead, 0.0), np.maximum(behind, 0.0))
            for column, values in zip(columns, made, strict=True):
                column.add(values)
        low, high, forward, backward, expected, reversed_ = (column.array() for column in columns)
        return cls(low, high, forward, backward, expected, reversed_, ends, hazard, *margins(followed))

    @property
    def n(self) -> int:
        """How many items."""
        return len(self.ends)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the pairs of each `low` begin, and the end."""
        # numbers of 64 bits would be looked for in a copy of as many bits
        return np.searchsorted(self.low, np.arange(self.n + 1, dtype=np.int32))

    def calendar(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """What the calendar expects of chosen ordered pairs."""
        parts = [np.zeros(0)]
        for at in range(0, len(a), 1 << 15):
            some = slice(at, at + (1 << 15))
            parts.append(np.einsum("ij,ij->i", self.ends[a[some]], self.hazard[b[some]]))
        return np.maximum(np.concatenate(parts), 0.0)

    def marks(self, a: NDArray, b: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Mark ordered pairs that occur: those that run from low to high, and the others."""
        made = scratch.empty(len(self.low), np.bool_), scratch.empty(len(self.low), np.bool_)
        for some in made:
            some[:] = False
        low, high = np.minimum(a, b), np.maximum(a, b)
        at, end = self.starts[low], self.starts[low + 1]
        while (end - at > 1).any():  # bisection among the pairs of each `low`
            middle = (at + end) // 2
            after = self.high[np.minimum(middle, len(self.high) - 1)] > high
            at, end = (
                np.where(after | (end - at <= 1), at, middle),
                np.where(after & (end - at > 1), middle, end),
            )
        made[0][at[a < b]] = True
        made[1][at[a > b]] = True
        return made

    def tasted(self, taste: Taste) -> NDArray[np.float32]:
        """Give the ratio of taste of all pairs of the table."""
        ratio = scratch.empty(len(self.low), np.float32)
        step = max(BLOCK // max(self.n, 1), 1)
        for at in range(0, self.n, step):
            some = slice(*self.starts[[at, min(at + step, self.n)]])
            low, high = self.low[some], self.high[some]
            if len(low) * CELLS > step * (self.n - at):
                ratio[some] = taste.among(slice(at, at + step), at)[low - at, high - at]
            else:
                ratio[some] = taste.bounded(low, high)
        return ratio

    def slices(self) -> Iterator[slice]:
        """Cut the table into parts that fit into memory with a few columns more."""
        for at in range(0, len(self.low), 1 << 20):
            yield slice(at, at + (1 << 20))

    @cached_property
    def diagonal(self) -> NDArray[np.float64]:
        """What the factors give for an item and itself, which is no pair."""
        return np.asarray(np.einsum("ij,ij->i", self.ends, self.hazard), np.float64)

    def product(
        self, taste: Taste | None, ratio: NDArray[np.float32] | None, out: tuple[NDArray, NDArray]
    ) -> LinearOperator:
        """Give the table of what calendar and taste expect, without its diagonal and `out`, to multiply with.

        `out` marks pairs by table row, in both orders. Where the ratio of taste is cut to its bounds this is heeded for
        pairs that occur.
        """
        item, diagonal = np.arange(self.n), self.diagonal
        if taste is not None:
            diagonal = diagonal * taste.unbounded(item, item)
        row: list[NDArray] = [item]
        column: list[NDArray] = [item]
        much: list[NDArray] = [diagonal]
        for base, left_out, a, b in (
            (self.ahead, out[0], self.low, self.high),
            (self.behind, out[1], self.high, self.low),
        ):
            at = self._changed(left_out, ratio)
            value = base[at].astype(np.float64)
            if taste is not None and ratio is not None:
                value = base[at] * (taste.unbounded(a[at], b[at]) - ratio[at] * ~left_out[at])
            row.append(a[at])
            column.append(b[at])
            much.append(value)
        where = (np.concatenate(row), np.concatenate(column))
        less = sparse.csr_array((np.concatenate(much), where), shape=(self.n, self.n))

        def times(left: NDArray, right: NDArray, x: NDArray, off: sparse.sparray) -> NDArray[np.float64]:
            x = np.ravel(x)
            y = left @ (right.T @ x) - off @ x
            if taste is not None:
                y += ((left @ (right.T @ (taste.factor * x[:, None]))) * taste.factor) @ taste.weight
            return np.asarray(y, np.float64)

        back = less.T.tocsr()
        return LinearOperator(
            (self.n, self.n),
            matvec=lambda x: times(self.ends, self.hazard, x, less),
            rmatvec=lambda x: times(self.hazard, self.ends, x, back),
            dtype=np.float64,
        )

    def _changed(self, left_out: NDArray[np.bool_], ratio: NDArray[np.float32] | None) -> NDArray[np.int64]:
        """Give the pairs that are left out or whose ratio is cut to its bounds."""
        found = [np.zeros(0, np.int64)]
        for part in self.slices():
            odd = left_out[part]
            if ratio is not None:
                odd = odd | (ratio[part] == LEAST) | (ratio[part] == LARGEST)
            found.append(part.start + np.flatnonzero(odd))
        return np.concatenate(found)

    @cached_property
    def sample(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Every so many items, and which of all items never occurs with each: a sample of the pairs that do not."""
        chosen = np.arange(0, self.n, max(-(-self.n * self.n // SAMPLE), 1))
        slot = np.full(self.n, -1, np.int32)
        slot[chosen] = np.arange(len(chosen))
        never = np.ones((len(chosen), self.n), dtype=bool)
        never[np.arange(len(chosen)), chosen] = False
        for part in self.slices():
            for one, other in ((self.low[part], self.high[part]), (self.high[part], self.low[part])):
                at = slot[one]
                never[at[at >= 0], other[at >= 0]] = False
        return chosen, never

    def absent(
        self, row: NDArray, column: NDArray, taste: Taste | None
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], float]]:
        """Give what is expected of pairs that do not occur, both orders, and for how many ordered pairs each stands."""
        chosen, never = self.sample
        ends, hazard = (
            (f * s[:, None]).astype(np.float32) for f, s in ((self.ends, row), (self.hazard, column))
        )
        step = max(BLOCK // max(self.n, 1), 1)
        for at in range(0, len(chosen), step):
            some, empty = chosen[at : at + step], never[at : at + step]
            if not empty.any():
                continue
            ahead, behind = ends[some] @ hazard.T, hazard[some] @ ends.T
            if taste is not None:
                ratio = taste.among(some)
                ahead *= ratio
                behind *= ratio
            yield ahead[empty], behind[empty], self.n / len(chosen)


def expected_followers(
    counts: PairCounts, *, occurrence: Occurrence = "first"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the followers that B's calendar alone would bring, as two factors: what is expected is ends @ hazard.T.

    B's hazard in a week is its arrivals over the customers who had entered and did not own B; a customer is watched
    over the weeks of the own window. That some had B before is left to the margins: corrected for each pair, a link
    A -> B would use up those who could show B -> A, and nothing could be said of its direction.
    """
    entered = np.cumsum(counts.entered)
    free = entered[None, :] - (np.cumsum(counts.owned, axis=1) - counts.owned if occurrence == "first" else 0)
    hazard = counts.arrivals / np.maximum(free, 1)
    cumulative = np.concatenate([np.zeros((len(hazard), 1)), np.cumsum(hazard, axis=1)[:, :-1]], axis=1)
    return counts.ends / WEEK, cumulative
