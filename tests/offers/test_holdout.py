"""Holdout: a stable draw, and the power it gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from nextbuy.offers import customers_per_arm, draw_holdout, minimum_detectable_effect, power_of
from nextbuy.orders import InputError

IDS = [f"C-{i}" for i in range(40_000)]


def test_the_draw_is_stable():
    """Other rows, another order or a larger share move nobody out of the holdout."""
    held = dict(zip(IDS, draw_holdout(IDS, share=0.1, salt="shop", campaign="june"), strict=True))
    some = IDS[10_000:5_000:-7]
    assert draw_holdout(some, share=0.1, salt="shop", campaign="june").tolist() == [held[i] for i in some]
    more = draw_holdout(IDS, share=0.2, salt="shop", campaign="june")
    assert all(more[np.array(list(held.values()))])


@pytest.mark.parametrize("share", [0.0, 0.03, 0.1, 0.5, 1.0])
def test_the_draw_has_its_size(share):
    """The share held out is the share asked for, within four standard errors."""
    held = draw_holdout(IDS, share=share, salt="shop")
    assert abs(held.mean() - share) <= 4 * np.sqrt(share * (1 - share) / len(IDS))


def test_draws_are_independent():
    """Campaign, global and other salts' holdouts overlap as chance would have it: a quarter of two halves."""
    draws = [
        draw_holdout(IDS, share=0.5, salt="shop"),
        draw_holdout(IDS, share=0.5, salt="shop", campaign="june"),
        draw_holdout(IDS, share=0.5, salt="shop", campaign="july"),
        draw_holdout(IDS, share=0.5, salt="other"),
    ]
    for a in range(4):
        for b in range(a):
            assert abs((draws[a] & draws[b]).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(IDS))


def test_a_number_and_its_text_are_one_customer():
    """Customer 17 and customer "17" are in the same arm."""
    numbers = draw_holdout(range(500), share=0.3, salt="s")
    assert numbers.tolist() == draw_holdout([str(i) for i in range(500)], share=0.3, salt="s").tolist()


def test_size_of_the_textbook_example():
    """To tell 6 % from 5 % with 80 % power takes about 8,160 customers an arm."""
    assert customers_per_arm(0.05, 0.06) == pytest.approx(8_160, abs=10)


def test_power_agrees_with_simulation():
    """The formula's power is the share of simulated experiments whose z-test finds the difference."""
    rng = np.random.default_rng(1)
    a, b = rng.binomial(1500, 0.05, 20_000) / 1500, rng.binomial(6000, 0.065, 20_000) / 6000
    pooled = (a * 1500 + b * 6000) / 7500
    z = (b - a) / np.sqrt(pooled * (1 - pooled) * (1 / 1500 + 1 / 6000))
    simulated = (np.abs(z) > norm.ppf(0.975)).mean()
    assert power_of(0.05, 0.065, n_treated=6000, n_control=1500) == pytest.approx(simulated, abs=0.02)


def test_detectable_effect_has_the_power_asked_for():
    """The smallest detectable rise has 80 % power; half of it has less; tiny arms find nothing."""
    effect = minimum_detectable_effect(0.05, n_treated=9000, n_control=1000)
    assert power_of(0.05, 0.05 + effect, n_treated=9000, n_control=1000) == pytest.approx(0.8, abs=1e-6)
    assert power_of(0.05, 0.05 + effect / 2, n_treated=9000, n_control=1000) < 0.5
    assert minimum_detectable_effect(0.05, n_treated=8158, n_control=8158) == pytest.approx(0.01, abs=1e-5)
    assert minimum_detectable_effect(0.5, n_treated=2, n_control=1) == np.inf


def test_shares_out_of_range():
    """A share that is none, and two equal conversions, are refused."""
    with pytest.raises(InputError, match=r"share=1\.5 must be a share"):
        draw_holdout(IDS, share=1.5, salt="s")
    with pytest.raises(InputError, match="are equal"):
        customers_per_arm(0.05, 0.05)
    with pytest.raises(InputError, match="base=0 must be a share between 0 and 1"):
        customers_per_arm(0, 0.05)
