"""Metrics against scikit-learn and the hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score

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


def test_bootstrap_covers_the_mean_as_theory_says():
    """The interval is about two standard errors on each side of the mean."""
    values = np.random.default_rng(0).normal(5.0, 2.0, 2_000)
    low, high = metrics.bootstrap(values, draws=2_000)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(2_000), rel=0.1)
