"""Lag tables: probabilities, quantiles, and whether a rule has a shape of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.mining.lags import LagCounts, LagTable, edges, shrink, timing_signal

BINS = edges(180)


def counts(followers, watch_days):
    none = np.zeros(len(followers))
    return LagCounts(followers, watch_days, followers, followers, none, none)


tables = st.integers(0, 10_000).map(
    lambda seed: LagTable(
        np.random.default_rng(seed).gamma(0.5, 0.01, (3, len(BINS) - 1)) + 1e-9, BINS, np.ones(1), 1.0, 1.0
    )
)


@given(tables, st.integers(0, 200), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_probability_is_that_of_a_walk_day_by_day(table, elapsed, horizon):
    """The chance within the horizon is one minus the product of the daily chances of nothing."""
    for rule in range(3):
        stay = 1.0
        for day in range(elapsed, elapsed + horizon):
            if day < 180:
                stay *= np.exp(-table.hazard[rule, np.searchsorted(BINS, day, side="right") - 1])
        made = table.probability(np.array([rule]), elapsed_days=np.array([elapsed]), horizon_days=horizon)
        assert made[0] == pytest.approx(1 - stay, abs=1e-12)


@given(tables)
@settings(max_examples=40, deadline=None)
def test_quantiles_are_where_the_share_has_come(table):
    """Quantiles rise, stay inside the window, and leave the right share before them."""
    shares = (0.1, 0.5, 0.9)
    made = table.quantiles(*shares)
    assert (np.diff(made, axis=1) >= 0).all()
    assert ((made >= 0) & (made <= 180)).all()
    for j, share in enumerate(shares):
        rules = np.arange(3)
        done = -np.expm1(-table.cumulative(made[:, j], rules)) / -np.expm1(
            -table.cumulative(np.full(3, 180.0), rules)
        )
        np.testing.assert_allclose(done, share, atol=0.01)


def flat(rules, followers, *, seed, shape):
    """Draw followers of rules whose hazard has the given shape by bin."""
    random = np.random.default_rng(seed)
    alive = np.linspace(1, 0.6, len(BINS) - 1)
    watch = np.diff(BINS) * alive * random.uniform(500, 5_000, (rules, 1))
    mean = watch * shape
    return counts(random.poisson(mean / mean.sum(1, keepdims=True) * followers), watch.astype(np.int64))


@pytest.mark.parametrize("followers", [20, 50, 200, 1000])
def test_flat_hazards_show_no_timing(followers):
    """Of rules that follow at the background's own pace at least 95 % show no timing signal."""
    background = np.linspace(2, 1, len(BINS) - 1) * 1e-4
    word, _ = timing_signal(flat(4_000, followers, seed=followers, shape=background), background)
    assert (word == "none").mean() >= 0.95
    assert (word == "strong").mean() < 0.002


def test_planted_peaks_show_strong_timing():
    """Rules whose followers come between day 21 and 45 are strong."""
    background = np.full(len(BINS) - 1, 1e-4)
    shape = np.where((BINS[:-1] >= 21) & (BINS[1:] <= 45), 10.0, 0.5)
    word, p = timing_signal(flat(200, 100, seed=5, shape=shape), background)
    assert (word == "strong").mean() > 0.98
    assert p.max() < 0.01


def test_few_followers_are_shrunk_and_many_are_not():
    """A rule with many followers keeps its own hazards; one with none takes the pooled shape."""
    watch = np.tile(np.diff(BINS) * 1_000, (30, 1))
    random = np.random.default_rng(2)
    shape = np.where(BINS[:-1] < 30, 3e-3, 3e-4)
    d = random.poisson(watch * shape)
    d[0], watch[0] = d[0] * 100, watch[0] * 100
    d[1], watch[1] = 0, np.maximum(watch[1] // 1_000, 1)
    table = shrink(counts(d, watch), window_days=180)
    np.testing.assert_allclose(table.hazard[0], d[0] / watch[0], rtol=0.05)
    ratio = table.hazard[1] / table.pooled
    assert ratio.max() / ratio.min() < 1.2
