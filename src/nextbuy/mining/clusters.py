"""Groups of items in a graph of links: Markov clustering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDS = 100
NEGLIGIBLE = 1e-5  # shares below this are dropped: keeps the flow sparse


def markov_clusters(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    weight: NDArray[np.float64],
    *,
    size: int,
    inflation: float,
) -> NDArray[np.int64]:
    """Group the nodes of a weighted graph so that a random walk seldom leaves its group.

    The walk's step shares are squared as a matrix (expansion) and raised to `inflation` (strong ways grow stronger)
    until nothing moves; nodes that end in the same place are one group. Unlike connected components one wrong link
    joins no groups, unlike modularity small groups survive in a large graph, and there is no chance in it.

    Parameters
    ----------
    first, second : ndarray of int64
        The ends of each link; the direction does not matter, the heavier of two directions counts.
    weight : ndarray of float64, above 0
    size : int
        Number of nodes.
    inflation : float, above 1
        Higher gives smaller groups.

    Returns
    -------
    ndarray of int64
        Group by node, numbered from 0 by the first node of each; a node without links is alone.

    References
    ----------
    van Dongen, SIAM J. Matrix Anal. Appl. 30 (2008).
    """
    graph = sparse.coo_array((weight, (first, second)), shape=(size, size)).tocsr()
    graph = graph.maximum(graph.T)
    heaviest = graph.max(axis=1).toarray().ravel()
    # a walk may stay where it is, as easily as it takes the heaviest way out
    flow = _shares(graph + sparse.diags_array(np.where(heaviest > 0, heaviest, 1.0)))
    for _ in range(ROUNDS):
        after = _shares((flow @ flow).power(inflation))
        change = abs(after - flow)
        flow = after
        if not change.nnz or change.max() < 1e-6:
            break
    # column j says where the walk from j ends
    _, found = connected_components(flow, directed=False)
    _, at, group = np.unique(found, return_index=True, return_inverse=True)
    rank = np.empty(len(at), np.int64)
    rank[np.argsort(at)] = np.arange(len(at))
    numbered: NDArray[np.int64] = rank[group]
    return numbered


def _shares(flow: sparse.csr_array) -> sparse.csc_array:
    """Scale columns to sum 1, then drop what is negligible and scale again."""
    flow = sparse.csc_array(flow)
    for last in (False, True):
        total = np.asarray(flow.sum(axis=0)).ravel()
        flow = sparse.csc_array(flow @ sparse.diags_array(1 / total))
        if not last:
            flow.data[flow.data < NEGLIGIBLE] = 0
            flow.eliminate_zeros()
    return flow
