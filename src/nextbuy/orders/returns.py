"""Which purchase a return cancels: the latest one before it, last in first out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def match_returns(
    group: NDArray[np.int64], time: NDArray[np.int64], quantity: NDArray[np.float64], tie: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Match the returns (quantity < 0) of each group to its latest purchases at or before them.

    A return may cancel several purchases, a purchase may be cancelled by several returns. Seen as a stack of
    pieces, every piece returned was put there by the last purchase that reached its height; so heights are
    cut at every level where a purchase or a return began or ended, and in each slice purchases and returns
    alternate. Below the first purchase lies a made-up one that takes what nothing else covers. No loop; O(e
    log e) for e slices, usually little more than lines.

    Parameters
    ----------
    group : ndarray of int64
        Customer and item, as one number a line.
    time : ndarray of int64
    quantity : ndarray of float64
        Pieces; negative for a return. Resolved to a millionth of a piece.
    tie : ndarray of uint64
        Decides between purchases of the same moment and quantity.

    Returns
    -------
    returned, purchase, pieces : ndarrays
        Row of the return, row of the purchase it cancels, and how many pieces.

    Examples
    --------
    >>> group, time = np.zeros(4, int), np.arange(4)
    >>> match_returns(group, time, np.array([5.0, 2, -3, -9]), np.zeros(4, np.uint64))
    (array([2, 2, 3]), array([1, 0, 0]), array([2., 1., 4.]))
    """
    affected = np.isin(group, group[quantity < 0])
    rows = np.flatnonzero(affected & (quantity != 0))
    if not len(rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    rows = rows[np.lexsort((tie[rows], quantity[rows], quantity[rows] < 0, time[rows], group[rows]))]
    _, owner = np.unique(group[rows], return_inverse=True)
    # whole numbers: sums of fractions must meet exactly; scaled down where they would not fit
    scale = (
        1e6
        if np.abs(quantity[rows]).sum() * 4e6 < 2**62
        else min(1.0, 2**60 / np.abs(quantity[rows]).sum() / 4)
    )
    pieces = np.round(quantity[rows] * scale).astype(np.int64)

    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    floor = -np.add.reduceat(np.minimum(pieces, 0), starts)
    pieces = np.insert(pieces, starts, floor)
    rows = np.insert(rows, starts, -1)
    owner = np.insert(owner, starts, owner[starts])
    starts = starts + np.arange(len(starts))
    after = np.cumsum(pieces)
    after -= np.repeat(after[starts] - pieces[starts], np.diff(np.append(starts, len(rows))))
    low, high = np.minimum(after, after - pieces), np.maximum(after, after - pieces)

    height, level_owner = np.concatenate([low, high]), np.concatenate([owner, owner])
    by_height = np.lexsort((height, level_owner))
    new = np.append(True, (np.diff(height[by_height]) != 0) | (np.diff(level_owner[by_height]) != 0))
    level = np.empty(len(height), np.int64)
    level[by_height] = np.cumsum(new) - 1
    heights = height[by_height][new]
    bottom, top = level[: len(low)], level[len(low) :]

    slices = top - bottom
    event = np.repeat(np.arange(len(rows)), slices)
    slice_of = np.arange(len(event)) - np.repeat(np.cumsum(slices) - slices, slices) + bottom[event]
    by_slice = np.lexsort((event, slice_of))
    event, slice_of = event[by_slice], slice_of[by_slice]
    out = np.flatnonzero(pieces[event] < 0)
    returned, purchase = event[out], event[out - 1]
    width = heights[slice_of[out] + 1] - heights[slice_of[out]]
    real = rows[purchase] >= 0
    returned, purchase, width = returned[real], purchase[real], width[real]

    by_pair = np.lexsort((-purchase, returned))
    returned, purchase, width = returned[by_pair], purchase[by_pair], width[by_pair]
    if not len(returned):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    starts = np.flatnonzero(np.append(True, (np.diff(returned) != 0) | (np.diff(purchase) != 0)))
    return rows[returned[starts]], rows[purchase[starts]], np.add.reduceat(width, starts) / scale
