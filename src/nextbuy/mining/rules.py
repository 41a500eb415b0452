"""From frequent itemsets to rules: what is antecedent, what consequent, and what says nothing new."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.sets import Itemsets, Roles

MAX_RULES = 50_000_000


@dataclass(frozen=True, eq=False)
class Rules:
    """By rule the number of its antecedent, of its consequent and of the set of both."""

    antecedent: NDArray[np.int32]
    consequent: NDArray[np.int32]
    both: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.both)

    def take(self, rows: NDArray) -> Rules:
        """Give these rows, in this order."""
        return Rules(self.antecedent[rows], self.consequent[rows], self.both[rows])


class SetIndex:
    """Finds the number of a set by its codes: a trie over the sorted sets, walked by binary search."""

    def __init__(self, sets: Itemsets, n_items: int) -> None:
        self.n_items = max(n_items, 1)
        self.low: list[int] = []
        self.keys: list[NDArray[np.int64]] = []
        for length in range(1, int(sets.length.max(initial=0)) + 1):
            low, rows = sets.of_length(length)
            prefix = self.find(rows[:, :-1]) if length > 1 else np.zeros(len(rows), np.int64)
            self.low.append(low)
            self.keys.append(prefix * self.n_items + rows[:, -1])

    def find(self, rows: NDArray) -> NDArray[np.int64]:
        """Give the set number of each row of ascending codes, -1 where that set is not among the sets."""
        at = np.zeros(len(rows), np.int64)
        for depth in range(rows.shape[1]):
            key = np.where(at < 0, -1, at * self.n_items + rows[:, depth])
            known = self.keys[depth]
            where = np.minimum(np.searchsorted(known, key), len(known) - 1)
            at = np.where(known[where] == key, where + self.low[depth], -1)
        return at


def generate(sets: Itemsets, *, n_items: int, max_consequents: int, roles: Roles | None = None) -> Rules:
    """List every split of every set into antecedent and consequent.

    Vectorised over the sets of one length; 12 bytes a rule. Raises InputError above 50 million rules.
    """
    lengths = np.bincount(sets.length, minlength=1)
    total = sum(
        int(n) * sum(comb(k, r) for r in range(1, min(max_consequents, k - 1) + 1))
        for k, n in enumerate(lengths)
        if k > 1
    )
    if total > MAX_RULES:
        raise InputError(
            f"{len(sets):,} itemsets make {total:,} rules with max_consequents={max_consequents}, more than "
            f"{MAX_RULES:,}. Lower max_consequents or max_length, or raise min_support."
        )
    index = SetIndex(sets, n_items)
    parts: list[tuple[NDArray, NDArray, NDArray]] = []
    for length in range(2, len(lengths)):
        low, rows = sets.of_length(length)
        numbers = np.arange(low, low + len(rows))
        for size in range(1, min(max_consequents, length - 1) + 1):
            for chosen in combinations(range(length), size):
                rest = [i for i in range(length) if i not in chosen]
                use: NDArray | slice = slice(None)
                if roles is not None:
                    fits = roles.consequent[rows[:, chosen]].all(1) & roles.antecedent[rows[:, rest]].all(1)
                    use = np.flatnonzero(fits)
                parts.append((index.find(rows[use][:, rest]), index.find(rows[use][:, chosen]), numbers[use]))
    none = [np.zeros(0, np.int64)]
    return Rules(*(np.concatenate([p[i] for p in parts] or none).astype(np.int32) for i in range(3)))


def says_something_new(
    sets: Itemsets, rules: Rules, *, n_items: int, lift: NDArray, lift_low: NDArray
) -> NDArray[np.bool_]:
    """Mark the rules that beat every shorter one: those with the same consequent and part of the antecedent.

    A rule is redundant when its `lift_low` is no better than the lift of such a shorter rule of the same
    list.
    """
    index = SetIndex(sets, n_items)
    key = rules.antecedent.astype(np.int64) * len(sets) + rules.consequent
    order = np.argsort(key)
    sorted_key, lift_by_key = key[order], lift[order]
    new = np.ones(len(rules), bool)
    length = sets.length[rules.antecedent]
    for size in range(2, int(length.max(initial=0)) + 1):
        low, rows = sets.of_length(size)
        here = np.flatnonzero(length == size)
        antecedents = rows[rules.antecedent[here] - low]
        for keep in range(1, size):
            for chosen in combinations(range(size), keep):
                shorter = index.find(antecedents[:, chosen])
                wanted = np.where(shorter < 0, -1, shorter * len(sets) + rules.consequent[here])
                at = np.minimum(np.searchsorted(sorted_key, wanted), len(key) - 1)
                beaten = (sorted_key[at] == wanted) & (lift_by_key[at] >= lift_low[here])
                new[here[beaten]] = False
    return new


def closed_and_maximal(sets: Itemsets, *, n_items: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark sets that no longer set equals in orders (closed) or that no longer set contains (maximal).

    Judged among the sets that were found: sets of the greatest length searched are always both.
    """
    closed, maximal = np.ones(len(sets), bool), np.ones(len(sets), bool)
    index = SetIndex(sets, n_items)
    for length in range(2, int(sets.length.max(initial=0)) + 1):
        low, rows = sets.of_length(length)
        for left_out in range(length):
            part = index.find(np.delete(rows, left_out, axis=1))
            known = part >= 0
            maximal[part[known]] = False
            same = known & (sets.orders[part] == sets.orders[low : low + len(rows)])
            closed[part[same]] = False
    return closed, maximal
