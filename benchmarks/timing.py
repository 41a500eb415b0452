"""Are lag tables and windows honest: simulated lags whose law is known.

    python benchmarks/timing.py [worlds | flat | speed]      (default: all; about two minutes)

worlds  Lags of gamma, Weibull and log-normal law, 80 % never follow, watches end at random. Each forecast is the
        chance of a follower within 14 days for customers of other draws, at a random elapsed day. Beside ours: the
        oracle that knows the law, the histogram of observed lags times the plain confidence, and one exponential a
        rule. Then the best 14-day window against the oracle's, "send now" and "fixed delay" of 30 days, and how many
        followers fall between lag_p10 and lag_p90.
flat    Lags without a shape: how many rules are told to have none, and how far their hazards stray.
speed   20 million exposures of 100,000 rules tabulated and shrunk, 17 million pairs scored.
"""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from nextbuy.evaluate.metrics import bootstrap
from nextbuy.mining.lags import LagTable, shrink, tabulate, timing_signal
from nextbuy.timing.windows import best_windows

WINDOW, HORIZON, NEVER, FIXED_DELAY = 180, 14, 0.8, 30
Law = Callable[[np.ndarray], Any]
Random = np.random.Generator
LAWS: dict[str, Law] = {
    "gamma": lambda mean: stats.gamma(3, scale=mean / 3),
    "weibull": lambda mean: stats.weibull_min(1.5, scale=mean / 0.9027),
    "log-normal": lambda mean: stats.lognorm(0.6, scale=mean / np.exp(0.18)),
}
SIZES = {"dense": (300, 4_000), "sparse": (6_000, 120)}


def draw(law: Law, mean: np.ndarray, rule: np.ndarray, random: Random) -> tuple[np.ndarray, np.ndarray]:
    """One lag in whole days for each exposure, -1 for the 80 % who never follow, and the watch's length."""
    lag = np.ceil(law(mean[rule]).rvs(len(rule), random_state=random))
    lag[random.random(len(rule)) < NEVER] = -1
    return lag, random.integers(20, WINDOW + 1, len(rule))


def loss(chance: np.ndarray, came: np.ndarray) -> float:
    """Mean negative log-likelihood of the outcomes."""
    chance = np.clip(chance, 1e-6, 1 - 1e-6)
    return float(-np.where(came, np.log(chance), np.log1p(-chance)).mean())


def world(name: str, size: str, random: Random) -> None:
    """Print one world's forecasts and windows."""
    rules, each = SIZES[size]
    law, mean = LAWS[name], np.exp(random.uniform(np.log(10), np.log(70), rules))
    rule = np.repeat(np.arange(rules), each)
    lag, watch = draw(law, mean, rule, random)
    counts = tabulate(rule, watch, lag, rules=rules, window_days=WINDOW)
    table = shrink(counts, window_days=WINDOW)

    tested = random.integers(0, rules, 400_000)
    elapsed = random.integers(0, 91, len(tested)).astype(float)
    later, _ = draw(law, mean, tested, random)
    open_ = (later < 0) | (later > elapsed)
    tested, elapsed, later = tested[open_], elapsed[open_], later[open_]
    came = (later > 0) & (later <= elapsed + HORIZON)
    f = law(mean[tested])
    share = 1 - NEVER
    oracle = share * (f.cdf(elapsed + HORIZON) - f.cdf(elapsed)) / (1 - share * f.cdf(elapsed))
    seen = (lag > 0) & (lag <= watch)
    by_day = np.bincount(rule[seen] * 400 + lag[seen].astype(int), minlength=rules * 400).reshape(rules, 400)
    done = np.cumsum(by_day, axis=1) / each
    naive = (done[tested, (elapsed + HORIZON).astype(int)] - done[tested, elapsed.astype(int)]) / np.maximum(
        1 - done[tested, elapsed.astype(int)], 1e-6
    )
    rate = counts.followers.sum(1) / counts.watch_days.sum(1)
    ours = table.probability(tested, elapsed_days=elapsed, horizon_days=HORIZON)
    forecasts = {
        "oracle": oracle,
        "ours": ours,
        "histogram": naive,
        "exponential": -np.expm1(-rate[tested] * HORIZON),
    }
    best = loss(oracle, came)
    for who, chance in forecasts.items():
        print(
            f"{name:10s} {size:6s} {who:11s} log-loss {loss(chance, came):.4f} "
            f"({loss(chance, came) / best:.3f} x oracle)  sum / events {chance.sum() / came.sum():.3f}"
        )
    windows(name, size, mean, table, random)


def windows(name: str, size: str, mean: np.ndarray, table: LagTable, random: Random) -> None:
    """Print how often a window of 14 days holds the follower, for fresh triggers."""
    law, fresh = LAWS[name], random.integers(0, len(mean), 200_000)
    lag, _ = draw(law, mean, fresh, random)
    start = np.arange(WINDOW - HORIZON)
    cdf = law(mean[:, None]).cdf(np.arange(WINDOW + 1))
    known = (cdf[:, HORIZON:-1] - cdf[:, : WINDOW - HORIZON]).argmax(axis=1)
    # choosing and measuring use different draws: the windows know the table alone
    ours = best_windows(table, np.arange(len(mean)), np.zeros(len(mean)), width_days=HORIZON).start
    begins = {"oracle": start[known][fresh], "ours": ours[fresh], "send now": 0, "fixed delay": FIXED_DELAY}
    for who, begin in begins.items():
        hit = (lag > begin) & (lag <= begin + HORIZON)
        low, high = bootstrap(hit.astype(float), seed=1)
        print(f"{name:10s} {size:6s} {who:11s} hit rate {hit.mean():.4f} ({low:.4f} to {high:.4f})")
    low, high = table.quantiles(0.1, 0.9).T
    came = (lag > 0) & (lag <= WINDOW)
    covered = ((lag >= low[fresh]) & (lag <= high[fresh]))[came].mean()
    print(f"{name:10s} {size:6s} lag_p10 to lag_p90 holds {covered:.1%} of the followers")


def flat(random: Random) -> None:
    """Print what rules without a lag shape get."""
    rules, each = 3_000, 3_000
    hazard = random.gamma(2, 0.0004, rules)
    rule = np.repeat(np.arange(rules), each)
    lag = np.ceil(random.exponential(1 / hazard[rule]))
    watch = random.integers(20, WINDOW + 1, len(rule))
    counts = tabulate(rule, watch, lag, rules=rules, window_days=WINDOW)
    table = shrink(counts, window_days=WINDOW)
    word, _ = timing_signal(counts, table.pooled)
    enough = counts.followers.sum(1) >= 10
    level = (table.hazard * counts.watch_days).sum(1) / (table.pooled * counts.watch_days).sum(1)
    multiplier = table.hazard / table.pooled / level[:, None]
    print(
        f"flat: {(word[enough] == 'none').mean():.1%} of {enough.sum():,} rules have no signal, c {table.c:,.0f}; "
        f"multipliers lie between {multiplier.min():.3f} and {multiplier.max():.3f}"
    )


def speed(random: Random) -> None:
    """Print the cost of a large table."""
    rules, exposures, pairs = 100_000, 20_000_000, 17_000_000
    rule = random.integers(0, rules, exposures)
    watch = random.integers(1, 91, exposures, dtype=np.int16)
    lag = np.where(random.random(exposures) < 0.05, random.integers(1, 90, exposures), -1).astype(np.int16)
    asked, elapsed = random.integers(0, rules, pairs), random.integers(0, 90, pairs, dtype=np.int16)
    began = time.process_time()
    counts = tabulate(rule, watch, lag, rules=rules, window_days=90)
    told = time.process_time()
    table = shrink(counts, window_days=90)
    timing_signal(counts, table.pooled)
    shrunk = time.process_time()
    table.probability(asked, elapsed_days=elapsed, horizon_days=14)
    scored = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"speed: tabulated {told - began:.1f}, shrunk and tested {shrunk - told:.1f}, scored "
        f"{scored - shrunk:.1f} CPU s; peak {peak:,.0f} MB with the inputs"
    )


def main(parts: list[str]) -> None:
    """Print the parts asked for."""
    random = np.random.default_rng(11)
    if "worlds" in parts:
        for name in LAWS:
            for size in SIZES:
                world(name, size, random)
    if "flat" in parts:
        flat(random)
    if "speed" in parts:
        speed(random)


if __name__ == "__main__":
    main(sys.argv[1:] or ["worlds", "flat", "speed"])
