"""Which patterns are closed, and how they compare with their own parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.lines import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS = 200_000  # pairs of patterns compared together


def contained(
    items: NDArray[np.int64], steps: NDArray[np.int64], part: NDArray[np.int64], whole: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say for each pair whether pattern `part` is contained in pattern `whole`.

    That is: its steps are subsets of different steps of `whole`, in the same order. Each step takes the earliest
    that holds it, which decides the question.

    Parameters
    ----------
    items, steps : (patterns, length) ndarray of int64
        Item codes and step numbers; -1 beyond a pattern's end.
    """
    a, b = items[part], items[whole]
    a_step, b_step = steps[part], steps[whole]
    equal = a[:, :, None] == b[:, None, :]
    at = np.zeros(len(part), np.int64)  # the next step of `part` to place
    for number in range(int(b_step.max(initial=-1)) + 1):
        held = (equal & (b_step == number)[:, None, :]).any(axis=2)
        wanted = a_step == at[:, None]
        at += wanted.any(axis=1) & (held | ~wanted).all(axis=1)
    done: NDArray[np.bool_] = at == a_step.max(axis=1) + 1
    return done


def closed(
    items: NDArray[np.int64],
    steps: NDArray[np.int64],
    customers: NDArray[np.int64],
    mark: NDArray[np.uint64],
) -> NDArray[np.bool_]:
    """Mark the patterns that no longer one contains with exactly the same customers.

    Only patterns with equal counts and marks are compared, each with the longer ones beside it.
    """
    length = (items >= 0).sum(axis=1)
    by = np.lexsort((length, mark, customers))
    same = np.zeros(len(by), np.int64)
    same[1:] = np.cumsum((customers[by][1:] != customers[by][:-1]) | (mark[by][1:] != mark[by][:-1]))
    end = np.searchsorted(same, same, side="right")
    size = end - np.arange(len(by)) - 1
    total = np.concatenate([[0], np.cumsum(size)])
    out = np.ones(len(by), dtype=bool)
    low = 0
    while low < len(by):
        high = max(low + 1, int(np.searchsorted(total, total[low] + PAIRS, side="right")) - 1)
        one = np.repeat(np.arange(low, high), size[low:high])
        other = np.arange(len(one)) - (total[one] - total[low]) + one + 1
        longer = length[by[other]] > length[by[one]]
        one, other = one[longer], other[longer]
        inside = contained(items, steps, by[one], by[other])
        out[by[one[inside]]] = False
        low = high
    return out


def keys(
    items: NDArray[np.int64], steps: NDArray[np.int64], *, first: int, without: int, n_items: int
) -> NDArray[np.uint64]:
    """Give a 64-bit name to each pattern without its first `first` and its last `without` steps."""
    last = steps.max(axis=1, keepdims=True, initial=-1)
    kept = (items >= 0) & (steps >= first) & (steps <= last - without)
    word = mix((np.maximum(steps - first, 0) * n_items + np.maximum(items, 0) + 1).astype(np.uint64))
    total: NDArray[np.uint64] = np.where(kept, word, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    return total


def customers_of(
    asked: NDArray[np.uint64], known: NDArray[np.uint64], customers: NDArray[np.int64], everybody: int
) -> NDArray[np.int64]:
    """Look up the customers of patterns by name; the empty pattern, name 0, is everybody's."""
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], asked), len(known) - 1)
    return np.where(asked == 0, everybody, customers[order][at])
