"""Do rules chosen on half of the customers occur among the other half? Real histories, one line each.

    python benchmarks/mining/replicate.py [--data DIR] [--rules N] [--seeds N]

The rules are those of one half with the highest `lift_low` (5 customers or more; support 0.0005), as `rules_` lists
them; a rule fails when no order of the other half holds both items. Beside it the same for the plain lift, with 10
orders or more and no word about customers, as most tools choose. Mean over seeds and both directions.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import worker

from nextbuy.mining import AssociationRules

if TYPE_CHECKING:
    from nextbuy.mining.baskets import Baskets

REPOSITORY = Path(__file__).resolve().parents[2]
HISTORIES = ("online_retail_1.parquet", "dunnhumby_lgsr5k.parquet")


def half(baskets: Baskets, side: np.ndarray) -> Baskets:
    """Give the orders of the customers marked in `side`; the items keep their codes."""
    keep = side[baskets.customer]
    size = np.diff(baskets.order_offsets)
    return replace(
        baskets,
        item=baskets.item[np.repeat(keep, size)],
        order_offsets=np.concatenate([[0], np.cumsum(size[keep])]),
        customer=baskets.customer[keep],
    )


def never_again(table: Any, other: Baskets) -> float:
    """Share of the rules of which no order of `other` holds both items."""
    order = np.repeat(np.arange(other.n_orders), np.diff(other.order_offsets))
    held = {i: set(order[other.item == c].tolist()) for c, i in enumerate(other.item_ids.to_pylist())}
    pairs = zip(table["antecedent"].to_pylist(), table["consequent"].to_pylist(), strict=True)
    return float(np.mean([held[a].isdisjoint(held[c]) for (a,), (c,) in pairs]))


def chosen(baskets: Baskets, n: int) -> tuple[Any, Any]:
    """The first rules by lift_low, and those by plain lift with 10 orders."""
    rules = AssociationRules(min_support=0.0005).fit(baskets).rules_
    plain = AssociationRules(min_support=10 / baskets.n_orders, min_customers=1).fit(baskets).rules_
    return rules[:n], plain.sort_by([("lift", "descending")])[:n]


def main() -> None:
    """Print one line a history."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--rules", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print("| history | rules | never again, by lift_low (worst) | by plain lift (worst) |\n|---|---|---|---|")
    for name in HISTORIES:
        whole, shares, count = worker.baskets_of(str(asked.data / name)), [], []
        for seed in range(asked.seeds):
            side = np.random.default_rng(seed).random(whole.n_customers) < 0.5
            for one, other in ((side, ~side), (~side, side)):
                found = chosen(half(whole, one), asked.rules)
                rest = half(whole, other)
                shares.append([never_again(table, rest) for table in found])
                count.append(len(found[0]))
        (a, b), (c, d) = np.mean(shares, axis=0), np.max(shares, axis=0)
        print(f"| {name} | {min(count):,} | {a:.1%} ({c:.1%}) | {b:.1%} ({d:.1%}) |", flush=True)


if __name__ == "__main__":
    main()
