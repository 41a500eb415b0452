"""Frequent pairs and their lags at once, for whoever needs no null: no table of all pairs is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.mining.exposures import Occurrence, Purchases, anchors, later_pairs, runs, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frequent_lags(
    events: Purchases,
    *,
    window_days: int,
    min_followed: int,
    bins: NDArray[np.int64],
    burn_in_days: int = 0,
    occurrence: Occurrence = "first",
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give the pairs with enough followers, and these by lag bin, without a table of all pairs.

    Returns
    -------
    antecedent, consequent : (pairs,) ndarray of int64
        Ascending.
    followers : (pairs, bins) ndarray of int64
        Customers by lag in (bins[k], bins[k + 1]] days.

    Notes
    -----
    Time linear in the pair events; memory in `CHUNK`, in the number of items and in the pairs found.
    """
    if occurrence == "first":
        events = events.where(events.first)
    rows = anchors(events, burn_in_days=burn_in_days)
    _, after, until = spans(events, rows, window_days)
    bin_of = (np.searchsorted(bins, np.arange(window_days + 1)) - 1).astype(np.int32)
    width = len(bins) - 1
    shift = width.bit_length()
    cells, followers = [np.zeros(0, np.int64)], [np.zeros((0, width), np.int64)]
    for later, key, lag in later_pairs(events, rows, after, until, occurrence):
        wide = int(key.max(initial=0)) >> (31 - shift) > 0
        coded: NDArray[Any] = np.left_shift(key.astype(np.int64 if wide else np.int32), shift)
        coded |= bin_of[lag]
        coded.sort()
        cell = coded >> shift
        start = runs(cell)
        count = np.diff(start, append=len(cell))
        found = np.flatnonzero(count >= min_followed)
        at = np.repeat(start[found] - np.cumsum(count[found]) + count[found], count[found])
        at += np.arange(len(at))
        row = np.repeat(np.arange(len(found)), count[found])
        table = np.bincount(row * width + (coded[at] & ((1 << shift) - 1)), minlength=len(found) * width)
        cells.append(cell[start[found]] + np.int64(later.base))
        followers.append(table.reshape(len(found), width))
    a, b = np.divmod(np.concatenate(cells), max(events.n_items, 1))
    return a, b, np.concatenate(followers)
