"""Expectation, tests and shrinkage against scipy and numeric integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, sparse, stats

from nextbuy.mining.measures import benjamini_hochberg, wilson_interval
from nextbuy.mining.null import Prior, direction, fit_prior, rake, squash
from nextbuy.mining.pair_table import PairTable
from nextbuy.mining.taste import taste

PRIOR = Prior(np.array([0.6, 0.3, 0.1]), np.array([4.0, 2.0, 0.8]), np.array([5.0, 1.5, 0.1]))


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_raking_matches_both_margins(rows, columns, seed):
    """After raking the expected rows and columns sum to the observed ones."""
    random = np.random.default_rng(seed)
    base, seen = random.random((rows, columns)) + 0.1, random.poisson(20, (rows, columns)) + 1.0
    row, column = rake(base, seen.sum(1), seen.sum(0), rounds=500, tolerance=1e-10)
    made = base * row[:, None] * column
    np.testing.assert_allclose(made.sum(0), seen.sum(0), rtol=1e-6)
    np.testing.assert_allclose(made.sum(1), seen.sum(1), rtol=1e-6)


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


@given(st.integers(1, 300), st.floats(0.01, 100), st.integers(0, 60), st.floats(0.01, 60))
@settings(max_examples=60, deadline=None)
def test_p_value_is_the_tail_given_the_reverse_order(observed, expected, reverse, behind):
    """The p-value is the negative binomials' tail, weighed by how well each component explains the reverse count."""
    arrays = (np.array([float(v)]) for v in (observed, expected, reverse, behind))
    made = PRIOR.p_value(*arrays)[0]
    explains = stats.nbinom.pmf(reverse, PRIOR.shape, PRIOR.rate / (PRIOR.rate + behind)) * PRIOR.weight
    shape, rate = PRIOR.shape + reverse, PRIOR.rate + behind
    tails = stats.nbinom.sf(observed - 1, shape, rate / (rate + expected))
    assert made == pytest.approx(explains @ tails / explains.sum(), rel=1e-6, abs=1e-250)


def test_p_value_is_uniform_where_both_orders_share_one_ratio():
    """Of pairs that taste alone binds, in either order, 5 % fall below .05 and one in a thousand below .001."""
    random = np.random.default_rng(7)
    n = 200_000
    ahead, behind = random.gamma(2.0, 4.0, n) + 0.5, random.gamma(2.0, 4.0, n) + 0.5
    component = random.choice(3, n, p=PRIOR.weight)
    ratio = random.gamma(PRIOR.shape[component], 1 / PRIOR.rate[component])
    forward, backward = random.poisson(ratio * ahead), random.poisson(ratio * behind)
    p = np.where(forward > 0, PRIOR.p_value(np.maximum(forward, 1.0), ahead, backward, behind), 1.0)
    for level in (0.05, 0.001):
        # counts are discrete: the share may only fall short
        assert level * 0.6 < (p <= level).mean() < level * 1.1


@pytest.mark.parametrize("small", [600, 100])
def test_taste_of_planted_groups_is_found_and_a_single_link_is_not_taste(small, monkeypatch):
    """Items of one group have the planted ratio, strangers one; a pair bound ten times over changes nothing of it."""
    monkeypatch.setattr("nextbuy.mining.taste.SMALL", small)  # all eigenvalues, or the leading ones
    monkeypatch.setattr("nextbuy.mining.taste.DEPTH", 4)  # 128 vectors of 240
    random = np.random.default_rng(2)
    n = 240
    group = random.integers(0, 4, n)
    alike = group[:, None] == group[None, :]
    flat, ones = np.full((n, 1), 2.0), np.ones((n, 1))
    ratio = np.where(alike, 2.2, 0.6)
    off = ~np.eye(n, dtype=bool)

    def found_in(observed):
        pairs = PairTable.from_factors(sparse.csr_array(observed * off), flat, ones)
        return taste(pairs, ones[:, 0], ones[:, 0], out=np.zeros(len(pairs.low), bool)).among(slice(None))

    observed = random.poisson(2.0 * ratio)
    observed[3, 5] = 80
    found = found_in(observed)
    # capping takes a little of the strongest
    assert 1.9 < found[off & alike].mean() <= 2.2
    assert 0.6 <= found[off & ~alike].mean() < 0.66
    assert found[off & alike].std() < 0.25
    assert found[3, 5] < 2.6
    noise = found_in(random.poisson(np.full((n, n), 2.0)))
    np.testing.assert_allclose(noise[off], 1.0, atol=0.35)
    assert noise[off].std() < 0.05


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


def test_chance_of_nothing_is_that_of_bayes():
    """Of pairs drawn from the null and from the links, as many are no link as their chances say."""
    random = np.random.default_rng(11)
    n, share = 400_000, 0.02
    links = Prior(PRIOR.weight, np.array([4.0, 2.0, 1.5]), np.array([5.0, 1.5, 0.15]))
    ahead, behind = random.gamma(2.0, 2.0, n) + 0.2, random.gamma(2.0, 2.0, n) + 0.2
    component = random.choice(3, n, p=PRIOR.weight)
    ratio = random.gamma(PRIOR.shape[component], 1 / PRIOR.rate[component])
    linked = random.random(n) < share
    own = np.where(linked, random.gamma(1.5, 1 / 0.15, n), ratio)
    forward, backward = random.poisson(own * ahead), random.poisson(ratio * behind)
    chance = PRIOR.nothing(forward, ahead, backward, behind, links=links, share=share / (1 - share))
    for low, high in ((0.0, 0.05), (0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        some = (chance >= low) & (chance < high)
        assert some.sum() > 300
        assert (~linked)[some].mean() == pytest.approx(chance[some].mean(), abs=0.04)


def test_what_may_be_nothing_has_a_lower_lift():
    """With a chance of nothing of 3 % the lower bound is the 2/97 quantile of the rest; with 30 % it is 1."""
    observed, expected = np.array([40.0, 40.0]), np.array([4.0, 4.0])
    mean, low = PRIOR.posterior(observed, expected, nothing=np.array([0.03, 0.3]))
    plain, _ = PRIOR.posterior(observed, expected)
    np.testing.assert_allclose(mean, plain ** np.array([0.97, 0.7]))
    shape, rate = PRIOR.shape + 40, PRIOR.rate + 4
    explains = stats.nbinom.pmf(40, PRIOR.shape, PRIOR.rate / (PRIOR.rate + 4)) * PRIOR.weight
    below = explains @ stats.gamma.cdf(low[0], shape, scale=1 / rate) / explains.sum()
    assert below == pytest.approx(0.02 / 0.97, rel=1e-3)
    assert low[1] == 1.0


def test_prior_finds_the_planted_signal():
    """Of cells drawn from a tight null and a few strong links, the fit puts the strong ones beyond the null."""
    random = np.random.default_rng(4)
    expected = random.gamma(1.0, 8.0, 20_000) + 0.2
    ratio = random.gamma(20.0, 1 / 20, 20_000)
    ratio[:100] = 8.0
    observed = random.poisson(expected * ratio)
    prior = fit_prior(squash([(observed, expected, 1.0)]))
    # the reverse order says that nothing but chance binds them
    p = prior.p_value(observed.astype(float), expected, expected.round(), expected)
    p = np.where(observed > 0, p, 1.0)
    assert (p[100:] < 0.05).mean() == pytest.approx(0.05, abs=0.02)
    big = expected[:100] > 3
    assert (p[:100][big] < 1e-4).mean() > 0.9


def test_squashed_cells_keep_the_totals():
    """Squashing keeps the number of cells and the sums of observed and expected; weights count."""
    random = np.random.default_rng(1)
    expected = random.gamma(0.5, 4.0, 5_000) + 1e-6
    observed = random.poisson(expected)
    cells = squash([(observed, expected, 1.0), (observed[:50], expected[:50], 3.0)])
    assert cells.cells.sum() == 5_150
    for made, true in ((cells.observed, observed), (cells.expected, expected)):
        assert (made * cells.cells).sum() == pytest.approx(true.sum() + 3 * true[:50].sum())


def test_evidence_of_412_in_1240():
    """412 of 1,240 is 33.2 %, between 30.7 and 35.9 %, as the design page says."""
    low, high = wilson_interval(np.array([412.0]), np.array([1240.0]))
    assert f"{412 / 1240:.1%} {low[0]:.1%} {high[0]:.1%}" == "33.2% 30.7% 35.9%"
    interval = stats.binomtest(412, 1240).proportion_ci(0.95, method="wilson")
    assert (low[0], high[0]) == pytest.approx(tuple(interval))
