"""Quotas and budget go where they are worth most: prices for what is scarce."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def places(group: NDArray[np.int64], *by: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the place of each row in its group, 0 first, by rising `by`."""
    order = np.lexsort((*by[::-1], group))
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = group[order][1:] != group[order][:-1]
    first = np.flatnonzero(starts)
    out = np.empty(len(order), np.int64)
    out[order] = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    return out


def within_quota(
    pool: NDArray[np.int64], left: NDArray[np.float64], *by: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Keep the rows of each pool with the highest `by` up to what is left of it; pool -1 has no limit."""
    keep = np.ones(len(pool), dtype=bool)
    limited = np.flatnonzero(pool >= 0)
    keep[limited] = places(pool[limited], *(-values[limited] for values in by)) < left[pool[limited]]
    return keep


def within_budget(spend: NDArray[np.float64], left: float, worth: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Keep the rows worth most per money spent that `left` pays for, passing over those that no longer fit."""
    keep = spend <= 0
    rows = np.flatnonzero(~keep & (spend <= left))
    rows = rows[np.argsort(-worth[rows] / spend[rows], kind="stable")]
    while len(rows):
        total = np.cumsum(spend[rows])
        paid = max(int(np.searchsorted(total, left, side="right")), 1)
        keep[rows[:paid]] = True
        left -= float(total[paid - 1])
        rows = rows[paid:]
        rows = rows[spend[rows] <= left]
    return keep
