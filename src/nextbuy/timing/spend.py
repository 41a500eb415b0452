"""What an order is worth: the gamma-gamma model of spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_CUSTOMERS = 20  # with repeat orders; fewer say nothing about how customers differ
SMALLEST_Q = 1.01  # at 1 the average customer's spend is infinite


@dataclass(frozen=True)
class Spend:
    """A customer's order values are gamma-distributed around their own mean, and the means differ by a gamma law.

    Attributes
    ----------
    p, q, gamma : float
        Shape of one order's value; shape and scale of the customers' rates.

    References
    ----------
    Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value; Fader, Hardie and Lee (2005), Journal of
    Marketing Research 42(4).
    """

    p: float
    q: float
    gamma: float

    def expected(self, orders: NDArray, mean_value: NDArray) -> NDArray[np.float64]:
        """Mean value of a customer's next order, from the mean of `orders` orders seen (0 orders: everybody's mean)."""
        n, mean = np.asarray(orders, np.float64), np.where(orders > 0, mean_value, 0.0)
        value: NDArray[np.float64] = self.p * (self.gamma + n * mean) / (self.p * n + self.q - 1)
        return value


def fit_spend(orders: NDArray, mean_value: NDArray) -> Spend | None:
    """Fit by maximum likelihood on customers with at least one order of positive value; None when there are too few.

    `orders` is the number of order days behind each `mean_value`.
    """
    use = (np.asarray(orders) > 0) & np.isfinite(mean_value) & (np.asarray(mean_value) > 0)
    n, mean = np.asarray(orders, np.float64)[use], np.asarray(mean_value, np.float64)[use]
    if len(n) < FEWEST_CUSTOMERS or not np.ptp(mean):
        return None
    scale = float(np.median(mean))
    mean = mean / scale
    log_mean, total = np.log(mean), n * mean

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        p, q, gamma = np.exp(parameters)
        together = np.log(gamma + total)
        value = (
            special.gammaln(p * n + q)
            - special.gammaln(p * n)
            - special.gammaln(q)
            + q * np.log(gamma)
            + (p * n - 1) * log_mean
            + p * n * np.log(n)
            - (p * n + q) * together
        )
        both, own = special.digamma(p * n + q), special.digamma(p * n)
        slope = np.array(
            [
                (n * (both - own + log_mean + np.log(n) - together)).sum() * p,
                (both - special.digamma(q) + np.log(gamma) - together).sum() * q,
                (q / gamma - (p * n + q) / (gamma + total)).sum() * gamma,
            ]
        )
        return -value.sum() / len(n), -slope / len(n)

    found = optimize.minimize(
        loss,
        np.log([1.0, 3.0, 1.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-7.0, 12.0), (np.log(SMALLEST_Q), 12.0), (-12.0, 12.0)],
        options={"maxiter": 500, "ftol": 1e-13},
    )
    p, q, gamma = (float(v) for v in np.exp(found.x))
    return Spend(p, q, gamma * scale)
