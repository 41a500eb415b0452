"""Rules with all their measures, filtered and sorted: the arrays behind `AssociationRules.rules_`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.mining.baskets import taken
from nextbuy.mining.measures import (
    Counts,
    benjamini_hochberg,
    confidence_interval,
    expected_customers,
    fisher,
    interest,
)
from nextbuy.mining.prior import Prior, fit_prior
from nextbuy.mining.rules import Rules, says_something_new
from nextbuy.orders.arrays import to_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.sets import Itemsets

COLUMNS = (
    "orders",
    "customers",
    "support",
    "confidence",
    "confidence_low",
    "confidence_high",
    "lift",
    "lift_low",
    "p_value",
    "q_value",
    "antecedent support",
    "consequent support",
    "representativity",
    "leverage",
    "conviction",
    "zhangs_metric",
    "jaccard",
    "certainty",
    "kulczynski",
    "lift_shrunk",
)


@dataclass(frozen=True, eq=False)
class Scored:
    """Rules, strongest `lift_low` first, and their measures by column name."""

    rules: Rules
    columns: dict[str, NDArray]


@dataclass(frozen=True)
class Bar:
    """What a rule must reach to be listed."""

    min_confidence: float = 0.0
    min_orders: int = 1
    min_customers: int = 1
    fdr: float | None = None
    prune: bool = False


def score(
    sets: Itemsets,
    rules: Rules,
    *,
    n_orders: int,
    n_items: int,
    total_weight: float | None,
    tests: int,
    bar: Bar,
) -> Scored:
    """Compute all measures of `rules`, keep those that reach the bar, and sort them."""
    counts = Counts(
        sets.orders[rules.antecedent],
        sets.orders[rules.consequent],
        sets.orders[rules.both],
        sets.customers[rules.both],
        n_orders,
    )
    if sets.weight is None or total_weight is None:
        shares = sets.orders / max(n_orders, 1)
    else:
        shares = sets.weight / max(total_weight, 1e-300)
    columns: dict[str, NDArray[Any]] = dict(
        interest(shares[rules.antecedent], shares[rules.consequent], shares[rules.both])
    )
    low, high = confidence_interval(counts)
    p_value = fisher(counts)
    prior = _prior(sets, rules, counts, bar)
    shrunk, lift_low = prior.posterior(counts.customers, expected_customers(counts))
    columns |= {
        "orders": counts.both,
        "customers": counts.customers,
        "confidence_low": low,
        "confidence_high": high,
        "lift_shrunk": shrunk,
        "lift_low": lift_low,
        "p_value": p_value,
        "q_value": benjamini_hochberg(p_value, tests=tests),
    }
    keep = columns["confidence"] >= bar.min_confidence
    if bar.fdr is not None:
        keep &= columns["q_value"] <= bar.fdr
    rows = np.flatnonzero(keep)
    if bar.prune:
        rows = rows[
            says_something_new(
                sets, rules.take(rows), n_items=n_items, lift=columns["lift"][rows], lift_low=lift_low[rows]
            )
        ]
    order = np.lexsort(
        (
            rules.consequent[rows],
            rules.antecedent[rows],
            -counts.both[rows],
            -columns["confidence"][rows],
            -lift_low[rows],
        )
    )
    rows = rows[order]
    return Scored(rules.take(rows), {name: columns[name][rows] for name in COLUMNS})


def _prior(sets: Itemsets, rules: Rules, counts: Counts, bar: Bar) -> Prior:
    """Fit the prior on pairs of items, each once: longer sets and the other direction repeat the evidence."""
    length = sets.length
    once = (length[rules.both] == 2) & (rules.antecedent < rules.consequent)
    rows = np.flatnonzero(once if once.any() else np.ones(len(rules), bool))
    some = Counts(
        counts.antecedent[rows],
        counts.consequent[rows],
        counts.both[rows],
        counts.customers[rows],
        counts.n_orders,
    )
    least = np.maximum(
        np.minimum(np.ceil(bar.min_orders / some.design_effect), some.customers), bar.min_customers
    )
    return fit_prior(some.customers, expected_customers(some), np.minimum(least, some.customers))


def id_tuples(sets: Itemsets, numbers: NDArray, ids: list[Any]) -> NDArray:
    """Give the ids of each set as a tuple; one shared tuple for each set. `ids` are the caller's by code."""
    used, back = np.unique(numbers, return_inverse=True)
    out = np.empty(len(used), object)
    start = sets.offsets[used]
    size = sets.offsets[used + 1] - start
    for length in np.unique(size).tolist():
        here = np.flatnonzero(size == length)
        rows = sets.codes[start[here][:, None] + np.arange(length)].tolist()
        for place, codes in zip(here.tolist(), rows, strict=True):
            out[place] = tuple([ids[c] for c in codes])
    return out[back]


def id_lists(sets: Itemsets, numbers: NDArray, item_ids: pa.Array) -> pa.Array:
    """Give the ids of each set as an arrow list."""
    size = sets.length[numbers]
    ends = np.cumsum(size)
    at = np.repeat(sets.offsets[numbers] - (ends - size), size) + np.arange(int(ends[-1]) if len(ends) else 0)
    offsets = to_arrow(np.concatenate([[0], ends]).astype(np.int64))
    return pa.LargeListArray.from_arrays(offsets, taken(item_ids, sets.codes[at]))


def frame(columns: dict[str, Any], backend: str) -> Any:
    """Give columns as a frame; those made by `id_tuples` hold Python tuples and stay so in pandas."""
    if backend != "pandas":
        from nextbuy.orders.frames import to_frame

        return to_frame(columns, backend)
    import pandas as pd

    return pd.DataFrame(
        {n: v.to_pandas() if isinstance(v, pa.Array) else v for n, v in columns.items()}, copy=False
    )
