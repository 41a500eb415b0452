"""Are lag tables and windows honest: simulated lags whose law is known.

    python benchmarks/timing.py [worlds | flat | speed | rhythm]           (default: these; about two minutes)
    python benchmarks/timing.py repurchase | cross --data data/           (a directory of real histories)

worlds  Lags of gamma, Weibull and log-normal law, 80 % never follow, watches end at random. Each forecast is the
        chance of a follower within 14 days for customers of other draws, at a random elapsed day. Beside ours: the
        oracle that knows the law, the histogram of observed lags times the plain confidence, and one exponential a
        rule. Then the best 14-day window against the oracle's, "send now" and "fixed delay" of 30 days, and how many
        followers fall between lag_p10 and lag_p90.
flat    Lags without a shape: how many rules are told to have none, and how far their hazards stray.
speed   20 million exposures of 100,000 rules tabulated and shrunk, 17 million pairs scored.
rhythm  Who buys every 30 +- 3 days, and who as often without a rhythm: told apart by the spread of own gaps.
repurchase  Is the same item bought again: dunnhumby categories within 14 days, Online Retail II items within 30, as
        `NextPurchase.predict(kind="repeat")` says it for every (customer, item) bought before.
cross   dunnhumby: when B follows A. How many rules show a timing signal; and the best 14-day window of each rule,
        chosen on one half of the customers, measured on that half and on the other one.
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats
from sklearn.metrics import roc_auc_score

import nextbuy as nb
from nextbuy.evaluate.metrics import calibration, log_loss
from nextbuy.evaluate.timing import interval_coverage, log_likelihood, watched_crps, window_hits
from nextbuy.mining.exposures import Purchases, count_pairs, from_lines, purchases
from nextbuy.mining.lags import LagTable, count_lags, edges, shrink, tabulate, timing_signal
from nextbuy.mining.links import frequent
from nextbuy.mining.pace import own_pace
from nextbuy.predict.history import Timeline
from nextbuy.timing.repurchase import fit_intervals
from nextbuy.timing.windows import best_windows

WINDOW, HORIZON, NEVER = 180, 14, 0.8
MOST_PEAKS, AROUND = 12_000, 60
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
    best = log_loss(oracle, came)
    for who, chance in forecasts.items():
        print(
            f"{name:10s} {size:6s} {who:11s} log-loss {log_loss(chance, came):.4f} "
            f"({log_loss(chance, came) / best:.3f} x oracle)  sum / events {chance.sum() / came.sum():.3f}"
        )
    scores(name, size, mean, table, random)
    windows(name, size, mean, table, random)


def scores(name: str, size: str, mean: np.ndarray, table: LagTable, random: Random) -> None:
    """Print the likelihood and the CRPS on other customers, beside those of one pooled table for all rules."""
    rules, law = len(mean), LAWS[name]
    rule = np.repeat(np.arange(rules), max(120_000 // rules, 1))
    lag, watch = draw(law, mean, rule, random)
    counts = tabulate(rule, watch, lag, rules=rules, window_days=WINDOW)
    pooled = replace(table, hazard=np.tile(table.pooled, (rules, 1)))
    likelihood, score = zip(
        *(
            (
                log_likelihood(one, counts).sum() / len(rule),
                watched_crps(one, rule, watch_days=watch, lag_days=lag).mean(),
            )
            for one in (table, pooled)
        ),
        strict=True,
    )
    print(
        f"{name:10s} {size:6s} ours (pooled) log-likelihood {likelihood[0]:.4f} ({likelihood[1]:.4f}) an exposure, "
        f"CRPS {score[0]:.4f} ({score[1]:.4f}) days"
    )


def windows(name: str, size: str, mean: np.ndarray, table: LagTable, random: Random) -> None:
    """Print how often a window of 14 days holds the follower, for fresh triggers."""
    law, fresh = LAWS[name], random.integers(0, len(mean), 200_000)
    lag, _ = draw(law, mean, fresh, random)
    start = np.arange(WINDOW - HORIZON)
    cdf = law(mean[:, None]).cdf(np.arange(WINDOW + 1))
    known = (cdf[:, HORIZON:-1] - cdf[:, : WINDOW - HORIZON]).argmax(axis=1)
    # choosing and measuring use different draws: the windows know the table alone
    ours = best_windows(table, np.arange(len(mean)), np.zeros(len(mean)), width_days=HORIZON).start
    starts = {"oracle": start[known][fresh], "ours": ours[fresh]}
    for who, rate in window_hits(starts, lag, width_days=HORIZON, seed=1).items():
        print(f"{name:10s} {size:6s} {who:11s} hit rate {rate.value:.4f} ({rate.low:.4f} to {rate.high:.4f})")
    begin = ours[fresh].astype(float)
    stay = [np.exp(-table.cumulative(day, fresh)) for day in (begin, begin + HORIZON)]
    held = ((lag > begin) & (lag <= begin + HORIZON)).mean()
    print(
        f"{name:10s} {size:6s} the best windows promise {(stay[0] - stay[1]).mean() / held:.3f} of what they hold"
    )
    low, high = table.quantiles(0.1, 0.9).T
    held = interval_coverage(low[fresh], high[fresh], lag, window_days=WINDOW)
    print(f"{name:10s} {size:6s} lag_p10 to lag_p90 holds {held.value:.1%} of the followers")


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


def rhythm(random: Random) -> None:
    """Print how well the spread of own gaps tells regular buyers from others who buy as often."""
    regular, spread = rhythm_world(random)
    print(f"rhythm: AUC {roc_auc_score(regular, -spread):.4f} of {len(regular):,} customers")


def rhythm_world(random: Random, customers: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Who buys every 30 +- 3 days (the others: exponential gaps of the same mean), and the spread of own log gaps."""
    regular = np.arange(customers) % 2 == 0
    gaps = np.where(
        regular[:, None], random.normal(30, 3, (customers, 12)), random.exponential(30, (customers, 12))
    )
    day = np.cumsum(np.maximum(np.round(gaps), 1), axis=1).astype(np.int32)
    who, when = np.nonzero(day < 200)
    item = np.zeros(len(who), np.int32)
    events = from_lines(
        who.astype(np.int32), day[who, when], item, half=np.zeros(customers, dtype=bool), n_items=1
    )
    history = Timeline.of(events).before(200)
    mean_log, square_log = history.log_gaps
    gaps_seen = history.count - 1
    _, spread = fit_intervals(events).own(history.item, gaps_seen, mean_log, square_log)
    return regular[history.customer], spread


def cross(folder: Path, picture: Path | None = None) -> None:
    """Print how often a timing signal is claimed, and what a window chosen on the same customers promises."""
    lines = pd.read_parquet(folder / "dunnhumby_lgsr5k.parquet")
    for level, few in (("cat_10", 8), ("item_id", 300)):
        lines_of = lines.assign(item_id=lines[level])[["customer_id", "order_id", "timestamp", "item_id"]]
        events, _ = frequent(purchases(nb.read_orders(lines_of)), few)
        counts = count_pairs(events, window_days=WINDOW)
        followed = counts.followed.tocoo()
        enough = (followed.data >= 60) & (followed.row != followed.col)
        a, b = followed.row[enough].astype(np.int64), followed.col[enough].astype(np.int64)
        some = np.random.default_rng(1).permutation(len(a))[:MOST_PEAKS]
        a, b = a[some], b[some]
        lags, _ = count_lags(events, a, b, window_days=WINDOW)
        every = counts.background(edges(WINDOW))
        none = np.zeros(len(a), dtype=bool)  # no pair passes the false-discovery rate here
        pace = own_pace(events, b, lags, background=every, standing=none, window_days=WINDOW)
        print(f"cross {level}: {len(a):,} rules between {events.n_items:,} items", flush=True)
        for what, background in (("all pairs", every), ("B after whatever else", pace)):
            word, _ = timing_signal(lags, background)
            said = ", ".join(f"{w} {(word == w).mean():.1%}" for w in ("none", "weak", "strong"))
            print(f"cross {level}: against the pace of {what}: {said}", flush=True)
        curve = peaks(events, a, b, pace)
        print(
            f"cross {level}: best 14 days: {curve[0, AROUND]:.2f} times the flat expectation on the customers they "
            f"were chosen on, {curve[1, AROUND]:.2f} times on the others",
            flush=True,
        )
        if level == "cat_10" and picture is not None:
            draw_peaks(curve, picture)


def peaks(events: Purchases, antecedent: np.ndarray, consequent: np.ndarray, pace: np.ndarray) -> np.ndarray:
    """Followers over their flat expectation by days around each rule's best window: chosen half, other half.

    Rows: the half that the window was chosen on, the other half. Columns: the share in 14-day windows that start so
    many days before or after the best one. Flat is what the rule's own watched days give under `pace`, the hazard of
    its B after whatever else.
    """
    daily = []
    for side in (False, True):
        part = events.where(events.half == side)
        counts, followers = count_lags(part, antecedent, consequent, window_days=WINDOW)
        came = np.bincount(
            followers.rule * (WINDOW + 1) + followers.lag, minlength=len(antecedent) * (WINDOW + 1)
        ).reshape(-1, WINDOW + 1)[:, 1:]
        watched = np.repeat(counts.watch_days / np.diff(edges(WINDOW)), np.diff(edges(WINDOW)), axis=1)
        daily.append((came, watched))
    hazard = np.repeat(pace, np.diff(edges(WINDOW)), axis=1)
    sums = []
    for came, watched in daily:
        flat_days = watched * hazard
        flat_days *= came.sum(axis=1, keepdims=True) / np.maximum(flat_days.sum(axis=1, keepdims=True), 1e-9)
        sums.append([sliding_window_view(part, HORIZON, axis=1).sum(axis=-1) for part in (came, flat_days)])
    total = np.zeros((2, 2, 2 * AROUND + 1))  # half, followers or flat, days from the best start
    for chosen, other in ((0, 1), (1, 0)):
        seen, expected = sums[chosen]
        best = np.argmax(seen / np.maximum(expected, 1.0), axis=1)
        for step in range(-AROUND, AROUND + 1):
            at = best + step
            use = np.flatnonzero((at >= 0) & (at < seen.shape[1]))
            for row, half in enumerate((chosen, other)):
                for column in range(2):
                    total[row, column, step + AROUND] += sums[half][column][use, at[use]].sum()
    return total[:, 0] / total[:, 1]


def draw_peaks(curve: np.ndarray, picture: Path) -> None:
    """Draw what `peaks` gave."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    axes = figure.subplots()
    days = np.arange(-AROUND, AROUND + 1)
    axes.axhline(1, color="#444444", lw=1, ls=(0, (3, 3)))
    axes.plot(days, curve[0], color="#9dc3de", lw=2.2, label="customers it was chosen on")
    axes.plot(days, curve[1], color="#1f5f8b", lw=2.2, label="the other customers")
    axes.set_xlabel("days from the window that looked best")
    axes.set_ylabel("followers in 14 days\nover the flat expectation")
    axes.set_ylim(0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("dunnhumby, category after category: the peak is not there", loc="left", fontsize=11)
    figure.savefig(picture, dpi=80)


HISTORIES = {  # file: what counts as an item, horizon, days from the cut to the end
    "dunnhumby_lgsr5k": ("cat_10", 14, 140),
    "online_retail_1": ("item_id", 30, 30),
}


def repeat_forecast(
    lines: pd.DataFrame, *, horizon_days: int, days_before_end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Chance that each (customer, item) bought before a cut is bought again after it, and whether it was."""
    orders = nb.read_orders(lines)
    last = np.datetime64(orders.end_day, "D")
    cut = last - days_before_end
    model = nb.NextPurchase(horizon_days=horizon_days).fit(orders, as_of=str(cut))
    made = model.predict(kind="repeat", k=orders.n_items)
    day = lines["timestamp"].dt.normalize()
    after = lines[(day >= cut) & (day < cut + horizon_days)]
    pairs = pd.MultiIndex.from_frame(made[["customer_id", "item_id"]])
    came = pairs.isin(pd.MultiIndex.from_frame(after[["customer_id", "item_id"]]))
    return made["probability"].to_numpy(), came


def repurchase(folder: Path) -> None:
    """Print how good the chances of buying the same item again are on two real histories."""
    for name, (level, horizon, back) in HISTORIES.items():
        lines = pd.read_parquet(folder / f"{name}.parquet")
        lines = lines.assign(item_id=lines[level])[["customer_id", "order_id", "timestamp", "item_id"]]
        began = time.process_time()
        chance, came = repeat_forecast(lines, horizon_days=horizon, days_before_end=back)
        print(
            f"{name} {level}, {horizon} days: {len(came):,} pairs, bought {came.mean():.4f}, predicted "
            f"{chance.mean():.4f}, log-loss {log_loss(chance, came):.4f}, AUC {roc_auc_score(came, chance):.4f}, "
            f"calibration error {calibration(chance, came).error:.4f}; {time.process_time() - began:.0f} CPU s",
            flush=True,
        )


def main() -> None:
    """Print the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=["worlds", "flat", "speed", "rhythm"])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--picture", type=Path, help="where `cross` draws its peaks, such as peaks.png")
    asked = parser.parse_args()
    random = np.random.default_rng(11)
    if "worlds" in asked.parts:
        for name in LAWS:
            for size in SIZES:
                world(name, size, random)
    simulated = {"flat": flat, "speed": speed, "rhythm": rhythm}
    for part in asked.parts:
        if part in simulated:
            simulated[part](random)
        elif part == "repurchase":
            repurchase(asked.data)
        elif part == "cross":
            cross(asked.data, asked.picture)


if __name__ == "__main__":
    main()
