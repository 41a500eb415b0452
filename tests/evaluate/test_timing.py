"""Timing metrics against scipy, hand counts and planted truth."""

import numpy as np
import pytest
from scipy import integrate, stats

from nextbuy.evaluate.timing import interval_coverage, log_likelihood, watched_crps, window_hits
from nextbuy.mining.lags import LagTable, edges, tabulate

WINDOW = 90
BINS = edges(WINDOW)
one = np.array


def constant(*hazards):
    """Lag tables whose hazard is the same on every day."""
    hazard = np.repeat(one(hazards)[:, None], len(BINS) - 1, axis=1)
    return LagTable(hazard, BINS, hazard[0], 1.0, 1.0)


def exposures(rows, seed):
    random = np.random.default_rng(seed)
    lag = random.integers(1, 120, rows)
    lag[random.random(rows) < 0.5] = -1
    return random.integers(0, 2, rows), random.integers(0, WINDOW + 1, rows), lag


def test_log_likelihood_is_that_of_the_exponential_law():
    """With one hazard for all days it is scipy's log density of those who came, log survival of the others."""
    rule, watch, lag = exposures(500, 3)
    made = log_likelihood(constant(0.01, 0.03), tabulate(rule, watch, lag, rules=2, window_days=WINDOW))
    came = (lag > 0) & (lag <= watch)
    for r, hazard in enumerate((0.01, 0.03)):
        law = stats.expon(scale=1 / hazard)
        wanted = law.logpdf(lag[came & (rule == r)]).sum() + law.logsf(watch[~came & (rule == r)]).sum()
        assert made[r] == pytest.approx(wanted)


def test_crps_is_the_integral_over_the_watch():
    """The score of each exposure is scipy's numerical integral over the days watched."""
    random = np.random.default_rng(8)
    hazard = random.gamma(1, 0.02, (2, len(BINS) - 1))
    table = LagTable(hazard, BINS, hazard[0], 1.0, 1.0)
    rule, watch, lag = exposures(25, 4)
    made = watched_crps(table, rule, watch_days=watch, lag_days=lag)
    for j in range(25):

        def gap(t, j=j):
            f = -np.expm1(-table.cumulative(one([t]), rule[j : j + 1])[0])
            return (f - (0 < lag[j] <= min(t, watch[j]))) ** 2

        at = [float(b) for b in [*BINS[1:-1], lag[j]] if 0 < b < watch[j]]
        wanted = integrate.quad(gap, 0, watch[j], points=at or None, limit=300)[0] if watch[j] else 0.0
        assert made[j] == pytest.approx(wanted, abs=1e-6)


def test_the_true_law_scores_best():
    """Of three hazards the one that the lags were drawn from has the best likelihood and the best CRPS."""
    random = np.random.default_rng(5)
    rows, true = 40_000, 0.02
    lag, watch = np.ceil(random.exponential(1 / true, rows)).astype(int), random.integers(1, WINDOW + 1, rows)
    table = constant(true / 1.5, true, true * 1.5)
    rule = np.zeros(rows, int)
    score = [watched_crps(table, rule + r, watch_days=watch, lag_days=lag).mean() for r in range(3)]
    assert np.argmin(score) == 1
    counts = [tabulate(rule + r, watch, lag, rules=3, window_days=WINDOW) for r in range(3)]
    assert np.argmax([log_likelihood(table, c)[r] for r, c in enumerate(counts)]) == 1


def test_hits_by_hand():
    """A window holds the days after its start up to its width; who never came is a miss."""
    lag = one([1, 14, 15, 31, 44, 45, -1, 20])
    rates = window_hits({"late": one([0, 0, 14, 14, 30, 30, 30, 6])}, lag, width_days=14)
    assert rates["send now"].value == 2 / 8
    assert rates["fixed delay"].value == 2 / 8
    assert rates["late"].value == 5 / 8
    assert rates["late"].low < 5 / 8 < rates["late"].high


def test_short_watches_count_for_no_window():
    """An exposure that was not watched until the last window closed is left out for all names alike."""
    lag, watch = one([3, 3, 12, -1]), one([20, 60, 60, 60])
    rates = window_hits({"ours": 5}, lag, width_days=10, watch_days=watch)
    assert [rates[name].value for name in ("send now", "fixed delay", "ours")] == pytest.approx(
        [1 / 3, 0, 1 / 3]
    )
    assert rates["ours"].exposures == 3


def test_customers_are_drawn_not_exposures():
    """A hundred exposures of each customer, all alike, are as uncertain as one of each."""
    random = np.random.default_rng(2)
    lag = np.where(random.random(200) < 0.3, 5, -1)
    single = window_hits({}, lag, width_days=14, seed=1)["send now"]
    many = window_hits(
        {}, np.repeat(lag, 100), width_days=14, customer=np.repeat(np.arange(200), 100), seed=1
    )
    assert many["send now"].high - many["send now"].low == pytest.approx(single.high - single.low)
    alone = window_hits({}, np.repeat(lag, 100), width_days=14, seed=1)["send now"]
    assert alone.high - alone.low < (single.high - single.low) / 5


def test_coverage_by_hand():
    """Followers inside their interval, over followers whose whole window was watched."""
    lag, watch = one([5, 25, 10, -1, 7, 95]), one([90, 90, 90, 90, 30, 90])
    low, high = np.full(6, 5.0), np.full(6, 20.0)
    made = interval_coverage(low, high, lag, window_days=90, watch_days=watch)
    assert made.value == pytest.approx(2 / 3)
    assert made.exposures == 3


def test_nothing_to_measure_is_not_a_number():
    """Without exposures there is no rate, and no error."""
    none = np.zeros(0)
    assert np.isnan(window_hits({"ours": none}, none, width_days=14)["ours"].value)
    assert np.isnan(interval_coverage(none, none, none, window_days=90).value)
