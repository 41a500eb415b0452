"""The numbering and sorting of lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nextbuy as nb
from nextbuy.orders import lines, read_orders
from nextbuy.orders.lines import distinct, highest_first, sorted_rows
from nextbuy.orders.table import to_us

kinds = st.sampled_from([np.int32, np.int64, np.uint64, np.float32])


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Let tests of a few rows take the way of many."""
    monkeypatch.setattr(lines, "_FEW", 0)


def keys_of(data, size):
    """Draw up to four keys of whole numbers or float32 and one of float64: any values, or few with ties."""
    keys = []
    for kind in data.draw(st.lists(kinds, min_size=1, max_size=4)):
        few = [-1.5, -0.0, 0.0, np.inf, -np.inf, np.nan] if kind == np.float32 else [0, 1, 2]
        values = [hnp.from_dtype(np.dtype(kind)), st.sampled_from(few).map(kind)]
        keys.append(data.draw(hnp.arrays(kind, size, elements=data.draw(st.sampled_from(values)))))
    keys.append(data.draw(hnp.arrays(np.float64, size, elements=st.sampled_from([np.nan, 0.5, 1.5]))))
    return keys


@settings(deadline=None)
@given(st.data())
def test_sorted_rows_sorts_as_lexsort(data):
    """Packed or not, negative, huge or constant keys: the sorted keys are those of numpy's lexsort."""
    size = data.draw(st.integers(0, 30))
    keys = keys_of(data, size)
    got, want = sorted_rows(*keys), np.lexsort(keys[::-1])
    assert sorted(got) == list(range(size))
    for key in keys:
        np.testing.assert_array_equal(key[got], key[want])


@settings(deadline=None)
@given(st.data())
def test_the_highest_stand_first_whatever_the_precision(data):
    """Values that float32 takes for equal stay apart, equal ones keep their order: few rows or many, one answer."""
    size = data.draw(st.integers(0, 30))
    close = st.sampled_from([0.0, -0.0, 0.1, 0.1 + 1e-12, 0.1 + 2e-12, 1e300, 1e301, -5.0])
    group = np.sort(data.draw(hnp.arrays(np.int64, size, elements=st.integers(0, 3))))
    value = data.draw(hnp.arrays(np.float64, size, elements=close))
    tie = data.draw(hnp.arrays(np.int64, size, elements=st.integers(0, 1)))
    np.testing.assert_array_equal(highest_first(group, value, tie), np.lexsort((tie, -value, group)))
    np.testing.assert_array_equal(highest_first(group, value), np.lexsort((-value, group)))


@given(hnp.arrays(np.int64, st.integers(0, 30), elements=st.integers(-3, 3)))
def test_distinct_values_rise(values):
    """Each value once, the lowest first, as numpy gives them."""
    np.testing.assert_array_equal(distinct(values), np.unique(values))


def test_moments_are_microseconds():
    """A date, a zone and a datetime64 of any unit are the same microseconds."""
    want = 1_767_225_600_000_000  # 2026-01-01, 20,454 days
    for moment in (
        "2026-01-01",
        "2026-01-01T01:00+01:00",
        np.datetime64("2026-01-01", "ns"),
        np.datetime64("2026-01-01"),
    ):
        assert to_us(moment) == want


def test_offsets_and_order():
    """Lines stand by customer, time, order, item; offsets mark where customers and orders begin."""
    rng = np.random.default_rng(7)
    rows = [
        {
            "customer_id": int(rng.integers(9)),
            "order_id": int(rng.integers(40)),
            "item_id": int(rng.integers(12)),
            "timestamp": f"2026-01-{rng.integers(1, 28):02d}",
        }
        for _ in range(300)
    ]
    orders = read_orders(rows)
    keys = list(zip(orders.customer, orders.time, orders.order, orders.item, strict=True))
    assert keys == sorted(set(keys))
    assert np.diff(orders.customer_offsets).sum() == len(orders)
    for k in range(orders.n_customers):
        assert (orders.customer[orders.customer_offsets[k] : orders.customer_offsets[k + 1]] == k).all()
    for k in range(orders.n_orders):
        assert (orders.order[orders.order_offsets[k] : orders.order_offsets[k + 1]] == k).all()
    bought = {(r["customer_id"], r["order_id"], r["timestamp"], r["item_id"]) for r in rows}
    frame = orders.frame()
    back = set(
        zip(
            frame["customer_id"],
            frame["order_id"],
            frame["timestamp"].dt.strftime("%Y-%m-%d"),
            frame["item_id"],
            strict=True,
        )
    )
    assert back == bought


def test_some_customers_keep_their_orders_and_returns():
    """The orders of some customers are theirs as before, returns included, and nobody else's."""
    world = nb.datasets.make_orders(customers=120, days=300, seed=4, return_share=0.1)
    orders = nb.read_orders(world.orders)
    asked = orders.customer_ids.to_pylist()[5:60:3]
    for moment in (None, "2024-12-01"):
        whole, some = (
            o if moment is None else o.before(moment) for o in (orders, orders.of([*asked, "nobody"]))
        )
        lines = whole.frame()
        pd.testing.assert_frame_equal(
            *(
                frame.sort_values(["customer_id", "order_id", "item_id"], ignore_index=True)
                for frame in (lines[lines["customer_id"].isin(asked)], some.frame())
            )
        )
        assert len(some.frame())


def test_orders_are_the_same_however_few_lines_are_sorted_at_once(small_world, monkeypatch):
    """Sorted a thousand lines at a time or all at once, with returns or without, every array is the same."""
    lines = small_world.orders.copy()
    lines.loc[lines.index[::50], "quantity"] *= -1
    for source in (lines, small_world.orders):
        whole = read_orders(source)
        with monkeypatch.context() as patch:
            patch.setattr("nextbuy.orders.lines.BLOCK", 1_000)
            pieces = read_orders(source)
        for name in ("customer", "order", "item", "time", "quantity", "price", "customer_hash"):
            np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name), err_msg=name)
        for name in ("customer_ids", "order_ids", "item_ids"):
            assert getattr(pieces, name).equals(getattr(whole, name))


def test_a_moment_after_everything_changes_no_array_but_what_is_known(small_world):
    """What was known after the last line and return is the same lines, and the table then reaches that moment."""
    orders = read_orders(small_world.orders)
    later = orders.before("2030-01-01")
    for name in ("customer", "order", "item", "time", "quantity", "price"):
        np.testing.assert_array_equal(getattr(later, name), getattr(orders, name), err_msg=name)
    assert (later.known_before, orders.known_before) == (to_us("2030-01-01"), None)
    assert later.end_day == 21_915 > orders.end_day
    assert len(later.before("2025-01-01")) == len(orders.before("2025-01-01")) < len(orders)
