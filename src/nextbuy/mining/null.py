"""What chance, taste and activity alone would give, and which pairs go beyond it.

Expected counts are matched to both margins, then the observed/expected ratios of all pairs, both orders together, are
described by a mixture of three gammas. What binds two items without an order (a taste, a hobby) raises A then B and B
then A alike: the mixture says how strong such bonds are in this shop, and the customers who bought B first say how
strong this one is. References: DuMouchel, "Bayesian data mining in large frequency tables", The American Statistician
53 (1999); Efron, "Large-scale simultaneous hypothesis testing", JASA 99 (2004); Hallas, "Evidence of depression
provoked by cardiovascular medication: a prescription sequence symmetry analysis", Epidemiology 7 (1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special, stats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from scipy.sparse.linalg import LinearOperator


def rake(
    base: NDArray[np.float64] | LinearOperator,
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    *,
    rounds: int = 50,
    tolerance: float = 1e-4,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the scales of rows and columns with which the margins of `base` equal `rows` and `columns`.

    Iterative proportional fitting (Deming and Stephan 1940), which needs of `base` only its products with vectors.
    """
    row, column = np.ones(len(rows)), np.ones(len(columns))
    for _ in range(rounds):
        new_row = _ratio(rows, base @ column)
        column = _ratio(columns, base.T @ new_row)
        moved = np.abs(new_row - row).max(initial=0.0) / max(new_row.max(initial=0.0), 1e-12)
        row = new_row
        if moved < tolerance:
            break
    return row, column


def _ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.zeros_like(a, dtype=np.float64), where=b > 0)


@dataclass(frozen=True)
class Squashed:
    """Cells that are alike, counted once: observed count, expected count, how many cells."""

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    cells: NDArray[np.float64]


FEW = 1 << 20  # cells binned at once: some 80 MB
WIDTH, LOWEST, STEPS, LEVELS = 0.1, -208, 416, 512  # expected counts from 1e-9 to 1e18, counts up to 2**31


def squash(parts: Iterable[tuple[NDArray, NDArray, float]]) -> Squashed:
    """Bin cells by exact count (logarithmic above 60) and by log expected in steps of `WIDTH`.

    Parameters
    ----------
    parts : iterable of (observed, expected, weight)
        For how many cells each of a part stands.
    """
    count, sum_observed, sum_expected = np.zeros((3, LEVELS * STEPS))
    few = ((o[at : at + FEW], e[at : at + FEW], w) for o, e, w in parts for at in range(0, len(o), FEW))
    for observed, expected, weight in few:
        keep = expected > 1e-9
        o, e = observed[keep].astype(np.float64), expected[keep].astype(np.float64)
        level = np.where(o <= 60, o, 60 + np.round(20 * np.log(np.maximum(o, 1) / 60))).astype(np.int64)
        key = level * STEPS + (np.floor(np.log(e) / WIDTH).astype(np.int64) - LOWEST)
        count += weight * np.bincount(key, minlength=len(count))
        sum_observed += weight * np.bincount(key, o, len(count))
        sum_expected += weight * np.bincount(key, e, len(count))
    used = count > 0
    cells = count[used]
    return Squashed(sum_observed[used] / cells, sum_expected[used] / cells, cells)


@dataclass(frozen=True)
class Prior:
    """A mixture of gammas over the true ratio observed/expected, by rising mean."""

    weight: NDArray[np.float64]
    shape: NDArray[np.float64]
    rate: NDArray[np.float64]

    def log_density(self, observed: NDArray, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log marginal (negative binomial) probability of each cell under each component: (3, cells)."""
        return np.stack(
            [
                _log_negative_binomial(observed, expected, a, b)
                for a, b in zip(self.shape, self.rate, strict=True)
            ]
        )

    def p_value(
        self,
        observed: NDArray,
        expected: NDArray[np.float64],
        reverse: NDArray,
        reverse_expected: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Chance of a count (of at least 1) this high if both orders share one ratio, given the reverse count.

        The reverse count turns the mixture into its posterior; the tail is that of its negative binomials.
        """
        joint = self.log_density(reverse, reverse_expected) + np.log(self.weight)[:, None]
        share = np.exp(joint - special.logsumexp(joint, axis=0))
        p = np.zeros(np.shape(observed))
        for w, a, b in zip(share, self.shape, self.rate, strict=True):
            p += w * special.betainc(observed, a + reverse, expected / (b + reverse_expected + expected))
        return np.minimum(p, 1.0)

    def nothing(
        self,
        observed: NDArray,
        expected: NDArray[np.float64],
        reverse: NDArray,
        reverse_expected: NDArray[np.float64],
        *,
        links: Prior,
        share: float,
    ) -> NDArray[np.float64]:
        """Chance that a pair is no link (Efron's local false discovery rate).

        Both orders share one ratio, against: `share` of all pairs are links, whose ratios are spread as the last
        component of `links` is.
        """
        joint = self.log_density(reverse, reverse_expected) + np.log(self.weight)[:, None]
        shape, rate = self.shape[:, None] + reverse, self.rate[:, None] + reverse_expected
        alike = special.logsumexp(joint + _log_negative_binomial(observed, expected, shape, rate), axis=0)
        alike -= special.logsumexp(joint, axis=0)
        linked = _log_negative_binomial(observed, expected, links.shape[-1], links.rate[-1])
        chance: NDArray[np.float64] = special.expit(alike - linked - np.log(share))
        return chance

    def posterior(
        self, observed: NDArray, expected: NDArray[np.float64], *, nothing: NDArray[np.float64] | float = 0.0
    ) -> tuple[NDArray, NDArray]:
        """Posterior geometric mean of the true ratio, and its 5 % quantile; with chance `nothing` the ratio is 1."""
        joint = self.log_density(observed, expected) + np.log(self.weight)[:, None]
        share = np.exp(joint - special.logsumexp(joint, axis=0))
        a = self.shape[:, None] + observed[None, :]
        b = self.rate[:, None] + expected[None, :]
        mean = np.exp((1 - nothing) * (share * (special.digamma(a) - np.log(b))).sum(0))
        # what is no link comes first: the quantile lies so far into the rest, if it lies there at all
        certain = np.asarray(nothing) < 0.05
        level = np.where(certain, (0.05 - nothing) / np.maximum(1 - nothing, 0.5), 0.05)
        low, high = np.full(len(observed), 1e-6), special.gammaincinv(a, 0.999) / b
        high = high.max(0)
        for _ in range(40):  # bisection: a mixture has no closed quantile
            middle = np.sqrt(low * high)
            below = (share * special.gammainc(a, b * middle)).sum(0) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        quantile = np.sqrt(low * high)
        return mean, np.where(certain, quantile, np.minimum(quantile, 1.0))


def _log_negative_binomial(
    k: NDArray, e: NDArray, a: NDArray | float, b: NDArray | float
) -> NDArray[np.float64]:
    choose = special.gammaln(a + k) - special.gammaln(a) - special.gammaln(k + 1)
    density: NDArray[np.float64] = choose + a * np.log(b / (b + e)) + k * np.log(e / (b + e))
    return density


def fit_prior(cells: Squashed) -> Prior:
    """Fit the three gammas by marginal likelihood on squashed cells (L-BFGS from a fixed start)."""
    k, e, n = cells.observed, cells.expected, cells.cells
    if not len(k):
        return Prior(np.array([0.5, 0.49, 0.01]), np.array([3.0, 2.0, 1.0]), np.array([4.0, 2.0, 0.2]))

    def unpack(x: NDArray[np.float64]) -> Prior:
        mean, shape = np.exp(np.cumsum([x[0], np.exp(x[1]), np.exp(x[2])])), np.exp(x[3:6])
        weight = special.softmax([0.0, x[6], x[7]])
        return Prior(np.maximum(weight, 1e-9), shape, shape / mean)

    total = max(float(n.sum()), 1.0)  # without a cell the start is as good as any

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        prior = unpack(x)
        joint = prior.log_density(k, e) + np.log(prior.weight)[:, None]
        marginal = special.logsumexp(joint, axis=0)
        share = np.exp(joint - marginal) * n  # cells by component
        a, b = prior.shape[:, None], prior.rate[:, None]
        by_rate = a / b - (a + k) / (b + e)
        by_shape = special.digamma(a + k) - special.digamma(a) + np.log(b / (b + e))
        # rate = shape / mean: the shape moves both, the mean moves the rate the other way
        log_shape = (share * (a * by_shape + b * by_rate)).sum(1)
        log_mean = -(share * (b * by_rate)).sum(1)
        log_weight = share.sum(1) - prior.weight * total
        slope = np.concatenate(
            [
                [log_mean.sum(), log_mean[1:].sum() * np.exp(x[1]), log_mean[2] * np.exp(x[2])],
                log_shape,
                log_weight[1:],
            ]
        )
        return -float((n * marginal).sum()) / total, -slope / total

    start = np.array([-0.3, -0.5, 0.5, 1.0, 0.5, 0.0, -1.0, -4.0])
    bounds = [(-4, 1), (-4, 2), (-1, 3), (-2, 6), (-2, 5), (-2, 3), (-8, 4), (-12, 0)]
    options = {"maxiter": 300}
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return unpack(found.x)


@dataclass(frozen=True)
class Direction:
    """A then B against B then A, each relative to what is expected."""

    ratio: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]


def direction(
    forward: NDArray,
    backward: NDArray,
    expected_forward: NDArray[np.float64],
    expected_backward: NDArray[np.float64],
) -> Direction:
    """Sequence symmetry (Hallas 1996): what is constant in a customer cancels between the two orders.

    Exact binomial test with the expected counts as offset, Clopper-Pearson 95 % interval; the ratio takes half a
    count on both sides so that zero stays finite.
    """
    n = forward + backward
    share = expected_forward / np.maximum(expected_forward + expected_backward, 1e-300)
    odds = np.maximum(expected_backward, 1e-12) / np.maximum(expected_forward, 1e-12)
    p = stats.binom.sf(forward - 1, n, share)
    low = np.where(forward > 0, special.betaincinv(np.maximum(forward, 1), backward + 1, 0.025), 0.0)
    high = np.where(backward > 0, special.betaincinv(forward + 1, np.maximum(backward, 1), 0.975), 1.0)
    with np.errstate(divide="ignore"):
        return Direction(
            (forward + 0.5) / (backward + 0.5) * odds, low / (1 - low) * odds, high / (1 - high) * odds, p
        )
