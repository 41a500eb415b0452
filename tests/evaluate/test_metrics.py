"""Metrics against scikit-learn and the hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, roc_auc_score

from nextbuy.evaluate import metrics


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_ndcg_is_that_of_scikit_learn(seed):
    """With every item ranked, nDCG equals scikit-learn's for each customer."""
    random = np.random.default_rng(seed)
    n, people = 12, 5
    order = np.array([random.permutation(n) for _ in range(people)])
    truth = random.random((people, n)) < 0.3
    truth[:, 0] = True
    made = metrics.ranking(
        np.repeat(np.arange(people), n),
        order.ravel(),
        np.tile(np.arange(1, n + 1), people),
        *np.nonzero(truth),
        k=n,
        n_items=n,
    )
    score = np.zeros((people, n))
    np.put_along_axis(score, order, np.arange(n, 0, -1.0)[None, :].repeat(people, 0), axis=1)
    for person in range(people):
        wanted = ndcg_score(truth[person : person + 1].astype(float), score[person : person + 1])
        assert made.ndcg[person] == pytest.approx(wanted)


def test_a_hand_ranking():
    """Hits at ranks 1 and 3 of 2 shown for three bought: the ideal ranks all three, and rank 3 lies beyond k."""
    made = metrics.ranking(
        np.array([0, 0, 0]),
        np.array([5, 6, 7]),
        np.array([1, 2, 3]),
        np.array([0, 0, 0, 1]),
        np.array([5, 7, 8, 5]),
        k=2,
        n_items=10,
    )
    assert made.customer.tolist() == [0, 1]
    assert made.recall.tolist() == pytest.approx([1 / 3, 0])
    assert made.precision.tolist() == [0.5, 0]
    assert made.hit_rate.tolist() == [1, 0]
    assert made.ndcg[0] == pytest.approx(1 / (1 + 1 / np.log2(3) + 1 / 2))


def test_probability_scores_are_those_of_scikit_learn():
    """Log loss and Brier score equal scikit-learn's."""
    random = np.random.default_rng(0)
    p = random.uniform(0.01, 0.99, 500)
    y = random.random(500) < p
    assert metrics.log_loss(p, y) == pytest.approx(log_loss(y, p))
    assert metrics.brier(p, y) == pytest.approx(brier_score_loss(y, p))


def test_calibration_bins_have_equal_counts_and_their_own_means():
    """Ten rows in two bins: the lower five and the upper five, with the error of the hand."""
    p = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.1, 0.6, 0.2, 0.5, 0.4])
    y = np.array([1, 0, 1, 0, 0, 0, 1, 1, 0, 0], bool)
    made = metrics.calibration(p, y, bins=2)
    assert made.rows.tolist() == [5, 5]
    assert made.predicted.tolist() == pytest.approx([0.2, 0.7])
    assert made.observed.tolist() == pytest.approx([0.2, 0.6])
    assert made.error == pytest.approx(0.05)


def test_draws_cover_the_mean_as_theory_says():
    """The interval is about two standard errors on each side of the mean."""
    values = np.random.default_rng(0).normal(5.0, 2.0, 2_000)
    draws = metrics.Draws(2_000, draws=2_000)
    low, high = metrics.interval(draws.means(np.arange(2_000), values[:, None])[:, 0])
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(2_000), rel=0.1)


def test_customers_are_drawn_and_not_rows():
    """Where each customer has ten equal rows, the interval is that of the customers alone."""
    values = np.random.default_rng(1).normal(0.0, 1.0, 400)
    draws = metrics.Draws(400)
    once = draws.means(np.arange(400), values[:, None])
    tenfold = draws.means(np.repeat(np.arange(400), 10), np.repeat(values, 10)[:, None])
    np.testing.assert_allclose(tenfold, once)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_area_is_that_of_scikit_learn(seed):
    """AUC equals scikit-learn's, ties included, and its rows add up to nothing."""
    random = np.random.default_rng(seed)
    p = random.integers(0, 20, 400) / 20
    y = random.random(400) < p
    area, adds = metrics.auc(p, y)
    assert area == pytest.approx(roc_auc_score(y, p))
    assert adds.sum() == pytest.approx(0)


def test_area_of_a_drawn_sample_is_what_its_rows_add():
    """The interval from what rows add is that of areas computed anew for each draw."""
    random = np.random.default_rng(3)
    p = random.random(3_000)
    y = random.random(3_000) < p
    area, adds = metrics.auc(p, y)
    draws = metrics.Draws(3_000, draws=300)
    quick = area + draws.sums(np.arange(3_000), adds[:, None])[:, 0]
    again = np.random.default_rng(0)
    slow = []
    for _ in range(300):
        rows = again.integers(0, 3_000, 3_000)
        slow.append(roc_auc_score(y[rows], p[rows]))
    np.testing.assert_allclose(metrics.interval(quick), metrics.interval(np.array(slow)), atol=0.003)


def test_errors_of_draws_stand_around_the_error():
    """Calibration error in draws of customers: its own value in the middle, no less than zero."""
    random = np.random.default_rng(5)
    p = random.uniform(0.05, 0.5, 4_000)
    y = random.random(4_000) < np.minimum(p + 0.06, 1)
    bins = metrics.calibration(p, y)
    drawn = metrics.calibration_errors(bins, p, y, np.repeat(np.arange(1_000), 4), metrics.Draws(1_000))
    assert drawn.mean() == pytest.approx(bins.error, abs=1e-3)
    low, high = metrics.interval(drawn)
    assert 0.03 < low < 0.06 < high < 0.09
