"""What chance, taste and activity expect of every pair, and the tests of chosen pairs against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining import null
from nextbuy.mining.measures import benjamini_hochberg
from nextbuy.mining.taste import taste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.pair_table import PairTable, Taste

DIRECTED = 0.05


@dataclass(frozen=True)
class Tests:
    """Chosen pairs, with observed and expected followers in both orders and what the tests say."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    forward: NDArray[np.float64]
    backward: NDArray[np.float64]
    ahead: NDArray[np.float64]
    behind: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]

    @property
    def direction(self) -> null.Direction:
        """Compare both orders."""
        return null.direction(self.forward, self.backward, self.ahead, self.behind)

    def passes(self, fdr: float) -> NDArray[np.bool_]:
        """Mark pairs beyond the null at `fdr` and beyond their reverse."""
        passed = self.q <= fdr
        at = np.flatnonzero(passed)
        passed[at] = self.where(at).direction.p_value < DIRECTED
        return passed

    def where(self, rows: NDArray) -> Tests:
        """Keep the marked or listed pairs."""
        kept = (self.a, self.b, self.forward, self.backward, self.ahead, self.behind, self.p, self.q)
        return Tests(*(values[rows] for values in kept))


@dataclass(frozen=True)
class Estimate:
    """What is expected of all ordered pairs, how the ratio is spread over pairs, what taste does."""

    pairs: PairTable
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    taste: Taste | None
    ratio: NDArray[np.float32] | None
    prior: null.Prior

    def expected(self, part: slice | NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give what is expected of both orders of some pairs of the table."""
        return _expected(self.pairs, self.row, self.column, self.ratio, part)

    def of(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """Give what is expected of any ordered pairs, whether they occur or not."""
        expected = self.pairs.calendar(a, b) * self.row[a] * self.column[b]
        if self.taste is not None:
            expected *= self.taste.bounded(a, b)
        return np.asarray(np.maximum(expected, 1e-9))

    def lifts(self, tests: Tests, *, links: int) -> tuple[NDArray, NDArray]:
        """Lift of chosen pairs and its lower bound: their prior is the spread over all ordered pairs, links included.

        The chance that a pair is none of the `links` counts as a lift of 1.
        """
        n = self.pairs.n
        spread = null.fit_prior(null.squash(self._cells()))
        forward, backward = (tests.forward, tests.ahead), (tests.backward, tests.behind)
        share = links / max(n * (n - 1), 1)
        nothing = self.prior.nothing(*forward, *backward, links=spread, share=share)
        return spread.posterior(*forward, nothing=nothing)

    def _cells(self) -> Iterator[tuple[NDArray, NDArray, float]]:
        for part in self.pairs.slices():
            ahead, behind = self.expected(part)
            yield self.pairs.forward[part], ahead, 1.0
            yield self.pairs.backward[part], behind, 1.0
        for alone, _, weight in self.pairs.absent(self.row, self.column, self.taste):
            yield np.zeros(len(alone)), alone, weight

    def candidates(self, least: float, *, beyond: float = 0.0, most_p: float = 1.0) -> Tests:
        """Test the ordered pairs with at least so many followers, and more than `beyond` times what is expected.

        Against the null (among all ordered pairs); `Tests.passes` compares with the reverse order too. Those with p
        above `most_p` are left out, which changes no q up to it: no p makes a q below itself.
        """
        parts: list[tuple[NDArray, ...]] = [(np.zeros(0, np.int64),) * 2 + (np.zeros(0),) * 5]
        pairs = self.pairs
        for part in pairs.slices():
            ahead, behind = self.expected(part)
            low, high, forward, backward = (
                pairs.low[part],
                pairs.high[part],
                pairs.forward[part],
                pairs.backward[part],
            )
            for columns in (
                (low, high, forward, backward, ahead, behind),
                (high, low, backward, forward, behind, ahead),
            ):
                at = np.flatnonzero((columns[2] >= least) & (columns[2] > beyond * columns[4]))
                a, b, *figures = (values[at] for values in columns)
                o, r, e, f = (values.astype(np.float64) for values in figures)
                e, f = np.maximum(e, 1e-9), np.maximum(f, 1e-9)
                p = self.prior.p_value(o, e, r, f)
                made = (a.astype(np.int64), b.astype(np.int64), o, r, e, f, p)
                parts.append(tuple(values[p <= most_p] for values in made))
        kept = [np.concatenate(column) for column in zip(*parts, strict=True)]
        kept.append(benjamini_hochberg(kept[-1], tests=pairs.n * (pairs.n - 1)))
        return Tests(*kept)

    def tested(self, tests: Tests, chosen: NDArray[np.bool_]) -> Tests:
        """Correct the p-values of chosen candidates anew, as if the others had not been looked at."""
        kept, n = tests.where(chosen), self.pairs.n
        return replace(kept, q=benjamini_hochberg(kept.p, tests=n * (n - 1)))


def estimate(pairs: PairTable, *, rounds: int = 3, known: Taste | None = None) -> Estimate:
    """Match margins and taste and fit the null, leaving out the pairs that stand out, until no more of them do.

    Without this, a shop of few categories has its strongest links inside its own margins: six strong followers of
    tiles would raise what is expected after tiles. Taste is taken from the second round on, once, or as `known`. The
    null is that of both orders together, without pairs of which one order stands out.
    """
    likes = known
    ratio = None if likes is None else pairs.tasted(likes)
    none = np.zeros(len(pairs.low), dtype=bool)
    row, column, out = np.ones(pairs.n), np.ones(pairs.n), (none, none)
    for turn in range(rounds):
        if likes is None and turn:
            likes = taste(pairs, row, column, out=out[0] | out[1])
            ratio = pairs.tasted(likes)
        row, column = null.rake(pairs.product(likes, ratio, out), *_margins(pairs, out))
        prior = null.fit_prior(null.squash(_alike(pairs, row, column, likes, ratio, out[0] | out[1])))
        made = Estimate(pairs, row, column, likes, ratio, prior)
        tests = made.candidates(3, beyond=2.0, most_p=DIRECTED)
        tests = tests.where(tests.passes(DIRECTED))
        standing = pairs.marks(tests.a, tests.b)
        if turn and all(np.array_equal(one, other) for one, other in zip(out, standing, strict=True)):
            break
        out = standing
    return made


def _expected(
    pairs: PairTable, row: NDArray, column: NDArray, ratio: NDArray | None, part: slice | NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = pairs.low[part], pairs.high[part]
    ahead, behind = pairs.ahead[part] * (row[a] * column[b]), pairs.behind[part] * (row[b] * column[a])
    if ratio is not None:
        ahead *= ratio[part]
        behind *= ratio[part]
    return ahead, behind


def _margins(pairs: PairTable, out: tuple[NDArray, NDArray]) -> tuple[NDArray, NDArray]:
    """Give followers by antecedent and by consequent without the pairs that stand out."""
    rows, columns = pairs.rows.copy(), pairs.columns.copy()
    for left_out, counts, a, b in (
        (out[0], pairs.forward, pairs.low, pairs.high),
        (out[1], pairs.backward, pairs.high, pairs.low),
    ):
        at = np.flatnonzero(left_out)
        rows -= np.bincount(a[at], counts[at], pairs.n)
        columns -= np.bincount(b[at], counts[at], pairs.n)
    return rows, columns


def _alike(
    pairs: PairTable,
    row: NDArray,
    column: NDArray,
    likes: Taste | None,
    ratio: NDArray | None,
    out: NDArray[np.bool_],
) -> Iterator[tuple[NDArray, NDArray, float]]:
    """Give both orders together of the pairs that do not stand out."""
    for part in pairs.slices():
        keep = ~out[part]
        ahead, behind = _expected(pairs, row, column, ratio, part)
        yield (pairs.forward[part] + pairs.backward[part])[keep], (ahead + behind)[keep], 1.0
    for one, other, weight in pairs.absent(row, column, likes):
        yield np.zeros(len(one)), one + other, weight / 2  # met from either item
