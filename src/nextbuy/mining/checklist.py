"""The checklist at the till: what usually goes with what is in the basket, without knowing the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.rules import Rules
    from nextbuy.mining.sets import Itemsets

CELLS = 32_000_000  # bytes of the table of baskets by items that is held at once
EVENTS = 2_000_000  # rules looked at, at once


@dataclass(frozen=True, eq=False)
class Answers:
    """By proposal the basket's number, the item's code and the rule's row; best first inside a basket."""

    basket: NDArray[np.int64]
    item: NDArray[np.int64]
    rule: NDArray[np.int64]


class Checklist:
    """Rules filed under the rarest item of their antecedent.

    A basket then meets only rules that share such an item, and one look at the table of what it holds decides
    on the rest of the antecedent.

    Parameters
    ----------
    sets, rules : Itemsets, Rules
    order : ndarray of int64
        Rows of `rules` that may answer, best first.
    n_items : int
    """

    def __init__(self, sets: Itemsets, rules: Rules, *, order: NDArray[np.int64], n_items: int) -> None:
        self.row, self.n_items = order, n_items
        start = sets.offsets[rules.antecedent[order]]
        size = sets.offsets[rules.antecedent[order] + 1] - start
        # codes ascend from frequent to rare: the last one of a set is its rarest
        rarest = sets.codes[start + size - 1]
        self.posting = np.argsort(rarest, kind="stable")
        self.posting_offsets = np.searchsorted(rarest[self.posting], np.arange(n_items + 1))
        # everything a basket looks up lies in the order of the postings, so that one item's rules lie side by
        # side
        posted = self.posting
        self.start, self.size = start[posted], size[posted].astype(np.int8)
        self.codes = sets.codes
        self.after_start = sets.offsets[rules.consequent[order]][posted]
        self.after_size = (sets.offsets[rules.consequent[order] + 1] - sets.offsets[rules.consequent[order]])[
            posted
        ]
        self.deepest = int(size.max(initial=1))
        self.columns = [
            self.codes[self.start + np.minimum(d, self.size - 1)] for d in range(self.deepest - 1)
        ]
        self.after_code = self.codes[self.after_start]
        self.several = bool((self.after_size > 1).any())

    def answer(self, item: NDArray, offsets: NDArray, *, k: int) -> Answers:
        """Give the k best items each basket lacks; `item` holds known codes, cut by `offsets`."""
        per_item = np.diff(self.posting_offsets)
        work = np.concatenate([[0], np.cumsum(per_item[item])])[offsets]
        width = max(1, CELLS // max(self.n_items, 1))
        parts, low, n = [], 0, len(offsets) - 1
        while low < n:
            high = int(np.searchsorted(work, work[low] + EVENTS, side="right")) - 1
            high = min(max(high, low + 1), low + width, n)
            here = item[offsets[low] : offsets[high]]
            basket = np.repeat(np.arange(high - low), np.diff(offsets[low : high + 1]))
            found = self._answer(here, basket, high - low, k)
            parts.append((found[0] + low, found[1], found[2]))
            low = high
        none = np.zeros(0, np.int64)
        basket, code, best = (np.concatenate([p[i] for p in parts]) if parts else none for i in range(3))
        return Answers(basket, code, self.row[best])

    def _answer(self, item: NDArray, basket: NDArray, n: int, k: int) -> tuple[NDArray, NDArray, NDArray]:
        holds = np.zeros(n * self.n_items, bool)
        holds[basket * self.n_items + item] = True
        low, high = self.posting_offsets[item], self.posting_offsets[item + 1]
        at = _ranges(low, high - low)  # places in the postings
        row = np.repeat(basket * self.n_items, high - low)
        for column in self.columns:
            # shorter antecedents repeat their rarest item, which is held
            fits = np.flatnonzero(holds[row + column[at]])
            at, row = at[fits], row[fits]
        if self.several:
            after = self.after_size[at]
            code = self.codes[_ranges(self.after_start[at], after)]
            at, row = np.repeat(at, after), np.repeat(row, after)
        else:
            code = self.after_code[at]
        lacks = np.flatnonzero(~holds[row + code])
        rule, row, code = self.posting[at[lacks]], row[lacks], code[lacks]
        # the best rule of each item, then the best items of each basket: the rules are numbered best first
        count = max(len(self.row), 1)
        key = np.sort((row + code) * count + rule)
        cell = key // count
        first = np.ones(len(key), bool)
        first[1:] = cell[1:] != cell[:-1]
        key, cell = key[first], cell[first]
        rule, row = key - cell * count, cell // self.n_items
        order = np.argsort(row * count + rule, kind="stable")
        row, rule, code = row[order], rule[order], (cell - row * self.n_items)[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        return row[place < k], code[place < k], rule[place < k]


def _ranges(start: NDArray, size: NDArray) -> NDArray[np.int64]:
    """Positions start, start + 1, ... of every run, one after the other."""
    ends = np.cumsum(size)
    return np.repeat(start - (ends - size), size) + np.arange(int(ends[-1]) if len(ends) else 0)


def usual_order(
    item: NDArray, *, held: NDArray, before: NDArray, after: NDArray, lag_days: NDArray
) -> NDArray[np.float64]:
    """Give by proposed item the days after which it usually follows: 0 for one bought with the basket.

    An item follows the basket by the shortest lag from anything held, and comes no earlier than a proposed
    item that it follows itself.

    Parameters
    ----------
    item, held : ndarray of int64
        Codes proposed and codes in the basket.
    before, after, lag_days : ndarray
        The sequential rules: codes and median lag.
    """
    days = np.zeros(len(item))
    place = {int(c): i for i, c in enumerate(item)}
    waits = np.full(len(item), np.inf)
    from_held = np.isin(before, held) & np.isin(after, item)
    np.minimum.at(waits, [place[int(c)] for c in after[from_held]], lag_days[from_held])
    days[np.isfinite(waits)] = waits[np.isfinite(waits)]
    among = np.flatnonzero(np.isin(before, item) & np.isin(after, item))
    pairs = {(int(before[i]), int(after[i])) for i in among}
    for _ in range(len(item)):
        moved = False
        for i in among:
            a, b = int(before[i]), int(after[i])
            # two items that follow each other have no order
            if (
                (b, a) not in pairs
                and days[place[b]] < days[place[a]] + lag_days[i]
                and not np.isfinite(waits[place[b]])
            ):
                days[place[b]] = days[place[a]] + lag_days[i]
                moved = True
        if not moved:
            break
    return days
