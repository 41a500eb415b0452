"""From counts to rules: estimate the null, test every pair, tabulate the lags of those that pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from nextbuy.mining import lags as lag_tables
from nextbuy.mining.estimate import DIRECTED, Estimate, estimate
from nextbuy.mining.exposures import Occurrence, PairCounts, Purchases, count_exposed, count_pairs
from nextbuy.mining.measures import wilson_interval
from nextbuy.mining.pace import own_pace
from nextbuy.mining.pair_table import PairTable

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    With `cross_fit` the halves of the customers are counted apart and compared. Memory: about 60 bytes a pair of items
    that occurs, whatever the number of items.
    """

    def count(part: Purchases) -> PairCounts:
        return count_pairs(part, window_days=window_days, burn_in_days=burn_in_days, occurrence=occurrence)

    def pair_up(part: PairCounts) -> PairTable:
        return PairTable.of(part, occurrence=occurrence)

    halves = [count(events.where(events.half == side)) for side in (False, True)] if cross_fit else []
    counts = halves[0] + halves[1] if cross_fit else count(events)
    whole = estimate(pair_up(counts))
    tests = whole.candidates(min_followed)
    exposed = count_exposed(events, tests.a, tests.b, burn_in_days=burn_in_days, occurrence=occurrence)
    tests, exposed = whole.tested(tests, exposed >= min_customers), exposed[exposed >= min_customers]
    links = max(int(tests.passes(DIRECTED).sum()), 1)
    keep = np.ones(len(tests.a), dtype=bool) if fdr is None else tests.passes(fdr)
    keep &= True if antecedents is None else np.isin(tests.a, antecedents)
    keep &= True if consequents is None else np.isin(tests.b, consequents)
    tests, exposed = tests.where(keep), exposed[keep]
    lift, lift_low = whole.lifts(tests, links=links)
    order = np.lexsort((tests.b, tests.a, -lift_low))
    tests, exposed, lift, lift_low = tests.where(order), exposed[order], lift[order], lift_low[order]
    a, b, d = tests.a, tests.b, tests.direction
    lags, followers = lag_tables.count_lags(
        events, a, b, window_days=window_days, burn_in_days=burn_in_days, occurrence=occurrence
    )
    table = lag_tables.shrink(lags, window_days=window_days)
    confidence, variance = lag_tables.kaplan_meier(lags)
    followed = tests.forward.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(variance > 0, confidence * (1 - confidence) / variance, exposed)
    low, high = wilson_interval(confidence * effective, effective)
    quantiles = table.quantiles(0.1, 0.5, 0.9)
    chance = np.minimum(lags.by_chance / np.maximum(lags.both, 1), 1)
    pace = own_pace(
        events,
        b,
        lags,
        background=counts.background(table.bins),
        standing=tests.passes(DIRECTED),
        window_days=window_days,
        burn_in_days=burn_in_days,
        occurrence=occurrence,
    )
    known = whole.taste
    del whole, counts
    parts = [estimate(pair_up(half), rounds=1, known=known) for half in halves]
    columns = {
        "exposed": exposed,
        "followed": followed,
        "confidence": confidence,
        "confidence_low": low,
        "confidence_high": high,
        "expected": tests.ahead,
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
        "replicated": np.all([_beyond(*one, a, b) for one in zip(parts, halves, strict=True)], axis=0)
        if parts
        else np.zeros(len(a), dtype=bool),
        "lag_p10": quantiles[:, 0],
        "lag_p50": quantiles[:, 1],
        "lag_p90": quantiles[:, 2],
        "timing_signal": lag_tables.timing_signal(lags, pace)[0],
        "via": _via(a, b, followed, exposed, tests.ahead, followers),
    }
    share = _replicated_share(parts, halves, fdr or DIRECTED, min_followed / 2) if parts else float("nan")
    return Mined(a, b, columns, table, lags, share)


def frequent(events: Purchases, buyers: int) -> tuple[Purchases, NDArray[np.int64]]:
    """Leave out items with fewer buyers than a rule needs; renumber the rest. Gives the old codes too."""
    count = np.bincount(events.item[events.first], minlength=events.n_items)
    kept = np.flatnonzero(count >= buyers)
    new = np.full(events.n_items, -1, np.int32)
    new[kept] = np.arange(len(kept))
    events = events.where(new[events.item] >= 0)
    return replace(events, item=new[events.item], n_items=len(kept)), kept


def _beyond(one: Estimate, counts: PairCounts, a: NDArray, b: NDArray) -> NDArray[np.bool_]:
    """Mark pairs beyond their own expectation (Poisson, one-sided 5 %)."""
    if not len(a):
        return np.zeros(0, dtype=bool)
    observed = np.ravel(counts.followed[a, b]).astype(np.float64)
    beyond: NDArray[np.bool_] = stats.poisson.sf(observed - 1, one.of(a, b)) < DIRECTED
    return beyond


def _replicated_share(parts: list[Estimate], halves: list[PairCounts], fdr: float, followed: float) -> float:
    """Share of the rules chosen on one half that the other half shows too."""
    chosen = replicated = 0
    for one, other in ((0, 1), (1, 0)):
        tests = parts[one].candidates(followed)
        tests = tests.where(tests.passes(fdr))
        chosen += len(tests.a)
        replicated += int(_beyond(parts[other], halves[other], tests.a, tests.b).sum())
    return replicated / chosen if chosen else float("nan")


def _via(
    a: NDArray,
    b: NDArray,
    followed: NDArray,
    exposed: NDArray,
    expected: NDArray,
    followers: lag_tables.Followers,
) -> NDArray[np.int64]:
    """For A -> C find the B through which it runs: A -> B -> C, and without B nothing is left of it.

    Counted on customers: those who followed A -> B, B -> C and A -> C. The rest of the followers of A -> C must be
    no more than the exposed customers without B would give by expectation (Poisson, one-sided 5 %). -1: none.
    """
    rules = len(a)
    out, best = np.full(rules, -1, np.int64), np.zeros(rules)
    if not rules:
        return out
    from_a, to_b = np.lexsort((b, a)), np.lexsort((a, b))
    (leave, left), (come, came) = np.searchsorted(a[from_a], [a, a + 1]), np.searchsorted(b[to_b], [b, b + 1])
    by = np.argsort(followers.rule, kind="stable")
    starts = np.searchsorted(followers.rule[by], np.arange(rules + 1))
    customers = followers.customer[by]
    for r in range(rules):
        firsts, seconds = from_a[leave[r] : left[r]], to_b[come[r] : came[r]]
        middles, one, two = np.intersect1d(b[firsts], a[seconds], assume_unique=True, return_indices=True)
        mine = customers[starts[r] : starts[r + 1]]
        for m, first, second in zip(middles, firsts[one], seconds[two], strict=True):
            chain = np.intersect1d(
                np.intersect1d(mine, customers[starts[first] : starts[first + 1]]),
                customers[starts[second] : starts[second + 1]],
            )
            rest, share = followed[r] - len(chain), 1 - followed[first] / exposed[r]
            alone = expected[r] * max(share, 0.0)
            if len(chain) > best[r] and stats.poisson.sf(rest - 1, alone) >= DIRECTED:
                best[r], out[r] = len(chain), m
    return out
