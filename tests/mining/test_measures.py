"""Measures against scipy, published tables and hand counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nextbuy.mining.measures import (
    Counts,
    benjamini_hochberg,
    fisher,
    hypergeometric_tail,
    interest,
    wilson_interval,
)


def test_wilson_interval_of_the_worked_example():
    """412 of 1,240 is 33.2 %, Wilson interval 30.7 to 35.9 %."""
    low, high = wilson_interval(np.array([412.0]), np.array([1240.0]))
    assert low[0] == pytest.approx(0.307, abs=5e-4)
    assert high[0] == pytest.approx(0.359, abs=5e-4)


def test_wilson_interval_stays_inside_zero_and_one():
    """No hit and all hits give bounds at the edge, not beyond."""
    low, high = wilson_interval(np.array([0.0, 7.0]), np.array([7.0, 7.0]))
    assert low[0] == pytest.approx(0, abs=1e-15)
    assert high[1] == pytest.approx(1, abs=1e-15)
    assert 0 < high[0] < 1
    assert 0 < low[1] < 1


@settings(deadline=None)
@given(st.data())
def test_hypergeometric_tail_equals_scipy(data):
    """The summed tail is scipy's survival function over the whole range of counts."""
    total = data.draw(st.integers(1, 3000))
    drawn = data.draw(st.integers(1, total))
    marked = data.draw(st.integers(1, total))
    x = data.draw(st.integers(max(0, drawn + marked - total), min(drawn, marked)))
    got = hypergeometric_tail(*(np.array([v]) for v in (x, drawn, marked, total)))[0]
    assert got == pytest.approx(stats.hypergeom.sf(x - 1, total, marked, drawn), rel=1e-7, abs=1e-12)


def test_fisher_without_customers_is_the_exact_test():
    """Where each order is a customer, p is scipy's one-sided Fisher p of the two-by-two table of orders."""
    both, a, c, n = 9, 20, 15, 60
    counts = Counts(*(np.array([v]) for v in (a, c, both, both)), n)
    table = [[both, a - both], [c - both, n - a - c + both]]
    assert fisher(counts)[0] == pytest.approx(stats.fisher_exact(table, alternative="greater")[1], rel=1e-9)


def test_orders_of_the_same_customers_are_no_extra_evidence():
    """Five times the orders of the same customers leave p and interval as they were with one order each."""
    once = Counts(*(np.array([v]) for v in (20, 15, 9, 9)), 60)
    again = Counts(*(np.array([v]) for v in (100, 75, 45, 9)), 300)
    assert fisher(again)[0] == pytest.approx(fisher(once)[0], rel=1e-12)


def test_benjamini_hochberg_equals_scipy_and_counts_untested_rules():
    """The q is scipy's adjusted p; tests that gave no rule weigh as if their p were 1."""
    p = np.random.default_rng(1).random(50) ** 3
    assert benjamini_hochberg(p, tests=50) == pytest.approx(stats.false_discovery_control(p))
    padded = stats.false_discovery_control(np.concatenate([p, np.ones(150)]))[:50]
    assert benjamini_hochberg(p, tests=200) == pytest.approx(padded)


def test_measures_of_a_rule_counted_by_hand():
    """Of 10 orders 5 hold A, 4 hold C, 3 both: every measure follows by hand."""
    got = interest(np.array([0.5]), np.array([0.4]), np.array([0.3]))
    want = {"confidence": 0.6, "lift": 1.5, "leverage": 0.1, "conviction": 1.5, "jaccard": 0.5,
            "certainty": 1 / 3, "kulczynski": 0.675, "zhangs_metric": 2 / 3}  # fmt: skip
    assert {name: got[name][0] for name in want} == pytest.approx(want)
