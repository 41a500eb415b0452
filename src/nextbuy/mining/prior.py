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

if TYPE_CHECKING:
    from numpy.typing import NDArray

# two numbers are fitted: so many pairs suffice
SAMPLE = 2048
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
        from scipy.special import digamma, gammaincinv

        m, e, weight = customers.astype(np.float64), np.maximum(expected, 1e-12), 1 / self.spread**2
        log_lift = np.log(np.maximum(m, 0.5) / e)
        for _ in range(50):
            push = m - e * np.exp(log_lift) - (log_lift - self.mean) * weight
            step = np.clip(push / (e * np.exp(log_lift) + weight), -1.0, 1.0)
            log_lift = log_lift + step
            if np.max(np.abs(step), initial=0.0) < 1e-10:
                break
        shape = e * np.exp(log_lift) + weight
        scale = np.exp(log_lift) / shape
        return np.exp(digamma(shape)) * scale, gammaincinv(shape, 0.05) * scale


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
    from scipy.special import gammainc, gammaln

    step = max(1, len(customers) // SAMPLE)
    m, e, t = (v[::step].astype(np.float64)[:, None] for v in (customers, expected, least))
    if len(m) < 2:
        return Prior()
    rate = np.maximum(e, 1e-12) * np.exp(_LOG_LIFT)
    like = np.exp(m * np.log(rate) - rate - gammaln(m + 1))
    found = np.where(t > 0, gammainc(np.maximum(t, 1e-9), rate), 1.0)

    def best(means: NDArray, spreads: NDArray) -> tuple[float, float]:
        mean, spread = (v.ravel() for v in np.meshgrid(means, spreads))
        weight = np.exp(-0.5 * ((_LOG_LIFT[:, None] - mean) / spread) ** 2)
        weight /= weight.sum(0)
        fit = np.log(np.maximum(like @ weight, 1e-300)) - np.log(np.maximum(found @ weight, 1e-300))
        at = int(np.argmax(fit.sum(0)))
        return float(mean[at]), float(spread[at])

    mean, spread = best(np.linspace(-3, 3, 13), np.geomspace(0.1, 3.0, 12))
    return Prior(*best(mean + np.linspace(-0.4, 0.4, 9), spread * np.geomspace(0.78, 1.28, 9)))
