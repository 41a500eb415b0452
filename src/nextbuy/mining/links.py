"""From counts to rules: estimate the null, test every pair, tabulate the lags of those that pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from nextbuy.mining import lags as lag_tables
from nextbuy.mining.estimate import DIRECTED, Estimate, estimate
from nextbuy.mining.exposures import Occurrence, PairCounts, Purchases, count_exposed, count_pairs
from nextbuy.mining.measures import wilson_interval
from nextbuy.mining.pace import own_pace
from nextbuy.mining.pair_table import PairTable
from nextbuy.mining.parts import Counts
from nextbuy.mining.via import Chains, chains_of, count_chains, via

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.parts import Parts


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
    events: Parts,
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

    `events` are `Purchases`, whole or in parts: whatever the parts, the result is the same to the bit. With `cross_fit`
    the halves of the customers are counted apart and compared. Memory: about 60 bytes a pair of items that occurs,
    whatever the number of items.
    """
    watch: dict[str, Any] = {"burn_in_days": burn_in_days, "occurrence": occurrence}
    within = watch | {"window_days": window_days}

    def pair_up(part: PairCounts) -> PairTable:
        return PairTable.of(part, occurrence=occurrence)

    halves = [events.total(_count_half, half=half, **within) for half in (False, True)] if cross_fit else []
    counts = halves[0] + halves[1] if cross_fit else events.total(count_pairs, **within)
    whole = estimate(pair_up(counts))
    tests = whole.candidates(min_followed, most_p=1.0 if fdr is None else max(fdr, DIRECTED))
    exposed = events.total(count_exposed, antecedent=tests.a, consequent=tests.b, **watch)
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
    chains = chains_of(a, b)
    found = events.total(_count_rules, antecedent=a, consequent=b, chains=chains, **within)
    lags = found.lags
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
        **within,
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
        "via": via(chains, found.chains, b, followed=followed, exposed=exposed, expected=tests.ahead),
    }
    share = _replicated_share(parts, halves, fdr or DIRECTED, min_followed / 2) if parts else float("nan")
    return Mined(a, b, columns, table, lags, share)


@dataclass(frozen=True)
class _RuleCounts(Counts):
    """What is counted of chosen rules; additive over customers."""

    lags: lag_tables.LagCounts
    chains: NDArray[np.int64]


def _count_rules(
    events: Purchases, *, antecedent: NDArray, consequent: NDArray, chains: Chains, **within: Any
) -> _RuleCounts:
    lags, followers = lag_tables.count_lags(events, antecedent, consequent, **within)
    return _RuleCounts(
        lags, count_chains(chains, followers, rules=len(antecedent), n_customers=events.n_customers)
    )


def _count_half(events: Purchases, *, half: bool, **within: Any) -> PairCounts:
    return count_pairs(events.where(events.half == half), **within)


def count_buyers(events: Purchases) -> NDArray[np.int64]:
    """Count the customers who ever bought each item."""
    return np.bincount(events.item[events.first], minlength=events.n_items)


def frequent(events: Any, buyers: int) -> tuple[Any, NDArray[np.int64]]:
    """Leave out items with fewer buyers than a rule needs; renumber the rest. Gives the old codes too."""
    kept = np.flatnonzero(events.total(count_buyers) >= buyers)
    return events.each(among, kept=kept), kept


def among(events: Purchases, *, kept: NDArray[np.int64]) -> Purchases:
    """Keep the purchases of some items, numbered in the order given."""
    new = np.full(events.n_items, -1, np.int32)
    new[kept] = np.arange(len(kept))
    events = events.where(new[events.item] >= 0)
    return replace(events, item=new[events.item], n_items=len(kept))


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
        tests = parts[one].candidates(followed, most_p=fdr)
        tests = tests.where(tests.passes(fdr))
        chosen += len(tests.a)
        replicated += int(_beyond(parts[other], halves[other], tests.a, tests.b).sum())
    return replicated / chosen if chosen else float("nan")
