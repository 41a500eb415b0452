"""Which items the same people like: a low-rank ratio of observed to expected, in either order.

Two items of one taste are bought by the same customers far more often than their margins say, and no link is behind it.
What a taste does to one pair it does to hundreds of others, so it shows in the leading eigenvectors of the table of all
pairs, and a single link does not. References: Horn, "A rationale and test for the number of factors", Psychometrika 30
(1965); Benaych-Georges and Nadakuditi, "The eigenvalues and eigenvectors of finite, low rank perturbations of large
random matrices", Advances in Mathematics 227 (2011); Musco and Musco, "Randomized block Krylov methods for stronger and
faster approximate singular value decomposition", NIPS 28 (2015).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.followers import by_rows
from nextbuy.mining.pair_table import Taste
from nextbuy.orders import scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from nextbuy.mining.pair_table import PairTable

MOST = 64  # eigenvectors looked at
CAP = 3.0  # standard deviations: a single link must not make a taste of its own
MARGIN = 1.05  # counts of unequal variance spread their eigenvalues a little beyond Wigner's edge
SMALL = 600  # items up to which all eigenvalues are computed
BLOCK, DEPTH = (
    32,
    8,
)  # vectors multiplied at once, and how often: what stands clear of the noise is found by then


def taste(pairs: PairTable, row: NDArray, column: NDArray, *, out: NDArray[np.bool_]) -> Taste:
    """Give the ratio by which taste raises or lowers each pair, symmetric.

    The residuals of both orders together, in units of a rank-one standard deviation (as in correspondence analysis)
    and capped, are noise with a known edge of the spectrum (Wigner) plus what many pairs have in common. Eigenvalues
    beyond the edge are kept, shrunk by what noise adds to them. Pairs marked in `out` count as no residual. Pairs that
    do not occur have the residual of their expectation, a product of thin tables: only the others are stored.
    Time: `BLOCK` x `DEPTH` products with the table of pairs that occur. Memory: 8 bytes each.
    """
    n = pairs.n
    left, right = pairs.ends * row[:, None], pairs.hazard * column[:, None]
    own = 2 * pairs.diagonal * row * column
    size = np.maximum(left @ right.sum(0) + right @ left.sum(0) - own, 0.0)
    unit = np.sqrt(size / np.sqrt(max(size.sum(), 1e-300)))
    per = np.divide(1.0, unit, out=np.zeros(n), where=unit > 0)  # what nobody buys has no residual
    left, right, own = left * per[:, None], right * per[:, None], own * per**2
    more, energy = scratch.empty(len(pairs.low), np.float32), _squares(left, right) - float((own**2).sum())
    for part in pairs.slices():
        a, b = pairs.low[part], pairs.high[part]
        smooth = (
            (pairs.ahead[part] * row[a] * column[b] + pairs.behind[part] * row[b] * column[a])
            * per[a]
            * per[b]
        )
        counts = pairs.forward[part].astype(np.float64) + pairs.backward[part]
        residual = np.clip(counts * per[a] * per[b] - smooth, -CAP, CAP)
        residual[out[part]] = 0.0
        energy += 2 * float((residual**2).sum() - (smooth**2).sum())
        more[part] = residual + smooth
    upper = by_rows(more, pairs.high, pairs.starts, n)
    values, vectors = _eigen(upper, left.astype(np.float32), right.astype(np.float32), own.astype(np.float32))
    kept, edge = np.zeros(len(values), dtype=bool), 0.0
    for _ in range(10):  # what is kept is no noise: without it the edge lies lower
        edge = 2 * np.sqrt(max(energy - float((values[kept] ** 2).sum()), 0.0) / max(n, 1))
        beyond = np.abs(values) > MARGIN * edge
        if np.array_equal(beyond, kept):
            break
        kept = beyond
    values, vectors = values[kept], vectors[:, kept]
    shrunk = np.sign(values) * np.sqrt(values**2 - edge**2)
    return Taste((vectors * per[:, None]).astype(np.float32), shrunk.astype(np.float32))


def _squares(left: NDArray, right: NDArray) -> float:
    """Sum the squares of left @ right.T + right @ left.T."""
    across = left.T @ right
    return 2 * float(((left.T @ left) * (right.T @ right)).sum() + (across * across.T).sum())


def _eigen(
    upper: sparse.csr_array, left: NDArray[np.float32], right: NDArray[np.float32], own: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give eigenvalues and eigenvectors of `upper` and its transpose less left @ right.T and its transpose."""
    n = len(left)
    if n <= SMALL:
        table = upper.toarray() - left @ right.T
        table += table.T
        np.fill_diagonal(table, 0.0)
        return tuple(np.linalg.eigh(np.clip(table, -CAP, CAP)))  # type: ignore[return-value]
    lower, block = (
        upper.T,
        np.random.default_rng(0).standard_normal((n, BLOCK), np.float32),
    )  # always the same
    basis, made = np.zeros((n, 0), np.float32), []
    for _ in range(DEPTH):
        for _ in range(2):  # once leaves too much of the earlier ones in single precision
            block = np.linalg.qr(block - basis @ (basis.T @ block))[0]
        basis = np.hstack([basis, block])
        block = (
            upper @ block
            + lower @ block
            - left @ (right.T @ block)
            - right @ (left.T @ block)
            + own[:, None] * block
        )
        made.append(block)
    small = basis.T @ np.hstack(made)
    values, vectors = np.linalg.eigh((small + small.T) / 2)
    most = np.argsort(-np.abs(values))[:MOST]
    return values[most], basis @ vectors[:, most]
