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
) -> NDArray[np.float32]:
    """Give the ratio by which taste raises or lowers each pair, symmetric: (items, items) ndarray.

    The residuals of both orders together, in units of a rank-one standard deviation (as in correspondence analysis)
    and capped, are noise with a known edge of the spectrum (Wigner) plus what many pairs have in common. Eigenvalues
    beyond the edge are kept, shrunk by what noise adds to them. Cells outside `include` count as no residual.
    Time: some `MOST` products with the table of pairs, a second for 3,000 items. Memory: 12 bytes a pair.
    """
    n = len(observed)
    both = expected.astype(np.float32)
    both += expected.T
    size = both.sum(1, dtype=np.float64)
    root = np.sqrt(size / np.sqrt(max(size.sum(), 1e-300))).astype(np.float32)
    unit = np.where(root > 0, root, np.inf)  # what nobody buys has no residual
    residual = observed.astype(np.float32)
    residual += observed.T
    residual -= both
    residual /= unit[:, None]
    residual /= unit[None, :]
    residual[~(include & include.T)] = 0.0
    np.clip(residual, -CAP, CAP, out=residual)
    values, vectors = _eigen(residual)
    energy = float(np.einsum("ij,ij", residual, residual, dtype=np.float64))
    del residual
    kept = np.zeros(len(values), dtype=bool)
    for _ in range(10):  # what is kept is no noise: without it the edge lies lower
        edge = 2 * np.sqrt(max(energy - float((values[kept] ** 2).sum()), 0.0) / max(n, 1))
        more = np.abs(values) > MARGIN * edge
        if np.array_equal(more, kept):
            break
        kept = more
    values, vectors = values[kept], vectors[:, kept]
    shrunk = np.sign(values) * np.sqrt(values**2 - edge**2)
    ratio: NDArray[np.float32] = (vectors * shrunk.astype(np.float32)) @ vectors.T
    ratio *= root[:, None]
    ratio *= root[None, :]
    np.divide(ratio, both, out=ratio, where=both > 0)
    ratio += 1.0
    np.clip(ratio, LEAST, LARGEST, out=ratio)
    return ratio


def _eigen(table: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if len(table) <= SMALL:
        return tuple(np.linalg.eigh(table))  # type: ignore[return-value]
    from scipy.sparse.linalg import eigsh

    # a fixed start: the same counts give the same rules
    return tuple(eigsh(table, k=MOST, which="LM", v0=np.ones(len(table), np.float32), tol=1e-4))
