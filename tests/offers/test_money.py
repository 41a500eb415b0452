"""Money: the published example, hand counts, and figures that make no sense."""

from __future__ import annotations

import math

import pytest

from nextbuy.offers import (
    cac,
    conversion_needed,
    ltv,
    ltv_by_margin,
    ltv_by_profit,
    ltv_by_revenue,
    ltv_to_cac,
    payback_months,
    required_contacts,
)
from nextbuy.orders import InputError


def test_lifetime_value_of_the_example():
    """100,000 a year at 70 % margin and 16 % churn is worth 437,500 by margin, 625,000 by revenue, less by profit."""
    assert ltv(100_000, 0.70, 0.16) == pytest.approx(437_500)
    assert ltv_by_margin(100_000, 0.70, 0.16) == pytest.approx(437_500)
    assert ltv_by_revenue(100_000, 0.16) == pytest.approx(625_000)
    assert ltv_by_profit(100_000, 0.70, 0.16, annual_cost_to_serve=6_000) == pytest.approx(400_000)


def test_the_same_customer_passes_one_rule_and_fails_the_other():
    """437,500 against 100,000 is over 3 to 1, and yet it takes 17.14 months, over 12, to pay back."""
    assert ltv_to_cac(ltv(100_000, 0.70, 0.16), 100_000) == pytest.approx(4.375)
    months = payback_months(100_000, 100_000 * 0.70)
    assert months == pytest.approx(17.142857, abs=1e-6)
    assert ltv_to_cac(437_500, 100_000) > 3
    assert months > 12


def test_acquisition_cost():
    """300,000 spent on 30 customers is 10,000 each."""
    assert cac(300_000, 30) == pytest.approx(10_000)


def test_contacts_that_a_target_needs():
    """30,000 a month at 1,000 an order and 5 % is 600 contacts a month, 29 a working day, 7,200 a year."""
    needed = required_contacts(monthly_target=30_000, average_order=1_000, conversion=0.05)
    assert needed == (600, 29, 7_200)
    assert required_contacts(monthly_target=100, average_order=30, conversion=1).per_month == 4


def test_conversion_that_a_discount_needs():
    """25 % off at 70 % margin needs .70/.45 = 1.556 times the conversion; a discount of the margin is never earned."""
    assert conversion_needed(0.70, 0.25) == pytest.approx(1.556, abs=5e-4)
    assert conversion_needed(0.70, 0.0) == 1
    assert math.isinf(conversion_needed(0.3, 0.3))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ltv(100_000, 0.7, 0), "churn=0 would make a customer stay for ever"),
        (lambda: ltv(100_000, 0.7, 16), "churn=16 must be over 0 and at most 1"),
        (lambda: ltv(100_000, 70, 0.16), "margin=70 must be at least 0 and at most 1"),
        (lambda: cac(1, 0), "new_customers=0 must be over 0"),
        (lambda: ltv_to_cac(1, 0), "cac=0 must be over 0"),
        (lambda: payback_months(1, 0), "annual_margin=0 must be over 0"),
        (lambda: cac("a", 1), "spend='a' is not a number"),
        (lambda: cac(float("nan"), 1), "spend=nan is not a number"),
        (
            lambda: required_contacts(monthly_target=1, average_order=1, conversion=0),
            "conversion=0 must be over 0",
        ),
    ],
)
def test_figures_that_make_no_sense(call, says):
    """A figure that would divide by zero or mean nothing is refused by name."""
    with pytest.raises(InputError, match=says):
        call()
