"""How lifts are spread over the pairs of a shop, and what that says about one rule's lift.

A rule's customers follow a Poisson law around lift x expected; the log of lift is normal over all pairs. Its
mean and spread are fitted by the marginal likelihood of the pairs that were found, each cut off below the
count at which it would not have been found. A normal prior on the log keeps strong rules strong (a gamma
prior with mean 1 halves a lift of 200 that 56 customers support, and the other half of the customers shows
that it should not).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.special import digamma, gamma_five_percent, log_factorial, wright_omega

if TYPE_CHECKING:
    from numpy.typing import NDArray

# two numbers are fitted: so many pairs suffice
SAMPLE = 2048
# OpenBLAS keeps products of up to 2**18 multiplications on one thread; a second one would spin for longer
ROWS = 8
_LOG_LIFT = np.linspace(-6.0, 10.0, 161)


@dataclass(frozen=True)
class Prior:
    """Normal law of the log of lift."""

    mean: float = 0.0
    spread: float = 1.0

    def posterior(
        self, customers: NDArray, expected: NDArray
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the geometric mean and the 5 % quantile of lift, by rule.

        The posterior of lift is taken as the gamma law with the same mode and curvature on the log scale:
        exact for a wide prior, where it is Gamma(customers, expected).
        """
        m, e, weight = customers.astype(np.float64), np.maximum(expected, 1e-12), 1 / self.spread**2
        # the mode solves m - e exp(L) = weight (L - mean): Wright's omega of what L would be without data
        above = wright_omega(np.maximum(m, 0.5) / weight + self.mean + np.log(e / weight))
        shape = weight * (1 + above)
        scale = above / (e * (1 + above))
        return np.exp(digamma(shape)) * scale, gamma_five_percent(shape) * scale


def fit_prior(customers: NDArray, expected: NDArray, least: NDArray) -> Prior:
    """Fit mean and spread of log lift by marginal likelihood, cut off below `least`, on two nested grids.

    Parameters
    ----------
    customers : ndarray of int
        Customers by pair.
    expected : ndarray of float
        Customers expected if nothing bound the two.
    least : ndarray of int
        Fewest customers at which the pair would have been found.
    """
    step = -(-len(customers) // SAMPLE) or 1
    m, e, t = (v[::step].astype(np.float64)[:, None] for v in (customers, expected, least))
    if len(m) < 2:
        return Prior()
    rate = np.maximum(e, 1e-12) * np.exp(_LOG_LIFT)
    log_rate = np.log(np.maximum(e, 1e-12)) + _LOG_LIFT
    like = np.exp(m * log_rate - rate - log_factorial(m.astype(np.int64)))
    found = _at_least(t, rate, log_rate)

    def best(means: NDArray, spreads: NDArray, every: int = 1) -> tuple[float, float]:
        mean, spread = (v.ravel() for v in np.meshgrid(means, spreads))
        weight = np.exp(-0.5 * ((_LOG_LIFT[:, None] - mean) / spread) ** 2)
        weight /= weight.sum(0)
        fit = _log_mean(like[::every], weight) - _log_mean(found[::every], weight)
        at = int(np.argmax(fit.sum(0)))
        return float(mean[at]), float(spread[at])

    mean, spread = best(np.linspace(-3, 3, 13), np.geomspace(0.1, 3.0, 12), every=4)
    return Prior(*best(mean + np.linspace(-0.4, 0.4, 9), spread * np.geomspace(0.78, 1.28, 9)))


def _log_mean(chance: NDArray, weight: NDArray) -> NDArray[np.float64]:
    parts = [chance[at : at + ROWS] @ weight for at in range(0, len(chance), ROWS)]
    return np.asarray(np.log(np.maximum(np.concatenate(parts), 1e-300)), np.float64)


def _at_least(t: NDArray, rate: NDArray, log_rate: NDArray) -> NDArray[np.float64]:
    """P(Poisson >= t) along the grid of rates: its slope in log rate is rate^t exp(-rate) / (t - 1)!."""
    slope = np.exp(t * log_rate - rate - log_factorial(np.maximum(t - 1, 0).astype(np.int64)))
    first = rate[:, :1]
    start, term = 1 / np.maximum(t, 1), 1 / np.maximum(t, 1)
    for k in range(1, 30):  # the series of the lowest rate
        term = term * first / (t + k)
        start += term
    width = _LOG_LIFT[1] - _LOG_LIFT[0]
    summed = np.cumsum(slope, axis=1)
    out = (summed - (slope + slope[:, :1]) / 2) * width + start * slope[:, :1]
    out -= slope * (t - rate) * (width**2 / 12)  # Euler and Maclaurin
    return np.where(t > 0, np.minimum(out, 1.0), 1.0)
