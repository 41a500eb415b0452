"""Repurchase intervals against scipy's log-normal and a plain count."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from nextbuy.evaluate.metrics import calibration, log_loss
from nextbuy.mining.exposures import from_lines, purchases
from nextbuy.timing.repurchase import Intervals, fit_intervals, remaining, rhythm

one = np.array


@pytest.fixture(scope="module")
def bench():
    """Give the benchmark's own world and protocol."""
    place = Path(__file__).parents[2] / "benchmarks" / "timing.py"
    spec = importlib.util.spec_from_file_location("timing_benchmark", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(st.floats(0.5, 5), st.floats(0.2, 1.5), st.floats(0.5, 200), st.floats(0.01, 0.99))
@settings(max_examples=100, deadline=None)
def test_remaining_days_are_conditional_quantiles(mean, spread, elapsed, share):
    """The days until a share has come are the quantile of the log-normal, given the days already gone."""
    law = stats.lognorm(spread, scale=np.exp(mean))
    beyond = law.sf(elapsed)
    if beyond < 1e-12:
        return
    made = remaining(one([mean]), one([spread]), one([elapsed]), share)[0]
    assert made == pytest.approx(law.isf(beyond * (1 - share)) - elapsed, rel=1e-6, abs=1e-6)


def test_far_in_the_tail_nothing_breaks():
    """A customer a lifetime overdue still gets a finite, rising number of days."""
    made = [remaining(one([1.0]), one([0.1]), one([5_000.0]), share)[0] for share in (0.1, 0.5, 0.9)]
    assert np.isfinite(made).all()
    assert made == sorted(made)


def intervals():
    return Intervals(one([3.0]), one([0.5]), one([40]), one([10]), one([12]))


def test_without_own_gaps_the_item_speaks():
    """A customer who bought once has the item's mean and spread."""
    mean, spread = intervals().own(one([0]), one([0]), one([0.0]), one([0.0]))
    assert (mean[0], spread[0]) == pytest.approx((3.0, 0.5))


def test_with_many_own_gaps_the_customer_speaks():
    """A customer with a million gaps has the own mean and spread."""
    n = 1_000_000
    mean, spread = intervals().own(one([0]), one([n]), one([2.0]), one([n * 0.04]))
    assert (mean[0], spread[0]) == pytest.approx((2.0, 0.2), abs=1e-3)


def test_repeat_share_is_drawn_to_that_of_all_items():
    """An item nobody bought has the share of all items, one with many buyers its own."""
    zero, many = np.zeros(3), one([0, 100_000, 100])
    share = Intervals(zero, zero, many, one([0, 20_000, 90]), zero).repeat_share
    overall = 20_090 / 100_100
    assert share[0] == pytest.approx(overall)
    assert share[1] == pytest.approx(0.2, abs=1e-4)
    assert overall < share[2] < 0.9


def test_buyers_and_repeaters_are_a_plain_count(small_orders):
    """Buyers, repeaters and gaps by item equal those counted with pandas."""
    made = fit_intervals(purchases(small_orders))
    frame = small_orders.frame()
    days = frame.assign(day=frame["timestamp"].dt.normalize()).drop_duplicates(
        ["customer_id", "item_id", "day"]
    )
    times = days.groupby(["item_id", "customer_id"]).size()
    items = small_orders.item_ids.to_pylist()
    by_item = times.groupby("item_id")
    assert made.buyers.tolist() == by_item.size().reindex(items).tolist()
    assert made.repeaters.tolist() == (times >= 2).groupby("item_id").sum().reindex(items).tolist()
    assert made.gaps.tolist() == (times - 1).groupby("item_id").sum().reindex(items).tolist()


def test_a_regular_customer_has_a_strong_rhythm():
    """Two narrow gaps are a strong rhythm, one gap is none, wide ones are weak or none."""
    spread, gaps = one([0.2, 0.2, 0.7, 1.5]), one([2, 1, 5, 9])
    assert rhythm(spread, gaps).tolist() == ["strong", "none", "weak", "none"]


def test_regular_customers_are_told_apart(bench):
    """Who buys every 30 +- 3 days has a smaller spread of own gaps than who buys as often at random: AUC >= .95."""
    regular, spread = bench.rhythm_world(np.random.default_rng(2), customers=600)
    assert roc_auc_score(regular, -spread) >= 0.95


# the second cut stands before Christmas, which that history has not seen before: bought .0843, predicted .0662
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most_loss", "most_error"),
    [("dunnhumby_lgsr5k", 0.237, 0.01), ("online_retail_1", 0.248, 0.019)],
)
def test_repurchase_of_real_histories(bench, shared_data, name, most_loss, most_error):
    """The chance that a customer buys the same item again is sharper than boosting alone was, and calibrated."""
    level, horizon, back = bench.HISTORIES[name]
    lines = pd.read_parquet(shared_data / f"{name}.parquet")
    lines = lines.assign(item_id=lines[level])[["customer_id", "order_id", "timestamp", "item_id"]]
    chance, came = bench.repeat_forecast(lines, horizon_days=horizon, days_before_end=back)
    assert log_loss(chance, came) <= most_loss
    assert calibration(chance, came).error <= most_error


def test_a_rare_item_is_drawn_to_its_category():
    """An item with one gap takes after its category, not after the rest of the shop."""
    # item 0: thousand weekly gaps, its kin item 1 a single one; items 2: thousand gaps of 100 days
    customer = np.concatenate([np.repeat(np.arange(1_000), 2), [0, 0], np.repeat(np.arange(1_000), 2)])
    day = np.concatenate([np.tile([0, 7], 1_000), [0, 20], np.tile([0, 100], 1_000)])
    item = np.concatenate([np.zeros(2_000), [1, 1], np.full(2_000, 2)])
    events = from_lines(
        *(part.astype(np.int32) for part in (customer, day, item)),
        half=np.zeros(1_000, dtype=bool),
        n_items=3,
    )
    alone, kin = fit_intervals(events), fit_intervals(events, category=one([0, 0, 1], np.int32))
    everything = (1_000 * np.log(7) + np.log(20) + 1_000 * np.log(100)) / 2_001
    category = (1_000 * np.log(7) + np.log(20) + 5 * everything) / 1_006
    assert kin.mean[1] == pytest.approx((np.log(20) + 5 * category) / 6)
    assert alone.mean[1] == pytest.approx((np.log(20) + 5 * everything) / 6)
    assert kin.spread[1] < alone.spread[1]
