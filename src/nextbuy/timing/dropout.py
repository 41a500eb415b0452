"""Who still buys: the BG/NBD and MBG/NBD models of repeat orders, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MODELS = ("mbg", "bg")
STARTS = tuple(np.log([(0.5, 5.0, 0.5, 2.0), (1.0, 1.0, 1.0, 1.0), (0.2, 10.0, 0.2, 5.0)]))
FEW_ROWS = 20_000
QUANTILES = 256
NEAR_ONE = 1e-4  # so close to 1 the formula for expected orders loses its digits


@dataclass(frozen=True)
class Dropout:
    """Customers order at gamma-distributed rates and drop out after an order with beta-distributed chances.

    Times are in any one unit. `frequency` counts repeat order days, `recency` is the time from the first to the last of
    them, `age` the time from the first to the end of the watch.

    Attributes
    ----------
    r, alpha : float
        Shape and rate (in units of time) of the ordering rate.
    a, b : float
        Of the chance to drop out.
    model : {"mbg", "bg"}
        "bg": nobody drops out before a second order. "mbg": also after the first.
    log_likelihood : float

    References
    ----------
    BG/NBD: Fader, Hardie and Lee (2005), Marketing Science 24(2). MBG/NBD: Batislam, Denizel and Filiztekin (2007),
    International Journal of Research in Marketing 24(3); Wagner and Hoppe (2008), same journal 25(3).
    """

    r: float
    alpha: float
    a: float
    b: float
    model: str
    log_likelihood: float

    @property
    def _extra(self) -> int:
        return int(self.model == "mbg")

    def alive(self, frequency: NDArray, recency: NDArray, age: NDArray) -> NDArray[np.float64]:
        """Chance that the customer has not dropped out yet."""
        chance: NDArray[np.float64] = special.expit(-self._log_odds_gone(frequency, recency, age))
        return chance

    def _log_odds_gone(self, frequency: NDArray, recency: NDArray, age: NDArray) -> NDArray[np.float64]:
        x = np.asarray(frequency, np.float64)
        left = self.b + x - 1 + self._extra
        odds = (self.r + x) * np.log((self.alpha + age) / (self.alpha + recency))
        odds = odds + np.log(self.a) - np.log(np.maximum(left, 1e-300))
        return odds if self._extra else np.where(x > 0, odds, -np.inf)

    def any_order(
        self, frequency: NDArray, recency: NDArray, age: NDArray, horizon: float
    ) -> NDArray[np.float64]:
        """Chance of at least one order within `horizon` after the watch."""
        x = np.asarray(frequency, np.float64)
        quiet = -(self.r + x) * np.log1p(horizon / (self.alpha + age))
        return self.alive(frequency, recency, age) * -np.expm1(quiet)

    def next_order(self, frequency: NDArray, age: NDArray, share: float) -> NDArray[np.float64]:
        """Time by which `share` of such customers order again, of those who have not dropped out."""
        x = np.asarray(frequency, np.float64)
        wait: NDArray[np.float64] = (self.alpha + age) * np.expm1(-np.log1p(-share) / (self.r + x))
        return wait

    def expected_orders(
        self, frequency: NDArray, recency: NDArray, age: NDArray, horizon: float
    ) -> NDArray[np.float64]:
        """Mean number of orders within `horizon` after the watch."""
        x = np.asarray(frequency, np.float64)
        own = (self.r, self.alpha, self.b + self._extra, x, age, horizon)
        if abs(self.a - 1) >= NEAR_ONE:
            orders = _orders_if_alive(self.a, *own)
        else:  # a removable singularity: the line between both sides is exact to the square of the step
            low, high = (_orders_if_alive(1 + side * NEAR_ONE, *own) for side in (-1, 1))
            orders = low + (high - low) * (self.a - 1 + NEAR_ONE) / (2 * NEAR_ONE)
        return self.alive(frequency, recency, age) * orders


def _orders_if_alive(
    a: float, r: float, alpha: float, b: float, x: NDArray[np.float64], age: NDArray, horizon: float
) -> NDArray[np.float64]:
    # Euler's transformation leaves small parameters and a factor that needs no logarithm
    z = horizon / (alpha + age + horizon)
    with np.errstate(invalid="ignore", over="ignore"):
        series = special.hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
        mean: NDArray[np.float64] = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
    lost = np.flatnonzero(~np.isfinite(mean))
    if len(lost):  # where the series overflows: the mean over the chance to drop out, by its quantiles
        share = (np.arange(QUANTILES) + 0.5) / QUANTILES
        quit_chance = np.maximum(special.betaincinv(a, b + x[lost, None], share), 1e-12)
        wait = np.log1p(quit_chance * (horizon / (alpha + np.broadcast_to(age, x.shape)[lost, None])))
        mean[lost] = (-np.expm1(-(r + x[lost, None]) * wait) / quit_chance).mean(axis=1)
    return np.maximum(mean, 0.0)


def fit_dropout(frequency: NDArray, recency: NDArray, age: NDArray, *, model: str = "mbg") -> Dropout:
    """Fit by maximum likelihood on the distinct rows of (frequency, recency, age), each weighted by its count.

    Times are scaled to a mean age of 10 before the search, so that the unit changes nothing. O(distinct rows).
    """
    rows, weight = _distinct(np.column_stack([np.asarray(v, np.float64) for v in (frequency, recency, age)]))
    scale = max(float(np.average(rows[:, 2], weights=weight)) / 10, 1e-12)
    scaled = rows / [1.0, scale, scale]
    extra = int(model == "mbg")
    every = len(rows) // FEW_ROWS
    if every > 1:  # a sample finds the place, all rows settle it: a third of the time
        starts = (_search(scaled[::every], weight[::every], extra, STARTS)[0],)
        logs, loss = _search(scaled, weight, extra, starts)
    else:
        logs, loss = _search(scaled, weight, extra, STARTS)
    r, alpha, a, b = (float(v) for v in np.exp(logs))
    # the likelihood is a density in the times: its logarithm shifts with the unit, once an order
    shift = float((weight * rows[:, 0]).sum() * np.log(scale))
    return Dropout(r, alpha * scale, a, b, model, -loss * float(weight.sum()) - shift)


def _search(
    rows: NDArray[np.float64], weight: NDArray[np.float64], extra: int, starts: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], float]:
    """Logarithms of the best (r, alpha, a, b), and the mean loss there."""
    x, recency, age = np.ascontiguousarray(rows.T)
    n = weight.sum()

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = _log_likelihood(np.exp(logs), x, recency, age, weight, extra)
        return -value / n, -slope * np.exp(logs) / n

    best = None
    for start in starts:
        found = optimize.minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-10.0, 10.0)] * 4,
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-6},
        )
        if best is None or found.fun < best.fun:
            best = found
        if found.success and np.abs(found.x).max() < 9:
            break
    assert best is not None
    return best.x, float(best.fun)


def _distinct(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    by = np.lexsort(rows.T)
    new = np.ones(len(by), dtype=bool)
    new[1:] = (rows[by][1:] != rows[by][:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    return rows[by][starts], np.diff(np.append(starts, len(by))).astype(np.float64)


def _log_likelihood(
    given: NDArray[np.float64],
    x: NDArray[np.float64],
    recency: NDArray[np.float64],
    age: NDArray[np.float64],
    weight: NDArray[np.float64],
    extra: int,
) -> tuple[float, NDArray[np.float64]]:
    """Log-likelihood and its slope in (r, alpha, a, b). Equation 6 of Fader, Hardie and Lee, in logs."""
    r, alpha, a, b = given
    digamma = special.digamma
    frequencies, at = np.unique(x, return_inverse=True)  # few: the special functions are taken once each
    f = frequencies + extra
    part = special.gammaln(r + frequencies) - special.gammaln(r) + r * np.log(alpha)
    part += special.gammaln(a + b) + special.gammaln(b + f) - special.gammaln(b) - special.gammaln(a + b + f)
    slope_r = digamma(r + frequencies) - digamma(r) + np.log(alpha)
    slope_a = digamma(a + b) - digamma(a + b + f)
    slope_b = slope_a + digamma(b + f) - digamma(b)
    log_age, log_seen = np.log(alpha + age), np.log(alpha + recency)
    left = b + x - 1 + extra
    possible = left > 0 if extra else x > 0
    gone = np.where(
        possible, np.log(a) - np.log(np.where(possible, left, 1.0)) + (r + x) * (log_age - log_seen), -np.inf
    )
    stays = special.expit(-gone)
    leaves = 1 - stays
    value = part[at] - (r + x) * log_age + np.logaddexp(0, gone)
    by_alpha = r / alpha - (r + x) * (stays / (alpha + age) + leaves / (alpha + recency))
    by_r = slope_r[at] - log_age * stays - log_seen * leaves
    by_a = slope_a[at] + leaves / a
    by_b = slope_b[at] - np.where(possible, leaves / np.where(possible, left, 1.0), 0)
    slope = np.array([weight @ column for column in (by_r, by_alpha, by_a, by_b)])
    return float(weight @ value), slope
