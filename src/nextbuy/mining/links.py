"""From counts to rules: estimate the null, test every pair, tabulate the lags of those that pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from nextbuy.mining import lags as lag_tables
from nextbuy.mining import null
from nextbuy.mining.exposures import Occurrence, PairCounts, Purchases, count_pairs, expected_followers
from nextbuy.mining.measures import benjamini_hochberg, wilson_interval
from nextbuy.mining.taste import taste

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ITEMS = 10_000  # the tables of all ordered pairs take about 60 bytes a cell while the null is estimated: 6 GB
DIRECTED = 0.05


@dataclass(frozen=True)
class Mined:
    """Rules as arrays, strongest lower bound of lift first.

    Attributes
    ----------
    antecedent, consequent : ndarray of int64
        Codes of the events that were mined.
    columns : dict of str to ndarray
        The figures of `SequentialRules.rules_` by name; `via` as a code, -1 for none.
    table : LagTable
    counts : LagCounts
    replicated_share : float
        NaN when the halves were not compared.
    """

    antecedent: NDArray[np.int64]
    consequent: NDArray[np.int64]
    columns: dict[str, NDArray]
    table: lag_tables.LagTable
    counts: lag_tables.LagCounts
    replicated_share: float


def mine(
    events: Purchases,
    *,
    window_days: int,
    min_followed: int,
    min_customers: int,
    fdr: float | None,
    occurrence: Occurrence = "first",
    burn_in_days: int = 0,
    antecedents: NDArray[np.int64] | None = None,
    consequents: NDArray[np.int64] | None = None,
    cross_fit: bool = True,
) -> Mined:
    """Count, estimate the null, test every pair, tabulate the lags of the rules that pass.

    With `cross_fit` the halves of the customers are counted apart and compared. Memory: about 60 bytes a pair of items.
    """

    def count(part: Purchases) -> PairCounts:
        return count_pairs(part, window_days=window_days, burn_in_days=burn_in_days, occurrence=occurrence)

    def estimate(part: PairCounts, rounds: int, known: NDArray | None = None) -> _Estimate:
        base = expected_followers(part, occurrence=occurrence)
        return _estimate(part.followed, base, rounds=rounds, known=known)

    halves = [count(events.where(events.half == side)) for side in (False, True)] if cross_fit else []
    counts = halves[0] + halves[1] if cross_fit else count(events)
    whole = estimate(counts, 3)
    a, b = np.nonzero((counts.followed >= min_followed) & (counts.exposed >= min_customers))
    tests = whole.test(a, b)
    links = max(int(tests.passes(DIRECTED).sum()), 1)
    keep = np.ones(len(a), dtype=bool) if fdr is None else tests.passes(fdr)
    keep &= True if antecedents is None else np.isin(a, antecedents)
    keep &= True if consequents is None else np.isin(b, consequents)
    tests = tests.where(keep)
    lift, lift_low = whole.lifts(tests.a, tests.b, links=links)
    order = np.lexsort((tests.b, tests.a, -lift_low))
    tests, lift, lift_low = tests.where(order), lift[order], lift_low[order]
    a, b, d = tests.a, tests.b, tests.direction
    lags, followers = lag_tables.count_lags(
        events, a, b, window_days=window_days, burn_in_days=burn_in_days, occurrence=occurrence
    )
    table = lag_tables.shrink(lags, window_days=window_days)
    confidence, variance = lag_tables.kaplan_meier(lags)
    exposed, followed = counts.exposed[a, b].astype(np.int64), counts.followed[a, b].astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(variance > 0, confidence * (1 - confidence) / variance, exposed)
    low, high = wilson_interval(confidence * effective, effective)
    quantiles = table.quantiles(0.1, 0.5, 0.9)
    chance = np.minimum(lags.by_chance / np.maximum(lags.both, 1), 1)
    parts = [estimate(half, 1, whole.taste) for half in halves]
    columns = {
        "exposed": exposed,
        "followed": followed,
        "confidence": confidence,
        "confidence_low": low,
        "confidence_high": high,
        "expected": whole.expected[a, b],
        "lift": lift,
        "lift_low": lift_low,
        "p_value": tests.p,
        "q_value": tests.q,
        "direction": d.ratio,
        "direction_low": d.low,
        "direction_high": d.high,
        "directed": d.p_value < DIRECTED,
        "p_direction": d.p_value,
        # repeated purchases have no simple shuffle
        "p_within": stats.binom.sf(followed - 1, np.maximum(lags.both, followed), chance)
        if occurrence == "first"
        else np.full(len(a), np.nan),
        "replicated": np.all([part.beyond(a, b) for part in parts], axis=0)
        if parts
        else np.zeros(len(a), dtype=bool),
        "lag_p10": quantiles[:, 0],
        "lag_p50": quantiles[:, 1],
        "lag_p90": quantiles[:, 2],
        "timing_signal": lag_tables.timing_signal(lags, counts.background(table.bins))[0],
        "via": _via(a, b, followed, exposed, whole.expected, followers, events.n_items),
    }
    share = _replicated_share(parts, fdr or DIRECTED, min_followed / 2) if parts else float("nan")
    return Mined(a, b, columns, table, lags, share)


def frequent(events: Purchases, buyers: int) -> tuple[Purchases, NDArray[np.int64]]:
    """Leave out items with fewer buyers than a rule needs; renumber the rest. Gives the old codes too."""
    count = np.bincount(events.item[events.first], minlength=events.n_items)
    kept = np.flatnonzero(count >= buyers)
    new = np.full(events.n_items, -1, np.int32)
    new[kept] = np.arange(len(kept))
    events = events.where(new[events.item] >= 0)
    return replace(events, item=new[events.item], n_items=len(kept)), kept


@dataclass(frozen=True)
class _Estimate:
    """Observed and expected followers of all ordered pairs, how the ratio is spread over pairs, what taste does."""

    observed: NDArray[np.int32]
    expected: NDArray[np.float64]
    prior: null.Prior
    taste: NDArray[np.float32]

    def lifts(self, a: NDArray, b: NDArray, *, links: int) -> tuple[NDArray, NDArray]:
        """Lift of chosen pairs and its lower bound: their prior is the spread over all ordered pairs, links included.

        The chance that a pair is none of the `links` counts as a lift of 1.
        """
        off = ~np.eye(len(self.observed), dtype=bool)
        spread = null.fit_prior(null.squash(self.observed[off], self.expected[off]))
        share = links / max(int(off.sum()), 1)
        nothing = self.prior.nothing(*self.at(a, b), *self.at(b, a), links=spread, share=share)
        return spread.posterior(*self.at(a, b), nothing=nothing)

    def at(self, a: NDArray, b: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Observed and expected of chosen pairs."""
        return self.observed[a, b].astype(np.float64), np.maximum(self.expected[a, b], 1e-9)

    def test(self, a: NDArray, b: NDArray) -> _Tests:
        """Test chosen pairs against the null (among all ordered pairs) and against their reverse."""
        (forward, ahead), (backward, behind) = self.at(a, b), self.at(b, a)
        p, n = self.prior.p_value(forward, ahead, backward, behind), len(self.observed)
        q = benjamini_hochberg(p, tests=n * (n - 1))
        return _Tests(a, b, p, q, null.direction(forward, backward, ahead, behind))

    def beyond(self, a: NDArray, b: NDArray) -> NDArray[np.bool_]:
        """Mark pairs beyond their own expectation (Poisson, one-sided 5 %)."""
        observed, expected = self.at(a, b)
        beyond: NDArray[np.bool_] = stats.poisson.sf(observed - 1, expected) < DIRECTED
        return beyond


@dataclass(frozen=True)
class _Tests:
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    direction: null.Direction

    def passes(self, fdr: float) -> NDArray[np.bool_]:
        return (self.q <= fdr) & (self.direction.p_value < DIRECTED)

    def where(self, rows: NDArray) -> _Tests:
        d = self.direction
        return _Tests(
            self.a[rows],
            self.b[rows],
            self.p[rows],
            self.q[rows],
            null.Direction(d.ratio[rows], d.low[rows], d.high[rows], d.p_value[rows]),
        )


def _estimate(
    observed: NDArray[np.int32],
    base: NDArray[np.float64],
    *,
    rounds: int = 3,
    known: NDArray[np.float32] | None = None,
) -> _Estimate:
    """Match margins and taste and fit the null, leaving out the cells that stand out, until no more of them do.

    Without this, a shop of few categories has its strongest links inside its own margins: six strong followers of
    tiles would raise what is expected after tiles. Taste is taken from the second round on, once, or as `known`. The
    null is that of both orders together, without pairs of which one order stands out.
    """
    off = ~np.eye(len(base), dtype=bool)
    include, ratio, expected = off, known, base
    upper = np.triu(off)
    for turn in range(rounds):
        if ratio is None and turn:
            ratio = taste(observed, expected, include=include)
        expected = null.rake(base if ratio is None else base * ratio, observed, include=include)
        alike = upper & include & include.T
        cells = null.squash((observed + observed.T)[alike], (expected + expected.T)[alike])
        prior = null.fit_prior(cells)
        made = _Estimate(observed, expected, prior, np.ones((1, 1), np.float32) if ratio is None else ratio)
        a, b = np.nonzero((observed >= 3) & (observed > 2 * expected))
        out = made.test(a, b).passes(DIRECTED)
        standing = np.zeros(base.shape, dtype=bool)
        standing[a[out], b[out]] = True
        if turn and np.array_equal(include, off & ~standing):
            break
        include = off & ~standing
    return made


def _replicated_share(parts: list[_Estimate], fdr: float, followed: float) -> float:
    """Share of the rules chosen on one half that the other half shows too."""
    chosen = replicated = 0
    for one, other in (parts, parts[::-1]):
        a, b = np.nonzero(one.observed >= followed)
        tests = one.test(a, b)
        tests = tests.where(tests.passes(fdr))
        chosen += len(tests.a)
        replicated += int(other.beyond(tests.a, tests.b).sum())
    return replicated / chosen if chosen else float("nan")


def _via(
    a: NDArray,
    b: NDArray,
    followed: NDArray,
    exposed: NDArray,
    expected: NDArray,
    followers: lag_tables.Followers,
    n: int,
) -> NDArray[np.int64]:
    """For A -> C find the B through which it runs: A -> B -> C, and without B nothing is left of it.

    Counted on customers: those who followed A -> B, B -> C and A -> C. The rest of the followers of A -> C must be
    no more than the exposed customers without B would give by expectation (Poisson, one-sided 5 %). -1: none.
    """
    rules = len(a)
    out, best = np.full(rules, -1, np.int64), np.zeros(rules)
    if not rules:
        return out
    rule_at = np.full((n, n), -1, np.int32)
    rule_at[a, b] = np.arange(rules)
    by = np.argsort(followers.rule, kind="stable")
    starts = np.searchsorted(followers.rule[by], np.arange(rules + 1))
    customers = followers.customer[by]
    for r in range(rules):
        middles = np.flatnonzero((rule_at[a[r]] >= 0) & (rule_at[:, b[r]] >= 0))
        mine = customers[starts[r] : starts[r + 1]]
        for m in middles:
            first, second = rule_at[a[r], m], rule_at[m, b[r]]
            chain = np.intersect1d(
                np.intersect1d(mine, customers[starts[first] : starts[first + 1]]),
                customers[starts[second] : starts[second + 1]],
            )
            rest, share = followed[r] - len(chain), 1 - followed[first] / exposed[r]
            alone = expected[a[r], b[r]] * max(share, 0.0)
            if len(chain) > best[r] and stats.poisson.sf(rest - 1, alone) >= DIRECTED:
                best[r], out[r] = len(chain), m
    return out
