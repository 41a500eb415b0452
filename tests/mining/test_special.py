"""The special functions against scipy's."""

from __future__ import annotations

import numpy as np
from scipy import special as scipy_special

from nextbuy.mining.special import digamma, gamma_five_percent, log_factorial, wright_omega


def test_log_factorial_equals_scipys():
    """Small and large whole numbers, few and many of them, agree to 14 digits."""
    n = np.concatenate([np.arange(300), np.geomspace(300, 1e9, 400).astype(np.int64)])
    for part in (n, np.arange(1000)):
        np.testing.assert_allclose(log_factorial(part), scipy_special.gammaln(part + 1.0), rtol=1e-14)


def test_digamma_equals_scipys():
    """From far below 1 to large, on both sides of its root."""
    x = np.geomspace(1e-3, 1e6, 5001)
    np.testing.assert_allclose(digamma(x), scipy_special.digamma(x), rtol=1e-12, atol=1e-14)


def test_the_gamma_quantile_equals_scipys():
    """The 5 % quantile agrees to 12 digits for shapes on both sides of 1."""
    shape = np.concatenate([np.geomspace(0.05, 1, 501), np.geomspace(1, 1e7, 2001)])
    np.testing.assert_allclose(gamma_five_percent(shape), scipy_special.gammaincinv(shape, 0.05), rtol=2e-12)


def test_wright_omega_solves_its_equation():
    """Scipy's values from where omega is nearly zero to where it is nearly its argument."""
    z = np.concatenate([np.linspace(-60, 60, 2001), np.geomspace(60, 1e6, 200)])
    np.testing.assert_allclose(wright_omega(z), scipy_special.wrightomega(z), rtol=1e-13)
