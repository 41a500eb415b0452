"""What is usual in a project: the order of its items, the share who buy each, how long it all takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import spsolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.lags import LagTable


def usual_days(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    lag_days: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    size: int,
) -> NDArray[np.float64]:
    """Place items on a time line so that the differences come as near as possible to the lags of their links.

    Weighted least squares over all links at once. Items that are not linked have lines of their own; each line is
    right up to a shift.

    References
    ----------
    Jiang, Lim, Yao and Ye, Statistical ranking and combinatorial Hodge theory, Mathematical Programming 127 (2011).
    """
    rows = np.arange(len(first))
    ends = (np.r_[np.ones(len(first)), -np.ones(len(first))], (np.r_[rows, rows], np.r_[second, first]))
    step = sparse.csr_array(ends, shape=(len(first), size))
    normal = step.T @ sparse.diags_array(weight) @ step + sparse.diags_array(np.full(size, 1e-9))
    days: NDArray[np.float64] = np.atleast_1d(spsolve(sparse.csc_array(normal), step.T @ (weight * lag_days)))
    return days


def shares_after(
    start: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    confidence: NDArray[np.float64],
    *,
    size: int,
) -> NDArray[np.float64]:
    """Give for each (start, item) the share of a start's buyers who come to the item: (starts, size).

    Where a link leads there directly its confidence is measured and stands; else the best chain of links, shares
    multiplied; NaN where no way leads.
    """
    cost = -np.log(np.clip(confidence, 1e-12, 1 - 1e-12))
    graph = sparse.csr_array((cost, (first, second)), shape=(size, size))
    away = dijkstra(graph, indices=start)
    shares: NDArray[np.float64] = np.where(np.isfinite(away), np.exp(-away), np.nan)
    place = np.full(size, -1, np.int64)
    place[start] = np.arange(len(start))
    direct = place[first] >= 0
    shares[place[first[direct]], second[direct]] = confidence[direct]
    shares[np.arange(len(start)), start] = 1.0
    return shares


def span_quantiles(
    table: LagTable, rules: NDArray[np.int64], group: NDArray[np.int64], size: int, *levels: float
) -> NDArray[np.float64]:
    """Days from a project's start to the last item bought within the window, of those who buy any: (size, levels).

    Parameters
    ----------
    rules, group : ndarray of int64
        The links that leave each project's start, and the project of each.

    Notes
    -----
    The items are taken as independent given the start: P(last by t) = prod over items of 1 - (F(W) - F(t)).
    """
    days = np.arange(table.bins[-1] + 1.0)
    came = -np.expm1(-table.cumulative(np.tile(days, len(rules)), np.repeat(rules, len(days))))
    came = came.reshape(len(rules), len(days))
    later = np.log1p(-np.minimum(came[:, -1:] - came, 1 - 1e-12))
    done = np.zeros((size, len(days)))
    np.add.at(done, group, later)
    done = np.exp(done)
    out = np.full((size, len(levels)), np.nan)
    for p in np.unique(group):
        none = done[p, 0]  # nobody comes after day 0: nobody comes at all
        for j, level in enumerate(levels):
            out[p, j] = np.interp(none + level * (1 - none), done[p], days)
    return out
