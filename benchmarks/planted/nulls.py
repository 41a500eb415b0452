"""The tests that others use, and ours, on the same worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

import nextbuy as nb
from nextbuy.mining import null
from nextbuy.mining.exposures import count_exposed, count_pairs, purchases
from nextbuy.mining.lags import count_lags
from nextbuy.mining.links import frequent
from nextbuy.mining.measures import benjamini_hochberg, hypergeometric_tail
from nextbuy.mining.pair_table import expected_followers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planted.world import World

FDR, LEAST = 0.05, 8


def methods(world: World, *, window_days: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Give the pairs that each test passes at a false discovery rate of 5 %, strongest first."""
    orders = world.orders()
    events, kept = frequent(purchases(orders), LEAST)
    ids = np.asarray(orders.item_ids.to_numpy())[kept]
    counts = count_pairs(events, window_days=window_days)
    observed, n = counts.followed.toarray().astype(np.float64), events.n_items
    a, b = np.nonzero(observed >= LEAST)
    tests = n * (n - 1)

    def passing(p: np.ndarray, strength: np.ndarray) -> list[tuple[int, int]]:
        passed = np.flatnonzero(benjamini_hochberg(p, tests=tests) <= FDR)
        passed = passed[np.argsort(-strength[passed], kind="stable")]
        return list(zip(ids[a[passed]].tolist(), ids[b[passed]].tolist(), strict=True))

    exposed = count_exposed(events, a, b)
    whole = count_pairs(events, window_days=100_000)
    both = whole.followed[a, b] + counts.watched[a] - exposed
    buyers = np.bincount(events.item[events.first], minlength=n)
    p = hypergeometric_tail(both, buyers[a], buyers[b], np.full(len(a), events.n_customers))
    yield "Fisher on bought both", passing(p, both / (buyers[a] * buyers[b]))

    ends, hazard = expected_followers(counts)
    calendar = np.maximum(ends @ hazard.T, 0.0)
    np.fill_diagonal(calendar, 0.0)
    few = np.maximum(calendar[a, b] * exposed / np.maximum(counts.watched, 1)[a], 1e-12)
    yield (
        "random exposures, Poisson",
        passing(stats.poisson.sf(observed[a, b] - 1, few), observed[a, b] / few),
    )

    row, column = null.rake(calendar, observed.sum(1), observed.sum(0))
    few = np.maximum(calendar[a, b] * row[a] * column[b], 1e-12)
    yield (
        "both margins raked, Poisson",
        passing(stats.poisson.sf(observed[a, b] - 1, few), observed[a, b] / few),
    )

    lags, _ = count_lags(events, a, b, window_days=window_days)
    chance = np.minimum(lags.by_chance / np.maximum(lags.both, 1), 1)
    tried = np.maximum(lags.both, observed[a, b])
    few = np.maximum(tried * chance, 1e-12)
    yield (
        "within each customer",
        passing(stats.binom.sf(observed[a, b] - 1, tried, chance), observed[a, b] / few),
    )

    rules = nb.SequentialRules(window_days=window_days, min_followed=LEAST).fit(orders).rules_
    yield "nextbuy", list(zip(rules["antecedent"].tolist(), rules["consequent"].tolist(), strict=True))


def compare(
    title: str, worlds: list[Callable[[], World]], judge: Callable[..., Any], *, window_days: int
) -> None:
    """Print passed, false share, recall and precision of the first 100 by test: mean over the worlds, and worst."""
    by_method: dict[str, list[Any]] = {}
    for make in worlds:
        world = make()
        for name, rules in methods(world, window_days=window_days):
            by_method.setdefault(name, []).append(judge(world, rules))
    print(f"\n{title}: {len(worlds)} worlds, mean (worst)")
    for name, made in by_method.items():
        false, recall = [v.false for v in made], [v.recall for v in made]
        precision = [v.precision for v in made]
        print(
            f"  {name:28s} {np.mean([v.passed for v in made]):8,.0f} passed, false {np.mean(false):6.1%} "
            f"({max(false):.1%}), recall {np.mean(recall):6.1%} ({min(recall):.1%}), "
            f"first 100: {np.mean(precision):.2f} ({min(precision):.2f})",
            flush=True,
        )
