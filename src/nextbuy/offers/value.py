"""What an offer is worth, and whether that can be known."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z = 1.959964


@dataclass(frozen=True)
class Uplift:
    """How many times likelier a contacted customer buys, less one; None where it was not identified.

    `text` says what it rests on.
    """

    relative: float | None
    text: str
    low: float | None = None
    high: float | None = None


def measured_uplift(*, treated: int, treated_bought: int, control: int, control_bought: int) -> Uplift:
    """Estimate the relative uplift from customers with and without contact, drawn by lot.

    Parameters
    ----------
    treated, control : int
        Distinct customers in each arm.
    treated_bought, control_bought : int
        How many of them bought.

    Returns
    -------
    Uplift
        Ratio of the two shares less one with its 95 % interval; not identified where an arm has fewer than five
        buyers or the interval holds zero.

    References
    ----------
    Interval of a ratio of proportions: Katz, Baptista, Azen and Pike, Biometrics 1978.

    Examples
    --------
    >>> measured_uplift(treated=10_000, treated_bought=600, control=10_000, control_bought=500).relative
    0.2
    >>> measured_uplift(treated=100, treated_bought=6, control=100, control_bought=5).relative is None
    True
    """
    contacted, held = f"{treated_bought:,} of {treated:,}", f"{control_bought:,} of {control:,}"
    counts = f"{contacted} contacted and {held} held-out customers bought"
    if not control:
        return Uplift(None, "uplift not identified: the contact log has no holdout with known outcomes")
    if min(treated_bought, control_bought) < 5:
        return Uplift(None, f"uplift not identified: {counts}, too few to tell")
    ratio = (treated_bought / treated) / (control_bought / control)
    width = Z * sqrt(1 / treated_bought - 1 / treated + 1 / control_bought - 1 / control)
    low, high = exp(log(ratio) - width) - 1, exp(log(ratio) + width) - 1
    text = f"{counts}: relative uplift {ratio - 1:+.1%}, 95 % interval {low:+.1%} to {high:+.1%}"
    if low <= 0 <= high:
        return Uplift(None, f"uplift not identified: {text} holds zero", low, high)
    return Uplift(round(ratio - 1, 12), text, low, high)


@dataclass(frozen=True, eq=False)
class Value:
    """Money by candidate; NaN where a figure is missing.

    `worth` is what offers are ranked by and never NaN; `expected` is the column of the plan; `spend` what an offer
    takes from the budget; `basis` the name of the ranking.
    """

    worth: NDArray[np.float64]
    expected: NDArray[np.float64]
    uplift: NDArray[np.float64]
    spend: NDArray[np.float64]
    basis: str


def offer_value(
    *,
    probability: NDArray[np.float64],
    unit_margin: NDArray[np.float64],
    discount: NDArray[np.float64],
    contact_cost: NDArray[np.float64],
    relative_uplift: float | None,
    value: str,
    why_not: str,
) -> Value:
    """Value each candidate by the best ranking that the figures allow, or by the one asked for.

    Parameters
    ----------
    probability : ndarray of float64
        Chance of buying without the offer (p0).
    unit_margin, discount, contact_cost : ndarray of float64
        Money; NaN where unknown.
    relative_uplift : float or None
        p1 = p0 (1 + relative_uplift), at most 1.
    value : {"auto", "uplift", "response", "probability"}
    why_not : str
        Why there is no uplift, for the error.

    Returns
    -------
    Value
        "uplift": p1 (unit_margin - discount) - p0 unit_margin - contact_cost. "response": p (unit_margin - discount) -
        contact_cost. "probability": the expected value is NaN and worth is p. Candidates without a margin are worth
        less than any with one, and among themselves go by probability.
    """
    margins = bool(np.isfinite(unit_margin).any())
    if value == "uplift" and relative_uplift is None:
        raise InputError(
            f"value='uplift' needs a measured uplift: {why_not}. Give relative_uplift=, or a contact log "
            "with the columns control and bought, or try value='response'."
        )
    if value in {"uplift", "response"} and not margins and len(unit_margin):
        raise InputError(
            f"value={value!r} needs margins: no candidate has one. Give a catalog with a column unit_margin, "
            "or try value='probability'."
        )
    if value == "auto":
        value = ("uplift" if relative_uplift is not None else "response") if margins else "probability"
    p1 = np.minimum(probability * (1 + (relative_uplift or 0.0)), 1.0)
    uplift = p1 - probability if relative_uplift is not None else np.full(len(probability), np.nan)
    spend = contact_cost + np.nan_to_num(p1 * discount)
    expected = np.full(len(probability), np.nan)
    if value == "uplift":
        expected = p1 * (unit_margin - discount) - probability * unit_margin - contact_cost
    elif value == "response":
        expected = probability * (unit_margin - discount) - contact_cost
    known = np.isfinite(expected)
    least = (
        float(np.min(np.abs(expected[known & (expected != 0)]), initial=1.0))
        if value != "probability"
        else 1.0
    )
    unknown = probability if value == "probability" else probability * least * 1e-3
    return Value(np.where(known, expected, unknown), expected, uplift, spend, value)
