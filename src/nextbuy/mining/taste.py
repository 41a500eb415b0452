"""Which items the same people like: a low-rank ratio of observed to expected, in either order.

Two items of one taste are bought by the same customers far more often than their margins say, and no link is behind it.
What a taste does to one pair it does to hundreds of others, so it shows in the leading eigenvectors of the table of all
pairs, and a single link does not. References: Horn, "A rationale and test for the number of factors", Psychometrika 30
(1965); Benaych-Georges and Nadakuditi, "The eigenvalues and eigenvectors of finite, low rank perturbations of large
random matrices", Advances in Mathematics 227 (2011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 64  # eigenvectors looked at
CAP = 3.0  # standard deviations: a single link must not make a taste of its own
MARGIN = 1.05  # counts of unequal variance spread their eigenvalues a little beyond Wigner's edge
LEAST, LARGEST = 0.1, 10.0  # the ratio is a sum, not a product: it must stay positive
SMALL = 600  # items up to which all eigenvalues are computed


def taste(
    observed: NDArray, expected: NDArray[np.float64], *, include: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give the ratio by which taste raises or lowers each pair, symmetric: (items, items) ndarray.

    The residuals of both orders together, in units of a rank-one standard deviation (as in correspondence analysis)
    and capped, are noise with a known edge of the spectrum (Wigner) plus what many pairs have in common. Eigenvalues
    beyond the edge are kept, shrunk by what noise adds to them. Cells outside `include` count as no residual.
    Time: `MOST` products with the table of pairs, a second for 3,000 items.
    """
    n = len(observed)
    both = expected + expected.T
    root = np.sqrt(both.sum(1) / np.sqrt(max(both.sum(), 1e-300)))
    scale = root[:, None] * root[None, :]
    residual = (observed + observed.T) - both
    np.divide(residual, scale, out=residual, where=scale > 0)
    residual[~(include & include.T) | (scale <= 0)] = 0.0
    np.clip(residual, -CAP, CAP, out=residual)
    values, vectors = _eigen(residual)
    energy = float((residual**2).sum())
    kept = np.zeros(len(values), dtype=bool)
    for _ in range(10):  # what is kept is no noise: without it the edge lies lower
        edge = 2 * np.sqrt(max(energy - float((values[kept] ** 2).sum()), 0.0) / max(n, 1))
        more = np.abs(values) > MARGIN * edge
        if np.array_equal(more, kept):
            break
        kept = more
    values, vectors = values[kept], vectors[:, kept]
    shrunk = np.sign(values) * np.sqrt(values**2 - edge**2)
    ratio: NDArray[np.float64] = (vectors * shrunk) @ vectors.T
    ratio *= scale
    np.divide(ratio, both, out=ratio, where=both > 0)
    ratio += 1.0
    np.clip(ratio, LEAST, LARGEST, out=ratio)
    return ratio


def _eigen(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(table) <= SMALL:
        return tuple(np.linalg.eigh(table))  # type: ignore[return-value]
    from scipy.sparse.linalg import eigsh

    # a fixed start: the same counts give the same rules
    return tuple(eigsh(table, k=MOST, which="LM", v0=np.ones(len(table)), tol=1e-6))
