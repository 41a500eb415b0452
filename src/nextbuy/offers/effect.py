"""What a campaign changed: two arms drawn by lot, compared."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.measures import wilson_interval
from nextbuy.offers.value import Z

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval."""

    value: float
    low: float
    high: float


def newcombe(treated_bought: int, treated: int, control_bought: int, control: int) -> Difference:
    """Compare two shares: their difference with Newcombe's interval from the two Wilson intervals.

    Parameters
    ----------
    treated_bought, treated, control_bought, control : int
        Buyers and customers of each arm; each arm needs a customer.

    Returns
    -------
    Difference
        Share of the treated less share of the controls.

    References
    ----------
    Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17
    (1998), method 10.

    Examples
    --------
    His example (a): 56 of 70 against 48 of 80.

    >>> found = newcombe(56, 70, 48, 80)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    share, base = treated_bought / treated, control_bought / control
    low, high = wilson_interval(
        np.array([treated_bought, control_bought], np.float64), np.array([treated, control], np.float64)
    )
    gap = share - base
    return Difference(
        gap,
        gap - sqrt((share - low[0]) ** 2 + (high[1] - base) ** 2),
        gap + sqrt((high[0] - share) ** 2 + (base - low[1]) ** 2),
    )


def difference_of_means(treated: NDArray[np.float64], control: NDArray[np.float64]) -> Difference:
    """Compare the means of two arms, of unequal spread (Welch); infinitely uncertain with fewer than two in an arm.

    Examples
    --------
    >>> difference_of_means(np.array([2.0, 4.0]), np.array([1.0, 1.0])).value
    2.0
    """
    gap = float(treated.mean() - control.mean()) if len(treated) and len(control) else float("nan")
    if min(len(treated), len(control)) < 2:
        return Difference(gap, -np.inf, np.inf)
    reach = Z * sqrt(float(treated.var(ddof=1)) / len(treated) + float(control.var(ddof=1)) / len(control))
    return Difference(gap, gap - reach, gap + reach)
