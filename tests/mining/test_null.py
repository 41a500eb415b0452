"""Expectation, tests and shrinkage against scipy and numeric integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from nextbuy.mining.measures import benjamini_hochberg, wilson_interval
from nextbuy.mining.null import Prior, direction, fit_prior, rake, squash

PRIOR = Prior(np.array([0.6, 0.3, 0.1]), np.array([4.0, 2.0, 0.8]), np.array([5.0, 1.5, 0.1]))


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_raking_matches_both_margins(rows, columns, seed):
    """After raking the expected rows and columns sum to the observed ones."""
    random = np.random.default_rng(seed)
    base, seen = random.random((rows, columns)) + 0.1, random.poisson(20, (rows, columns)) + 1.0
    made = rake(base, seen, rounds=500, tolerance=1e-10)
    np.testing.assert_allclose(made.sum(0), seen.sum(0), rtol=1e-6)
    np.testing.assert_allclose(made.sum(1), seen.sum(1), rtol=1e-6)


def test_cells_left_out_do_not_steer_the_raking():
    """A cell outside `include` changes nothing of what is expected of the others."""
    random = np.random.default_rng(0)
    base, seen = random.random((6, 6)) + 0.1, random.poisson(20, (6, 6)) + 1.0
    include = np.ones((6, 6), dtype=bool)
    include[2, 3] = False
    loud = seen.copy()
    loud[2, 3] = 10_000
    np.testing.assert_allclose(rake(base, seen, include=include), rake(base, loud, include=include))
    made = rake(base, loud, include=include, rounds=500, tolerance=1e-12) * include
    np.testing.assert_allclose(made.sum(1), (loud * include).sum(1), rtol=1e-8)


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=40))
def test_q_values_are_those_of_scipy(p):
    """Benjamini-Hochberg q equals scipy's when all tests are given."""
    p = np.array(p)
    ours = benjamini_hochberg(p, tests=len(p))
    np.testing.assert_allclose(ours, stats.false_discovery_control(p), rtol=1e-12)


def test_tests_that_are_not_listed_count():
    """Q of the listed p-values equals scipy's when the unlisted ones are all 1."""
    p = np.array([1e-5, 0.001, 0.03, 0.2])
    whole = stats.false_discovery_control(np.concatenate([p, np.ones(96)]))[:4]
    np.testing.assert_allclose(benjamini_hochberg(p, tests=100), whole)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.5, 30), st.floats(0.5, 30))
@settings(max_examples=60, deadline=None)
def test_direction_is_a_binomial_test(forward, backward, ahead, behind):
    """p-value and interval of the direction are those of scipy's exact binomial test, as odds."""
    if forward + backward == 0:
        return
    made = direction(*(np.array([x]) for x in (forward, backward, ahead, behind)))
    share = ahead / (ahead + behind)
    test = stats.binomtest(forward, forward + backward, share, alternative="greater")
    assert made.p_value[0] == pytest.approx(test.pvalue, rel=1e-9)
    interval = stats.binomtest(forward, forward + backward).proportion_ci(0.95, method="exact")
    low, high = (x / (1 - x) * behind / ahead if x < 1 else np.inf for x in interval)
    assert made.low[0] == pytest.approx(low, rel=1e-6)
    assert made.high[0] == pytest.approx(high, rel=1e-6)
    assert made.low[0] <= made.ratio[0] <= made.high[0]


@given(st.integers(1, 300), st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_p_value_is_the_tail_of_the_null_mixture(observed, expected):
    """The p-value is the tail of the negative binomials of the two null components."""
    made = PRIOR.p_value(np.array([float(observed)]), np.array([expected]))[0]
    tails = [
        stats.nbinom.sf(observed - 1, a, b / (b + expected))
        for a, b in zip(PRIOR.shape[:2], PRIOR.rate[:2], strict=True)
    ]
    assert made == pytest.approx(2 / 3 * tails[0] + 1 / 3 * tails[1], rel=1e-7, abs=1e-300)


@pytest.mark.parametrize(("observed", "expected"), [(0, 0.5), (3, 1.0), (40, 4.0), (2, 30.0)])
def test_posterior_is_that_of_numeric_integration(observed, expected):
    """Geometric mean and 5 % quantile of the ratio equal those integrated numerically."""
    mean, low = PRIOR.posterior(np.array([float(observed)]), np.array([expected]))

    def density(ratio):
        parts = stats.gamma.pdf(ratio, PRIOR.shape, scale=1 / PRIOR.rate)
        return float(PRIOR.weight @ parts) * stats.poisson.pmf(observed, ratio * expected)

    def of_log(x):
        return density(np.exp(x)) * np.exp(x)

    options = {"limit": 500, "points": [-3, -1, 0, 1, 2, 3]}
    total = integrate.quad(of_log, -25, 7, **options)[0]
    log_mean = integrate.quad(lambda x: x * of_log(x), -25, 7, **options)[0] / total
    below = integrate.quad(of_log, -25, np.log(low[0]), limit=500)[0] / total
    assert mean[0] == pytest.approx(np.exp(log_mean), rel=1e-4)
    assert below == pytest.approx(0.05, abs=1e-4)


def test_prior_finds_the_planted_signal():
    """Of cells drawn from a tight null and a few strong links, the fit puts the strong ones beyond the null."""
    random = np.random.default_rng(4)
    expected = random.gamma(1.0, 8.0, 20_000) + 0.2
    ratio = random.gamma(20.0, 1 / 20, 20_000)
    ratio[:100] = 8.0
    observed = random.poisson(expected * ratio)
    prior = fit_prior(squash(observed, expected))
    p = prior.p_value(observed.astype(float), expected)
    p = np.where(observed > 0, p, 1.0)
    assert (p[100:] < 0.05).mean() == pytest.approx(0.05, abs=0.02)
    big = expected[:100] > 3
    assert (p[:100][big] < 1e-4).mean() > 0.9


def test_squashed_cells_keep_the_totals():
    """Squashing keeps the number of cells and the sums of observed and expected."""
    random = np.random.default_rng(1)
    expected = random.gamma(0.5, 4.0, 5_000) + 1e-6
    observed = random.poisson(expected)
    cells = squash(observed, expected)
    assert cells.cells.sum() == 5_000
    assert (cells.observed * cells.cells).sum() == pytest.approx(observed.sum())
    assert (cells.expected * cells.cells).sum() == pytest.approx(expected.sum())


def test_evidence_of_412_in_1240():
    """412 of 1,240 is 33.2 %, between 30.7 and 35.9 %, as the design page says."""
    low, high = wilson_interval(np.array([412.0]), np.array([1240.0]))
    assert f"{412 / 1240:.1%} {low[0]:.1%} {high[0]:.1%}" == "33.2% 30.7% 35.9%"
    interval = stats.binomtest(412, 1240).proportion_ci(0.95, method="wilson")
    assert (low[0], high[0]) == pytest.approx(tuple(interval))
