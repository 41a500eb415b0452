"""The few special functions that basket rules need, without scipy: its import takes longer than most fits."""

from __future__ import annotations

from math import lgamma, log, pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (quantile / shape) ** (1 / 3) of the gamma law at 5 %, as a Chebyshev series in 2 / sqrt(shape) - 1 for shapes
# from 1 on: nearly a straight line (Wilson and Hilferty 1931), so that 19 terms are exact to 5e-13
_FIVE_PERCENT = (
    0.6918104819382608,
    -0.3169897817507657,
    -0.006615686760956515,
    0.0027269743571537034,
    0.0005940252345467514,
    4.280885435643884e-05,
    -1.2412903016612897e-05,
    -3.872363706425881e-06,
    -1.768825268594635e-07,
    1.272467933419613e-07,
    2.471145173868045e-08,
    -2.104901808408499e-09,
    -1.133837123605468e-09,
    1.6036696824285383e-12,
    3.611364131715863e-11,
    -1.9770004347058627e-12,
    -1.0892339661806642e-12,
    4.832011983517915e-13,
    5.291381368154266e-14,
)


def log_factorial(n: NDArray) -> NDArray[np.float64]:
    """Give log(n!) of whole numbers, exact to 15 digits."""
    top = int(n.max(initial=0))
    if top < n.size:
        return np.asarray(_stirling(np.arange(top + 1))[n], np.float64)
    return _stirling(n)


_SMALL = np.array([lgamma(k + 1) for k in range(64)])


def _stirling(n: NDArray) -> NDArray[np.float64]:
    x = np.maximum(n, 1).astype(np.float64)
    r = 1 / x
    out = (x + 0.5) * np.log(x) - x + 0.5 * log(2 * pi)
    out += r * (1 / 12 - r * r * (1 / 360 - r * r * (1 / 1260 - r * r / 1680)))
    small = np.flatnonzero(n < len(_SMALL))
    out[small] = _SMALL[n[small]]
    return np.asarray(out, np.float64)


def digamma(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the derivative of log gamma for x > 0, by its asymptotic series from 10 on."""
    x, out = x.copy(), np.zeros(len(x))
    low = np.flatnonzero(x < 10)
    while len(low):
        out[low] -= 1 / x[low]
        x[low] += 1
        low = low[x[low] < 10]
    r = 1 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * 691 / 32760)))))
    return np.asarray(out + np.log(x) - 0.5 / x - series, np.float64)


def gamma_five_percent(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the 5 % quantile of the gamma law of each shape (scale 1)."""
    x = 4 / np.sqrt(np.maximum(shape, 1.0)) - 2
    after, last = np.zeros(len(x)), np.zeros(len(x))
    for c in _FIVE_PERCENT[:0:-1]:  # Clenshaw's recurrence
        after, last = x * after - last + c, after
    root = x / 2 * after - last + _FIVE_PERCENT[0]
    out = np.asarray(np.maximum(shape, 1.0) * root**3, np.float64)
    small = np.flatnonzero(shape < 1)
    if len(small):
        # below 1 the quantile is so small that the incomplete gamma series solves for itself
        a = shape[small]
        target = log(0.05) + np.array([lgamma(v + 1) for v in a.tolist()])
        x = np.zeros(len(a))
        for _ in range(30):
            term, total = np.ones(len(a)), np.ones(len(a))
            for k in range(1, 12):
                term = term * x / (a + k)
                total += term
            x = np.exp((target + x - np.log(total)) / a)
        out[small] = x
    return out


def wright_omega(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve w + log(w) = z for w.

    References
    ----------
    Fritsch, Shafer, Crowley (1973), Solution of the transcendental equation w exp(w) = x, CACM 16.
    """
    w = np.where(
        z > 1, z - np.log(np.maximum(z, 1)), np.exp(np.minimum(z, 1) - 0.6 * np.exp(np.minimum(z, 1) - 1))
    )
    for _ in range(3):
        rest = z - w - np.log(w)
        one = w + 1
        guess = 2 * one * (one + 2 / 3 * rest)
        w = w * (1 + rest / one * (guess - rest) / (guess - 2 * rest))
    return np.asarray(w, np.float64)
