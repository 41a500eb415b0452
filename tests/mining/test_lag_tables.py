"""Lag tables: probabilities, quantiles, and whether a rule has a shape of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.mining.lags import LagCounts, LagTable, edges, shrink, tabulate, timing_signal
from nextbuy.mining.lagshapes import find_shapes, shape_weights

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
    """A rule with many followers keeps its own hazards; one with none takes the shape of the others."""
    watch = np.tile(np.diff(BINS) * 1_000, (30, 1))
    random = np.random.default_rng(2)
    shape = np.where(BINS[:-1] < 30, 3e-3, 3e-4)
    d = random.poisson(watch * shape)
    d[0], watch[0] = d[0] * 100, watch[0] * 100
    d[1], watch[1] = 0, np.maximum(watch[1] // 1_000, 1)
    table = shrink(counts(d, watch), window_days=180)
    np.testing.assert_allclose(table.hazard[0], d[0] / watch[0], rtol=0.05)
    ratio = table.hazard[1] / shape  # the planted one
    assert (
        ratio.max() / ratio.min() < 1.3
    )  # the least filled bin holds 600 followers: two standard errors each way


@pytest.mark.parametrize("means", [(12.0, 12.0), (12.0, 60.0)])
def test_rules_of_few_shapes_share_them(means):
    """With 30 followers a rule, two planted shapes are told apart; one is not split."""
    random = np.random.default_rng(3)
    rule = np.repeat(np.arange(2_000), 60)
    lag = np.ceil(random.gamma(3, np.asarray(means)[rule % 2] / 3))
    lag[random.random(len(rule)) < 0.5] = -1
    made = tabulate(rule, np.full(len(rule), 180), lag, rules=2_000, window_days=180)
    d, watched = made.followers.astype(float), made.watch_days.astype(float)
    shapes = find_shapes(d, watched, d.sum(0) / watched.sum(0))
    assert len(shapes.share) == len(set(means))
    if len(set(means)) == 2:
        weight, _ = shape_weights(d, watched, shapes)
        late = shapes.hazard[:, 8].argmax()
        assert ((weight[:, late] > 0.5) == (np.arange(2_000) % 2 == 1)).mean() > 0.95


def test_tabulated_exposures_are_counted_by_hand():
    """Followers, days watched and losses of four exposures, one of them followed too late to be seen."""
    made = tabulate(
        np.zeros(4, int), np.array([10, 180, 2, 5]), np.array([4, -1, -1, 9]), rules=1, window_days=180
    )
    assert made.followers[0, :4].tolist() == [0, 0, 1, 0]  # day 4 falls into (3, 7]
    assert made.watch_days[0, :3].tolist() == [4, 7, 7]  # (0, 1]: all four; (1, 3]: 2+2+1+2; (3, 7]: 1+4+0+2
    assert made.lost[0, :4].tolist() == [0, 1, 1, 0]
