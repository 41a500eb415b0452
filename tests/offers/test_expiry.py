"""Expiry: lags whose remaining mass is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from nextbuy.offers.expiry import expiry, mass_day

NONE = np.array([np.nan])


@pytest.mark.parametrize("elapsed", [0.0, 3.0, 40.0, 200.0])
def test_exponential_lags_have_no_memory(elapsed):
    """With a constant hazard, 80 % of what remains comes within ln 5 / hazard days from any day on."""
    mean = 30.0
    p10, p50, p90 = (np.array([-mean * np.log(1 - q)]) for q in (0.1, 0.5, 0.9))
    send = np.array([1000.0 + elapsed])
    day = mass_day(
        send, trigger=np.array([1000.0]), lag_p10=p10, lag_p50=p50, lag_p90=p90, window_end=send + 5
    )
    assert day[0] == np.ceil(send[0] + mean * np.log(5))


def test_even_mass_without_lags():
    """Without lags four fifths of the window's days hold four fifths of the mass."""
    day = mass_day(
        np.array([100.0]),
        trigger=NONE,
        lag_p10=NONE,
        lag_p50=NONE,
        lag_p90=NONE,
        window_end=np.array([130.0]),
    )
    assert day[0] == 124


def test_equal_quantiles_do_no_harm():
    """Lags that all fall on one day give a finite day, not before the send date's."""
    three = np.array([3.0])
    day = mass_day(
        np.array([10.0]),
        trigger=np.array([9.0]),
        lag_p10=three,
        lag_p50=three,
        lag_p90=three,
        window_end=np.array([20.0]),
    )
    assert 10 <= day[0] <= 13


def test_earliest_of_three_but_never_before_sending():
    """Mass, time to live and deadline each win once; a deadline passed ends the offer on its send date."""
    send = np.array([10.0, 10.0, 10.0, 30.0])
    got = expiry(send, mass=np.array([12.0, 60.0, 60.0, 60.0]), ttl_days=14, deadline=22.0)
    assert got.tolist() == [12, 22, 22, 30]
    assert expiry(send[:1], mass=np.array([60.0]), ttl_days=14, deadline=np.inf).tolist() == [24]
