"""The prior of lifts against planted ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nextbuy.mining.prior import Prior, fit_prior


def planted(seed: int, mean: float, spread: float, n: int = 60_000) -> tuple[np.ndarray, ...]:
    r = np.random.default_rng(seed)
    lift = np.exp(r.normal(mean, spread, n))
    expected = np.exp(r.uniform(-1, 3, n))
    customers = r.poisson(lift * expected)
    found = customers >= 5
    return lift[found], expected[found], customers[found], np.full(int(found.sum()), 5)


def test_mean_and_spread_are_recovered_although_rare_pairs_were_never_found():
    """Pairs below five customers are cut off; the fit knows and gives back the planted law."""
    _, expected, customers, least = planted(1, -0.5, 1.0)
    prior = fit_prior(customers, expected, least)
    assert prior.mean == pytest.approx(-0.5, abs=0.3)
    assert prior.spread == pytest.approx(1.0, abs=0.15)


def test_lift_low_is_a_five_percent_quantile_among_the_rules_found():
    """About one true lift in twenty lies below lift_low; the shrunk lift is right on average."""
    lift, expected, customers, least = planted(2, -0.5, 1.0)
    shrunk, low = fit_prior(customers, expected, least).posterior(customers, expected)
    assert np.mean(lift < low) == pytest.approx(0.05, abs=0.02)
    assert np.mean(np.log(shrunk / lift)) == pytest.approx(0, abs=0.05)


def test_a_wide_prior_gives_the_gamma_posterior():
    """Without a prior to speak of, lift given m of e expected is Gamma(m, e)."""
    shrunk, low = Prior(0.0, 1e3).posterior(np.array([12]), np.array([3.0]))
    assert low[0] == pytest.approx(stats.gamma.ppf(0.05, 12, scale=1 / 3), rel=1e-4)
    assert 3.8 < shrunk[0] < 4.0
