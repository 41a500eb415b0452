"""Whatever the parts in which customers are counted, what is learned is the same to the bit."""

import os
import sys
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import nextbuy as nb
from nextbuy.mining.exposures import count_pairs, from_lines, purchases
from nextbuy.mining.lags import count_lags
from nextbuy.mining.links import frequent, mine
from nextbuy.mining.pace import follow_anything
from nextbuy.mining.parts import Listed, split, whole_customers
from nextbuy.mining.shared import spread
from nextbuy.predict.crowd import count_crowd
from nextbuy.predict.ease import _count_gram
from nextbuy.predict.history import Timeline
from nextbuy.predict.items import count_items

CUSTOMERS, ITEMS, DAYS = 30, 7, 500


def arrays_of(made):
    """Give everything inside as arrays of plain numbers, whatever holds it."""
    if hasattr(made, "toarray"):
        return [made.toarray()]
    if hasattr(made, "__dataclass_fields__"):
        return [one for name in made.__dataclass_fields__ for one in arrays_of(getattr(made, name))]
    if isinstance(made, dict):
        return [one for name in sorted(made) for one in arrays_of(made[name])]
    return [np.asarray(made)]


def assert_same(one, other):
    for mine_, wanted in zip(arrays_of(one), arrays_of(other), strict=True):
        np.testing.assert_array_equal(mine_, wanted)


def in_parts(events, number):
    """Cut events into `number` parts of customers picked without any order."""
    part = np.random.default_rng(number).integers(0, number, events.n_customers)[events.customer]
    return Listed([events.where(part == p) for p in range(number)])


@pytest.fixture(scope="module")
def by_parts():
    """What each kernel counts, by name, and what it is given."""
    a, b = np.nonzero(~np.eye(ITEMS, dtype=bool))
    pair = np.array([i * ITEMS + j for i in range(ITEMS) for j in range(i + 1, ITEMS)])
    within = {"window_days": 60, "burn_in_days": 5}
    of_events = [(count_pairs, within), (follow_anything, {"items": np.arange(ITEMS)} | within)]
    of_timelines = [
        (count_items, {"cut": 480, "horizon_days": 30}),
        (_count_gram, {"cut": 480, "items": np.arange(ITEMS)}),
        (count_crowd, {"cut": 480, "pair": pair}),
    ]
    return of_events, of_timelines, (a, b, within)


@given(seed=st.integers(0, 10_000), number=st.integers(2, 9), occurrence=st.sampled_from(["first", "any"]))
@settings(max_examples=25, deadline=None)
def test_counts_of_parts_add_up_to_the_bit(by_parts, seed, number, occurrence):
    """Each count of the whole equals the sum over any parts of the customers exactly, floats included."""
    random = np.random.default_rng(seed)
    lines = (random.integers(0, high, 400).astype(np.int32) for high in (CUSTOMERS, DAYS, ITEMS))
    events = from_lines(*lines, half=np.zeros(CUSTOMERS, dtype=bool), n_items=ITEMS)
    parts = in_parts(events, number)
    of_events, of_timelines, (a, b, within) = by_parts
    for count, how in of_events:
        asked = how | {"occurrence": occurrence}
        assert_same(parts.total(count, **asked), events.total(count, **asked))
    lags = [count_lags(part, a, b, **within, occurrence=occurrence)[0] for part in parts.parts]
    assert_same(sum(lags[1:], lags[0]), count_lags(events, a, b, **within, occurrence=occurrence)[0])
    for count, how in of_timelines:
        assert_same(parts.each(Timeline.of).total(count, **how), Timeline.of(events).total(count, **how))


def test_purchases_are_the_same_however_few_customers_are_sorted_at_once(small_orders, monkeypatch):
    """Reduced a few customers at a time, the events of a table are those of the whole."""
    whole = purchases(small_orders)
    cut = whole_customers(small_orders.customer, most=500)
    assert len(cut) > 10
    monkeypatch.setattr("nextbuy.mining.exposures.whole_customers", lambda _: cut)
    assert_same(purchases(small_orders), whole)


@pytest.mark.parametrize("number", [1, 3, 8])
def test_rules_do_not_depend_on_the_parts(sample_orders, number):
    """Rules with all their figures, lag tables and replication are those of the whole table."""
    events, _ = frequent(purchases(sample_orders.level("category")), 8)
    limits = {"window_days": 180, "min_followed": 8, "min_customers": 20, "fdr": 0.05}
    whole, parted = (mine(made, **limits) for made in (events, in_parts(events, number)))
    assert len(whole.antecedent) > 10
    assert (whole.columns["via"] >= 0).any()
    assert_same(parted, whole)


def assert_same_files(orders, monkeypatch, tmp_path, most_customers):
    made = {}
    for number in (1, 3, 8):
        most = -(-len(orders) // number)
        monkeypatch.setattr("nextbuy.mining.shared.split", lambda e, most=most: split(e, most=most))
        monkeypatch.setattr("nextbuy.predict.learning.MOST_CUSTOMERS", most_customers)
        place = nb.save(nb.NextPurchase().fit(orders), tmp_path / str(number))
        made[number] = {f.name: f.read_bytes() for f in place.iterdir() if f.name != "manifest.json"}
    assert len(made[1]) > 20
    assert made[1] == made[3] == made[8]


def test_a_model_is_the_same_file_by_file_whatever_the_parts(small_orders, tmp_path, monkeypatch):
    """Fitted on one part, on three and on eight, the bundle has the same bytes; the heads see half of the customers."""
    assert_same_files(small_orders, monkeypatch, tmp_path, 200)


@pytest.mark.slow
def test_the_sample_teaches_the_same_whatever_the_parts(sample_orders, tmp_path, monkeypatch):
    """So it is on the sample, with rules at both levels."""
    assert_same_files(sample_orders, monkeypatch, tmp_path, 1_000)


def test_jobs_share_the_orders_and_change_nothing(small_orders, tmp_path, monkeypatch):
    """Two processes count parts in memory-mapped files: same bundle, same predictions, same rules; no file stays."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("nextbuy.mining.shared.split", lambda e: split(e, most=5_000))
    monkeypatch.setattr("nextbuy.predict.next_purchase.BLOCK", 200)
    monkeypatch.setattr("nextbuy.predict.next_purchase.WORTH_SENDING", 200)
    models, rules = {}, {}
    for n_jobs in (1, 2):
        model = nb.NextPurchase(n_jobs=n_jobs).fit(small_orders)
        place = nb.save(model, tmp_path / str(n_jobs))
        files = {f.name: f.read_bytes() for f in place.iterdir() if f.name.endswith((".npy", ".parquet"))}
        models[n_jobs] = files, model.predict(k=3)
        rules[n_jobs] = nb.SequentialRules(n_jobs=n_jobs, fdr=None, min_followed=3).fit(small_orders).rules_
    assert models[1][0] == models[2][0]
    pd.testing.assert_frame_equal(models[1][1], models[2][1])
    pd.testing.assert_frame_equal(rules[1], rules[2])
    assert len(rules[1]) > 10
    assert [f for f in (tmp_path / "temporary").iterdir() if f.name.startswith("nextbuy-")] == []


@pytest.mark.slow
def test_a_process_that_grows_is_replaced_without_a_word():
    """Processes that grow, as mapped files make them, are replaced: every call is answered once, without a word."""

    def grow(number):
        kept = sys.__dict__.setdefault("kept", [])
        kept.append(np.ones(50_000_000))
        time.sleep(1.2)
        return number, os.getpid()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(spread([partial(grow, number) for number in range(8)], n_jobs=2))
    assert [number for number, _ in found] == list(range(8))
    assert len({process for _, process in found}) > 2


@pytest.mark.parametrize(
    ("estimator", "estimates"),
    [
        (nb.NextPurchase(), "nextbuy.predict.next_purchase.learn"),
        (nb.SequentialRules(), "nextbuy.mining.sequential.mine"),
    ],
)
def test_one_thread_multiplies_matrices(small_orders, monkeypatch, estimator, estimates):
    """How many threads share a product shows in its last digits, so that one does it, however many there are."""

    def say(*_, **__):
        raise InterruptedError({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"})

    monkeypatch.setattr(estimates, say)
    with threadpool_limits(2, user_api="blas"), pytest.raises(InterruptedError, match=r"^\{1\}$"):
        estimator.fit(small_orders)
