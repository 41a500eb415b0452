"""Through which other item a rule runs: A -> B -> C, and without B nothing is left of A -> C."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from nextbuy.mining.expansion import pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.lags import Followers

UNEXPLAINED = 0.05


class Chains(NamedTuple):
    """Every A -> C for which A -> B and B -> C are rules too: rows of the rules, sorted by the first."""

    rule: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


def chains_of(a: NDArray[np.int64], b: NDArray[np.int64]) -> Chains:
    """Find the chains among rules a -> b. Time: the squares of how many rules leave each item."""
    size = int(max(a.max(initial=0), b.max(initial=0))) + 1
    key = a * size + b
    by_key, from_a = np.argsort(key), np.argsort(a, kind="stable")
    low, high = (np.searchsorted(a[from_a], a, side) for side in ("left", "right"))
    found = [(np.zeros(0, np.int64),) * 3]
    for rule, place in pairs(np.arange(len(a)), low=low, high=high):
        first = from_a[place]
        asked = b[first] * size + b[rule]
        at = np.minimum(np.searchsorted(key[by_key], asked), len(key) - 1)
        second = by_key[at]
        there = key[second] == asked
        found.append((rule[there], first[there], second[there]))
    rule, first, second = (np.concatenate(column) for column in zip(*found, strict=True))
    return Chains(rule, first, second)


def count_chains(chains: Chains, followers: Followers, *, rules: int, n_customers: int) -> NDArray[np.int64]:
    """Count the customers who followed all three rules of each chain. Time: the followers of each chain's A -> C."""
    key = np.sort(followers.rule * np.int64(n_customers) + followers.customer)
    start = np.searchsorted(key, np.arange(rules + 1) * np.int64(n_customers))
    count = np.zeros(len(chains.rule), np.int64)
    low, high = start[chains.rule], start[chains.rule + 1]
    for chain, place in pairs(np.arange(len(chains.rule)), low=low, high=high):
        customer = key[place] - chains.rule[chain] * np.int64(n_customers)
        all_three = np.ones(len(chain), dtype=bool)
        for other in (chains.first, chains.second):
            asked = other[chain] * np.int64(n_customers) + customer
            all_three &= key[np.minimum(np.searchsorted(key, asked), len(key) - 1)] == asked
        count += np.bincount(chain[all_three], minlength=len(count))
    return count


def via(
    chains: Chains,
    count: NDArray[np.int64],
    b: NDArray[np.int64],
    *,
    followed: NDArray,
    exposed: NDArray,
    expected: NDArray,
) -> NDArray[np.int64]:
    """Give for each rule A -> C the B through which it runs, by rows of the rules; -1: none.

    The rest of the followers of A -> C must be no more than the exposed customers without B would give by expectation
    (Poisson, one-sided 5 %). Of several, the one of most customers.
    """
    out = np.full(len(b), -1, np.int64)
    rest = followed[chains.rule] - count
    alone = expected[chains.rule] * np.maximum(1 - followed[chains.first] / exposed[chains.first], 0.0)
    explains = np.flatnonzero((count > 0) & (stats.poisson.sf(rest - 1, alone) >= UNEXPLAINED))
    middle = b[chains.first]
    by = explains[np.lexsort((middle[explains], -count[explains], chains.rule[explains]))]
    best = by[np.flatnonzero(np.diff(chains.rule[by], prepend=-1))]
    out[chains.rule[best]] = middle[best]
    return out
