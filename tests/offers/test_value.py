"""Value: section 7's formula by hand, and uplift that is measured or not there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats.contingency import relative_risk

from nextbuy.offers.value import measured_uplift, offer_value
from nextbuy.orders import InputError


def _value(value="auto", uplift=None, margin=70.0):
    return offer_value(
        probability=np.array([0.05]), unit_margin=np.array([margin]), discount=np.array([25.0]),
        contact_cost=np.array([0.5]), relative_uplift=uplift, value=value, why_not="no log",
    )  # fmt: skip


def test_expected_value_by_hand():
    """At 5 % and 70 margin, 25 off and .50 a contact: with 20 % uplift .06 x 45 - .05 x 70 - .5 = -1.3."""
    got = _value(uplift=0.2)
    assert got.basis == "uplift"
    assert got.expected[0] == pytest.approx(-1.3)
    assert got.uplift[0] == pytest.approx(0.01)
    assert got.spend[0] == pytest.approx(0.5 + 0.06 * 25)


def test_the_conversion_that_just_pays_the_discount():
    """1.556 times the conversion earns back 25 % off at 70 % margin: the value is minus the contact's cost."""
    assert _value(uplift=70 / 45 - 1).expected[0] == pytest.approx(-0.5)


def test_without_uplift_response_stands_under_its_own_name():
    """Without an uplift the ranking is p (margin - discount) - cost, called response, and uplift is unknown."""
    got = _value()
    assert got.basis == "response"
    assert got.expected[0] == pytest.approx(0.05 * 45 - 0.5)
    assert np.isnan(got.uplift[0])


def test_without_margins_probability_ranks():
    """Without margins the expected value is unknown and probability ranks."""
    got = _value(margin=np.nan)
    assert (got.basis, got.worth[0]) == ("probability", 0.05)
    assert np.isnan(got.expected[0])


def test_unknown_margins_rank_below_known_ones():
    """A candidate without margin is worth less than any with a value above zero, and more probable goes first."""
    got = offer_value(
        probability=np.array([0.9, 0.001, 0.5]), unit_margin=np.array([np.nan, 1.0, np.nan]),
        discount=np.zeros(3), contact_cost=np.zeros(3), relative_uplift=None, value="auto", why_not="",
    )  # fmt: skip
    assert np.argsort(-got.worth).tolist() == [1, 0, 2]


def test_what_is_asked_for_but_cannot_be_known():
    """A ranking by uplift or margin without the figures for it is refused, with what is missing."""
    with pytest.raises(InputError, match="value='uplift' needs a measured uplift: no log"):
        _value("uplift")
    with pytest.raises(InputError, match="unit_margin"):
        _value("response", margin=np.nan)


def test_uplift_interval_agrees_with_scipy():
    """Ratio and interval are those of scipy's relative risk."""
    oracle = relative_risk(700, 10_000, 500, 10_000)
    low, high = oracle.confidence_interval(0.95)
    got = measured_uplift(treated=10_000, treated_bought=700, control=10_000, control_bought=500)
    assert got.relative == pytest.approx(oracle.relative_risk - 1)
    assert (got.low, got.high) == pytest.approx((low - 1, high - 1), abs=1e-6)


@pytest.mark.parametrize(("control", "bought"), [(0, 0), (200, 3), (200, 9)])
def test_uplift_that_is_not_identified(control, bought):
    """No holdout, too few buyers, or an interval around zero: not identified, and the words say so."""
    got = measured_uplift(treated=200, treated_bought=10, control=control, control_bought=bought)
    assert got.relative is None
    assert got.text.startswith("uplift not identified")
