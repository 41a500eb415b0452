"""The best window against trying every start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.mining.lags import LagTable, edges
from nextbuy.timing.windows import STATUSES, best_windows

BINS = edges(120)
tables = st.integers(0, 10_000).map(
    lambda seed: LagTable(
        np.random.default_rng(seed).gamma(0.4, 0.02, (2, len(BINS) - 1)) + 1e-9, BINS, np.ones(1), 1.0, 1.0
    )
)


@given(tables, st.integers(0, 130), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_window_is_the_best_of_all_starts(table, elapsed, width):
    """No other start has a higher chance of the purchase within the window's width."""
    made = best_windows(table, np.array([0, 1]), np.array([elapsed, elapsed]), width_days=width, block=1)
    for rule in range(2):

        def stay(day, rule=rule):
            return float(np.exp(-table.cumulative(np.array([elapsed + day]), np.array([rule])))[0])

        mass = [stay(start) - stay(start + width) for start in range(121)]
        start = int(made.start[rule])
        assert mass[start] == pytest.approx(max(mass), rel=1e-8, abs=1e-15)
        assert max(mass[:start], default=0) < max(mass) or max(mass) == 0
        assert made.end[rule] == start + width
        assert start <= made.best[rule] <= start + width
        if max(mass) > 1e-9:
            half = stay(start) - mass[start] / 2
            assert stay(made.best[rule]) <= half + 1e-12 <= stay(made.best[rule] - 1) + 2e-12


def test_status_follows_what_is_left():
    """Before the peak a window is not yet open, in it open, behind it closing, at the end closed."""
    hazard = np.where((BINS[:-1] >= 30) & (BINS[:-1] < 60), 0.05, 1e-6)[None, :]
    table = LagTable(hazard, BINS, hazard[0], 1.0, 1.0)
    elapsed = np.array([0.0, 32.0, 54.0, 100.0, 500.0])
    made = best_windows(table, np.zeros(5, np.int64), elapsed)
    assert made.status.tolist() == ["not_yet", "open", "closing", "closed", "closed"]
    assert set(made.status) <= set(STATUSES)
    assert made.start[0] == 30
    assert made.left[0] == pytest.approx(1.0)
    assert made.left[-1] == 0
