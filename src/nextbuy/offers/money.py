"""What a customer is worth, what one costs, and how many contacts a target needs."""

from __future__ import annotations

import math
from typing import NamedTuple

from nextbuy.orders.errors import InputError


class Contacts(NamedTuple):
    """Contacts needed for a target: `per_month`, `per_working_day` and `per_year`, each rounded up."""

    per_month: int
    per_working_day: int
    per_year: int


def _number(name: str, value: float, *, low: float, high: float = math.inf, open_low: bool = False) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(
            f"{name}={value!r} is not a number. Try {name}={max(low, 1.0) if high > 1 else 0.5:g}."
        )
    if value < low or value > high or (open_low and value == low):
        over = "over" if open_low else "at least"
        upto = f" and at most {high:g}" if math.isfinite(high) else ""
        raise InputError(f"{name}={value:g} must be {over} {low:g}{upto}.")
    return float(value)


def _share(name: str, value: float, *, open_low: bool = False) -> float:
    return _number(name, value, low=0.0, high=1.0, open_low=open_low)


def _churn(churn: float) -> float:
    if churn == 0:
        raise InputError(
            "churn=0 would make a customer stay for ever and be worth infinitely much. "
            "Use the share of customers lost a year, for example churn=0.16."
        )
    return _share("churn", churn, open_low=True)


def ltv_by_revenue(annual_revenue: float, churn: float) -> float:
    """Revenue of one customer over a lifetime: annual_revenue / churn.

    Parameters
    ----------
    annual_revenue : float
        Money a year.
    churn : float
        Share of customers lost a year, over 0 and at most 1; the expected lifetime is 1 / churn years.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When churn is 0: the lifetime would be infinite.

    Examples
    --------
    >>> ltv_by_revenue(100_000, 0.16)
    625000.0
    """
    return _number("annual_revenue", annual_revenue, low=0.0) / _churn(churn)


def ltv_by_margin(annual_revenue: float, margin: float, churn: float) -> float:
    """Gross margin of one customer over a lifetime: annual_revenue x margin / churn.

    Parameters
    ----------
    annual_revenue : float
        Money a year.
    margin : float
        Gross margin as a share of revenue, 0 to 1.
    churn : float
        Share of customers lost a year, over 0 and at most 1.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When churn is 0: the lifetime would be infinite.

    Examples
    --------
    >>> ltv_by_margin(100_000, 0.70, 0.16)
    437500.0
    """
    return ltv_by_revenue(annual_revenue, churn) * _share("margin", margin)


def ltv_by_profit(
    annual_revenue: float, margin: float, churn: float, *, annual_cost_to_serve: float
) -> float:
    """Profit of one customer over a lifetime: (annual_revenue x margin - annual_cost_to_serve) / churn.

    Parameters
    ----------
    annual_revenue : float
        Money a year.
    margin : float
        Gross margin as a share of revenue, 0 to 1.
    churn : float
        Share of customers lost a year, over 0 and at most 1.
    annual_cost_to_serve : float
        Support, delivery, messages: money a year for one customer.

    Returns
    -------
    float
        Below zero where serving the customer costs more than the margin.

    Raises
    ------
    InputError
        When churn is 0: the lifetime would be infinite.

    Examples
    --------
    >>> ltv_by_profit(100_000, 0.70, 0.16, annual_cost_to_serve=30_000)
    250000.0
    """
    revenue = _number("annual_revenue", annual_revenue, low=0.0)
    cost = _number("annual_cost_to_serve", annual_cost_to_serve, low=0.0)
    return (revenue * _share("margin", margin) - cost) / _churn(churn)


def ltv(annual_revenue: float, margin: float, churn: float) -> float:
    """Lifetime value by gross margin, the usual meaning: annual_revenue x margin / churn.

    The same as `ltv_by_margin`; `ltv_by_revenue` and `ltv_by_profit` are the other two things the word is used for.

    Parameters
    ----------
    annual_revenue : float
        Money a year.
    margin : float
        Gross margin as a share of revenue, 0 to 1.
    churn : float
        Share of customers lost a year, over 0 and at most 1.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When churn is 0: the lifetime would be infinite.

    Examples
    --------
    >>> ltv(100_000, 0.70, 0.16)
    437500.0
    """
    return ltv_by_margin(annual_revenue, margin, churn)


def cac(spend: float, new_customers: float) -> float:
    """Cost of acquiring one customer: spend / new_customers.

    Parameters
    ----------
    spend : float
        Money for sales and marketing in a period.
    new_customers : float
        Customers won in the same period.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When no customer was won.

    Examples
    --------
    >>> cac(300_000, 30)
    10000.0
    """
    return _number("spend", spend, low=0.0) / _number("new_customers", new_customers, low=0.0, open_low=True)


def ltv_to_cac(ltv: float, cac: float) -> float:
    """How many times a customer earns back what it cost to win: ltv / cac. Over 3 is called healthy.

    Parameters
    ----------
    ltv : float
        Lifetime value, money.
    cac : float
        Cost of acquiring one customer, money.

    Returns
    -------
    float

    Raises
    ------
    InputError
        When cac is 0.

    Examples
    --------
    The same customer passes "over 3 to 1" and fails "under 12 months" (see `payback_months`): look at both.

    >>> ltv_to_cac(437_500, 100_000)
    4.375
    """
    return _number("ltv", ltv, low=-math.inf) / _number("cac", cac, low=0.0, open_low=True)


def payback_months(cac: float, annual_margin: float) -> float:
    """Months until a customer's margin has paid for winning it: cac / (annual_margin / 12). Under 12 is called healthy.

    Parameters
    ----------
    cac : float
        Cost of acquiring one customer, money.
    annual_margin : float
        Gross margin of one customer in money a year (annual revenue x margin).

    Returns
    -------
    float

    Raises
    ------
    InputError
        When the margin is 0: the cost is never paid back.

    Examples
    --------
    >>> round(payback_months(100_000, 70_000), 2)
    17.14
    """
    return _number("cac", cac, low=0.0) / (
        _number("annual_margin", annual_margin, low=0.0, open_low=True) / 12
    )


def required_contacts(
    *, monthly_target: float, average_order: float, conversion: float, working_days: int = 21
) -> Contacts:
    """Contacts that a monthly target needs: monthly_target / average_order / conversion a month.

    Parameters
    ----------
    monthly_target : float
        Revenue wanted a month.
    average_order : float
        Revenue of one order.
    conversion : float
        Share of contacts that end in an order, over 0 and at most 1.
    working_days : int, default 21
        Working days a month.

    Returns
    -------
    Contacts
        `per_month`, `per_working_day`, `per_year`; each rounded up to whole contacts.

    Raises
    ------
    InputError
        When a figure is 0 or negative.

    Examples
    --------
    >>> required_contacts(monthly_target=30_000, average_order=1_000, conversion=0.05)
    Contacts(per_month=600, per_working_day=29, per_year=7200)
    """
    orders = _number("monthly_target", monthly_target, low=0.0) / _number(
        "average_order", average_order, low=0.0, open_low=True
    )
    # 30 / 0.05 is 600, not 600.0000000001
    contacts = round(orders / _share("conversion", conversion, open_low=True), 9)
    days = _number("working_days", working_days, low=1)
    return Contacts(math.ceil(contacts), math.ceil(contacts / days), math.ceil(contacts * 12))


def conversion_needed(margin: float, discount: float) -> float:
    """How many times the conversion a discount needs to earn the same margin: margin / (margin - discount).

    Parameters
    ----------
    margin : float
        Gross margin as a share of the price, over 0 and at most 1.
    discount : float
        Discount as a share of the price, 0 to 1.

    Returns
    -------
    float
        Infinite where the discount eats the whole margin.

    Raises
    ------
    InputError
        When a share is out of its range.

    Examples
    --------
    >>> round(conversion_needed(margin=0.70, discount=0.25), 3)
    1.556
    """
    margin, discount = _share("margin", margin, open_low=True), _share("discount", discount)
    left = margin - discount
    return margin / left if left > 1e-12 else math.inf
