"""How true are the sequential rules: worlds whose links are known, other seeds than the sample's.

    python benchmarks/truth.py [SEED ...]      (about 5 s a seed)

A rule is true when the truth lists it in that direction (links, and what follows from them); a decoy or an
unlisted pair is false. Recall counts the links whose median lag lies inside the window and that were followed by
at least eight customers. Beside it, in the same run, what most tools do: lift of "bought both" and Fisher's test.
"""

import sys

import numpy as np
import pandas as pd

import nextbuy as nb
from nextbuy.mining.exposures import count_pairs, purchases
from nextbuy.mining.measures import benjamini_hochberg, hypergeometric_tail

WINDOW_DAYS = 180


def fisher_passes(orders: nb.Orders) -> set[tuple[str, str]]:
    """Ordered pairs that pass a 5 % false-discovery rate by Fisher's exact test on customers who bought both."""
    events = purchases(orders.level("category"))
    counts = count_pairs(events, window_days=100_000)
    both = counts.followed + counts.excluded
    buyers = np.bincount(events.item[events.first], minlength=events.n_items)
    a, b = np.nonzero(~np.eye(events.n_items, dtype=bool))
    p = hypergeometric_tail(both[a, b], buyers[a], buyers[b], np.full(len(a), events.n_customers))
    passed = benjamini_hochberg(p, tests=len(a)) <= 0.05
    ids = orders.level("category").item_ids.to_pylist()
    return {(ids[x], ids[y]) for x, y in zip(a[passed], b[passed], strict=True)}


def judge(found: set[tuple[str, str]], truth: pd.DataFrame, planted: set[tuple[str, str]]) -> str:
    """Count, false share and recall of one set of rules."""
    true = set(zip(truth["antecedent"], truth["consequent"], strict=True))
    false = len(found - true) / max(len(found), 1)
    return f"{len(found):6,} passed, false {false:6.1%}, recall {len(found & planted) / len(planted):6.1%}"


def main(seeds: list[int]) -> None:
    """Print one line a seed and method."""
    for seed in seeds:
        world = nb.datasets.make_orders(seed=seed)
        orders = nb.read_orders(world.orders, catalog=world.catalog)
        links = nb.SequentialRules(level="category", window_days=WINDOW_DAYS).fit(orders)
        rules = links.rules_
        candidates = (
            nb.SequentialRules(level="category", window_days=WINDOW_DAYS, fdr=None).fit(orders).rules_
        )
        reached = set(zip(candidates["antecedent"], candidates["consequent"], strict=True))
        truth = world.truth[~world.truth["kind"].str.startswith("decoy")]
        inside = truth[(truth["kind"] == "link") & (truth["lag_p50"] < WINDOW_DAYS)]
        planted = set(zip(inside["antecedent"], inside["consequent"], strict=True)) & reached
        found = set(zip(rules["antecedent"], rules["consequent"], strict=True))
        ratio = rules.merge(inside, on=["antecedent", "consequent"], suffixes=("", "_true"))
        off = (ratio["lag_p50"] / ratio["lag_p50_true"] - 1).abs()
        lags = f"median lag off by {off.median():.1%} (worst {off.max():.0%})"
        print(f"seed {seed}: nextbuy {judge(found, truth, planted)}, {lags}")
        print(f"seed {seed}: Fisher  {judge(fisher_passes(orders), truth, planted)}", flush=True)


if __name__ == "__main__":
    main([int(s) for s in sys.argv[1:]] or [101, 102, 103])
