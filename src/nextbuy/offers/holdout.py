"""Customers kept without offers, so that the effect of offers can be measured."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from nextbuy.offers.keys import uniform
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def draw_holdout(
    customer_ids: Sequence[Any], *, share: float, salt: str, campaign: str = ""
) -> NDArray[np.bool_]:
    """Say which customers are held out: those whose salted hash falls below the share.

    The draw depends on the customer's id, the salt and the campaign alone: not on the order of the rows, nor on who
    else is there; and a larger share keeps everybody who was held out under a smaller one.

    Parameters
    ----------
    customer_ids : sequence of ids
    share : float
        0 to 1.
    salt : str
        Secret of the draw.
    campaign : str, default ""
        "" draws the global holdout, a name the campaign's own, independent of it.

    Returns
    -------
    ndarray of bool

    Examples
    --------
    >>> held = draw_holdout(range(10_000), share=0.1, salt="shop")
    >>> bool(abs(held.mean() - 0.1) < 0.01), bool((held[:50] == draw_holdout(range(50), share=0.1, salt="shop")).all())
    (True, True)
    """
    _share("share", share, closed=True)
    if share == 0:
        return np.zeros(len(customer_ids), dtype=bool)
    purpose = f"campaign {campaign}" if campaign else "global"
    return uniform([str(i) for i in customer_ids], key=salt, purpose=purpose) < share


def customers_per_arm(base: float, treated: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Customers each arm needs to tell two conversions apart (two-sided z-test, equal arms).

    n = (z_alpha/2 sqrt(2 q (1 - q)) + z_power sqrt(p0 (1 - p0) + p1 (1 - p1)))^2 / (p1 - p0)^2, q = (p0 + p1) / 2.

    Parameters
    ----------
    base, treated : float
        Conversions without and with the offer, between 0 and 1.
    alpha : float, default 0.05
    power : float, default 0.8

    Returns
    -------
    float

    References
    ----------
    Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 2003, section 4.

    Examples
    --------
    >>> round(customers_per_arm(0.05, 0.06))
    8158
    """
    for name, value in (("base", base), ("treated", treated), ("alpha", alpha), ("power", power)):
        _share(name, value)
    if base == treated:
        raise InputError(
            f"base={base:g} and treated={treated:g} are equal: no number of customers tells them apart."
        )
    middle = (base + treated) / 2
    spread = norm.ppf(1 - alpha / 2) * sqrt(2 * middle * (1 - middle)) + norm.ppf(power) * sqrt(
        base * (1 - base) + treated * (1 - treated)
    )
    return float((spread / (treated - base)) ** 2)


def power_of(base: float, treated: float, *, n_treated: int, n_control: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided z-test with these arms finds the difference between two conversions.

    Parameters
    ----------
    base, treated : float
        Conversions without and with the offer, between 0 and 1.
    n_treated, n_control : int
        Customers.
    alpha : float, default 0.05

    Returns
    -------
    float

    Examples
    --------
    >>> round(power_of(0.05, 0.06, n_treated=8158, n_control=8158), 2)
    0.8
    """
    for name, value in (("base", base), ("treated", treated), ("alpha", alpha)):
        _share(name, value)
    if min(n_treated, n_control) < 1:
        return 0.0
    pooled = (base * n_control + treated * n_treated) / (n_control + n_treated)
    null = sqrt(pooled * (1 - pooled) * (1 / n_treated + 1 / n_control))
    real = sqrt(treated * (1 - treated) / n_treated + base * (1 - base) / n_control)
    reach = norm.ppf(1 - alpha / 2) * null
    gap = abs(treated - base)
    return float(norm.cdf((gap - reach) / real) + norm.cdf((-gap - reach) / real))


def minimum_detectable_effect(
    base: float, *, n_treated: int, n_control: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Smallest rise over the base conversion that these arms find with the given power; infinite where there is none.

    Parameters
    ----------
    base : float
        Conversion without the offer, between 0 and 1.
    n_treated, n_control : int
        Customers.
    alpha : float, default 0.05
    power : float, default 0.8

    Returns
    -------
    float
        In the unit of `base`: 0.01 is from 5 % to 6 %.

    Examples
    --------
    >>> round(minimum_detectable_effect(0.05, n_treated=8158, n_control=8158), 4)
    0.01
    """
    _share("base", base)
    low, high = 0.0, 1.0 - base
    top = np.nextafter(1.0, 0.0)
    if power_of(base, top, n_treated=n_treated, n_control=n_control, alpha=alpha) < power:
        return float("inf")
    for _ in range(60):
        middle = (low + high) / 2
        treated = min(base + middle, float(top))
        if (
            treated <= base
            or power_of(base, treated, n_treated=n_treated, n_control=n_control, alpha=alpha) < power
        ):
            low = middle
        else:
            high = middle
    return high


def _share(name: str, value: float, *, closed: bool = False) -> None:
    inside = 0 <= value <= 1 if closed else 0 < value < 1
    if not inside:
        raise InputError(
            f"{name}={value!r} must be a share {'from 0 to' if closed else 'between 0 and'} 1. Try {name}=0.1."
        )
