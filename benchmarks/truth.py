"""How true are the sequential rules: histories whose links are known, made by two generators that share nothing.

    python benchmarks/truth.py                 ten worlds of each generator, ten without any link of each (half as
                                               many customers), 300 clear links in 2,000 categories, and the
                                               generated store: about 15 minutes on two free cores
    python benchmarks/truth.py --nulls         what other tests pass on the same worlds
    python benchmarks/truth.py --worlds 3 --silent 5 --jobs 1

Planted links count as direct; what follows from a chain of them (A -> B -> C gives A -> C) as induced; anything else
is false, also two effects of one cause. `precision` is that of the first 100 by `lift_low`. Recall counts the links
that at least eight customers followed within the window. The seeds, 201 and up, were looked at
only after the last change of the estimator.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from planted import nulls, segments, topics

import nextbuy as nb

if TYPE_CHECKING:
    from planted.world import World

GENERATORS = {"segments": segments.make, "topics": topics.make}
FIRST_SEED, SILENT_SEED, CLEAR_SEED = 201, 501, 901
WINDOW_DAYS, LEAST = 90, 8
# all categories of such a shop sell well: many buyers of everything, links that anybody would call clear
CLEAR = {"items": 2_000, "links": 300, "shares": (0.10, 0.15, 0.20), "lags": (10, 20, 30)}


@dataclass(frozen=True)
class Verdict:
    """What became of one world: counts of rules and shares."""

    passed: int
    direct: int
    induced: int
    reversed: int
    recall: float
    precision: float
    replicated: float
    seconds: float

    @property
    def false(self) -> float:
        """Share of the rules that no planted link explains."""
        return (self.passed - self.direct - self.induced) / max(self.passed, 1)


def judge(
    world: World, rules: list[tuple[int, int]], *, replicated: float = 1.0, seconds: float = 0.0
) -> Verdict:
    """Compare rules, strongest first, with the truth of a world."""
    direct, induced = world.direct(), world.induced()
    followed = world.followers(window_days=WINDOW_DAYS) >= LEAST
    reached = {pair for pair, enough in zip(world.pairs(), followed, strict=True) if enough}
    first = rules[:100]
    return Verdict(
        passed=len(rules),
        direct=len(direct & set(rules)),
        induced=len(induced & set(rules)),
        reversed=sum((b, a) in direct and (a, b) not in direct | induced for a, b in rules),
        recall=len(reached & set(rules)) / max(len(reached), 1),
        precision=sum(pair in direct or pair in induced for pair in first) / max(len(first), 1),
        replicated=replicated,
        seconds=seconds,
    )


def mined(world: World) -> Verdict:
    """Fit `SequentialRules` on a world and judge its rules."""
    orders = world.orders()
    start = time.perf_counter()
    links = nb.SequentialRules(window_days=WINDOW_DAYS, min_followed=LEAST).fit(orders)
    rules = list(zip(links.rules_["antecedent"].tolist(), links.rules_["consequent"].tolist(), strict=True))
    seconds = time.perf_counter() - start
    return judge(world, rules, replicated=links.replicated_share_, seconds=seconds)


def run(name: str, seed: int, options: dict[str, object]) -> Verdict:
    """Make one world and mine it."""
    return mined(GENERATORS[name](seed, **options))


def table(title: str, seeds: list[int], verdicts: list[Verdict]) -> None:
    """Print one line a world, then mean and worst."""
    print(
        f"\n{title}\n  seed  passed  direct  induced  false  recall  precision  reversed  replicated  seconds"
    )
    for seed, v in zip(seeds, verdicts, strict=True):
        print(
            f"  {seed:4d}  {v.passed:6d}  {v.direct:6d}  {v.induced:7d}  {v.false:5.1%}  {v.recall:6.1%}  "
            f"{v.precision:9.2f}  {v.reversed:8d}  {v.replicated:10.1%}  {v.seconds:7.1f}"
        )
    for word, of, worst in (("mean", mean, mean), ("worst", max, min)):
        print(
            f"  {word:5s} {'':22s}  {of(v.false for v in verdicts):5.1%}  {worst(v.recall for v in verdicts):6.1%}  "
            f"{worst(v.precision for v in verdicts):9.2f}  {of(v.reversed for v in verdicts):8.0f}  "
            f"{worst(v.replicated for v in verdicts):10.1%}  {of(v.seconds for v in verdicts):7.1f}",
            flush=True,
        )


def stores(seeds: list[int]) -> None:
    """Judge the rules of the generated store of the library, at category level over 180 days."""
    print("\ngenerated store, categories, 180 days")
    for seed in seeds:
        store = nb.datasets.make_orders(seed=seed)
        orders = nb.read_orders(store.orders, catalog=store.catalog)
        rules = nb.SequentialRules(level="category", window_days=180).fit(orders).rules_
        truth = store.truth[~store.truth["kind"].str.startswith("decoy")]
        true = set(zip(truth["antecedent"], truth["consequent"], strict=True))
        inside = truth[(truth["kind"] == "link") & (truth["lag_p50"] < 180)]
        found = set(zip(rules["antecedent"], rules["consequent"], strict=True))
        both = rules.merge(inside, on=["antecedent", "consequent"], suffixes=("", "_true"))
        off = (both["lag_p50"] / both["lag_p50_true"] - 1).abs()
        print(
            f"  {seed:4d}  {len(found):6d} passed, false {len(found - true) / max(len(found), 1):.1%}, "
            f"recall {len(both) / len(inside):.1%}, median lag off by {off.median():.1%} (worst {off.max():.0%})"
        )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=10, help="worlds of each generator")
    parser.add_argument("--silent", type=int, default=10, help="worlds without a link, of each generator")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2, help="worlds at once, 3 GB each")
    parser.add_argument("--nulls", action="store_true", help="compare tests instead")
    asked = parser.parse_args()
    size = {"customers": asked.customers}
    seeds = list(range(FIRST_SEED, FIRST_SEED + asked.worlds))
    many = Parallel(n_jobs=asked.jobs)
    if asked.nulls:
        for name, make in GENERATORS.items():
            nulls.compare(
                name, [partial(make, seed, **size) for seed in seeds], judge, window_days=WINDOW_DAYS
            )
        return
    for name in GENERATORS:
        table(f"{name}: 400 links", seeds, many(delayed(run)(name, seed, size) for seed in seeds))
    silent = list(range(SILENT_SEED, SILENT_SEED + asked.silent))
    for name in GENERATORS:
        smaller = {"customers": asked.customers // 2, "links": 0}
        made = many(delayed(run)(name, seed, smaller) for seed in silent)
        false = np.array([v.passed for v in made])
        print(
            f"\n{name} without any link: {(false > 0).sum()} of {len(false)} runs found some ({false.sum()} rules)"
        )
    if asked.silent:
        table(
            "segments: 300 clear links in 2,000 categories",
            [CLEAR_SEED],
            [run("segments", CLEAR_SEED, size | CLEAR)],
        )
    stores(seeds[:3])


if __name__ == "__main__":
    main()
