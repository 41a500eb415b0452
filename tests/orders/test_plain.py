"""Plain lines of one customer are read as `read_orders` reads them, and all others are left to it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.orders.plain import read_plain
from nextbuy.orders.read import read_orders
from nextbuy.orders.table import to_us

BEFORE = "2026-06-01T12:00:00"
LINE = {
    "customer_id": "Al",
    "order_id": 1,
    "timestamp": "2026-03-01",
    "item_id": "tub",
    "quantity": 4,
    "price": 2.5,
}

texts = st.one_of(
    st.sampled_from(["tub", "tap", "7", "7.0", " tub", "NaN", "", "Мивка", "a b", "x\u00a0"]),
    st.text(max_size=3),
)
ids = st.one_of(texts, st.integers(-3, 10**18), st.sampled_from([1.0, 1.5, None, True]))
clocks = st.sampled_from(
    ["", " 10:30", "T10:30:05", "T10:30:05.123", " 23:59:59.000001", "T24:00", "T10", "T10:30:05.12"]
)
zones = st.sampled_from(["", "", "", "Z", "+02:00", "-11:30", "+0200", " UTC"])
days = st.sampled_from(
    ["2026-03-01", "2026-05-31", "2026-06-01", "2026-02-30", "1979-12-31", "1.3.2026", "0001-01-01"]
)
times = st.one_of(
    st.builds("{}{}{}".format, days, clocks, zones),
    st.datetimes(datetime(1975, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - naive times are UTC
    st.sampled_from([None, 1_770_000_000, "20260301", "2026-W10-1"]),
)
amounts = st.one_of(
    st.integers(-2, 3), st.floats(allow_nan=True), st.sampled_from([None, "2", True, 10**400])
)


@st.composite
def histories(draw):
    """Draw mostly plain lines of one customer, some of whose values may be anything."""
    customer, item = draw(st.sampled_from(["Al", 17850])), draw(st.sampled_from([texts, st.integers(0, 9)]))
    when = draw(st.sampled_from([times, st.builds("{}{}".format, days, clocks)]))
    odd = draw(st.booleans())
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        row = {"customer_id": customer, "timestamp": draw(when), "item_id": draw(item)}
        if draw(st.booleans()):
            row["quantity"] = draw(st.sampled_from([1, 2.5, 0]))
        if odd:
            name = draw(st.sampled_from(["customer_id", "timestamp", "item_id", "quantity"]))
            row[name] = draw(
                {"customer_id": ids, "timestamp": times, "item_id": ids, "quantity": amounts}[name]
            )
        rows.append(row)
    return rows


@settings(max_examples=400, deadline=None)
@given(histories())
def test_what_is_read_is_what_read_orders_reads(rows):
    """Whenever lines are read as plain ones, customer, days and items are those that the checks would have left."""
    plain = read_plain(rows, to_us(BEFORE))
    if plain is None:
        return
    orders = read_orders(rows, as_of=BEFORE)
    assert orders.customer_ids.to_pylist() == [plain.customer]
    items = orders.item_ids.to_pylist()
    assert {(int(d), items[i]) for d, i in zip(orders.day, orders.item, strict=True)} == set(
        zip(plain.day, plain.item, strict=True)
    )


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-01",
        "2026-03-01 10:30",
        "2026-03-01T10:30:05",
        "2026-03-01T23:30:05.000Z",
        "2026-03-01T23:30:05-05:00",
        datetime(2026, 3, 1, 23, 59),  # noqa: DTZ001 - naive times are UTC
    ],
)
def test_usual_times_are_plain(time):
    """The spellings that services use need no table."""
    assert read_plain([LINE | {"timestamp": time}], to_us(BEFORE)) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"customer_id": "Bo"},
        {"customer_id": None},
        {"item_id": " tub"},
        {"item_id": 7},
        {"item_id": "7.0"},
        {"item_id": "n/a"},
        {"quantity": -1},
        {"quantity": np.nan},
        {"quantity": "2"},
        {"quantity": True},
        {"timestamp": "1.3.2026"},
        {"timestamp": "1970-01-01"},
        {"timestamp": None},
        {"timestamp": "2026-02-30"},
        {"timestamp": 1_770_000_000},
    ],
)
def test_what_needs_a_decision_is_left(change):
    """One line that a check would speak about, and none of them is read here."""
    assert read_plain([LINE, LINE], to_us(BEFORE)) is not None
    assert read_plain([LINE, LINE | change], to_us(BEFORE)) is None


def test_nothing_left_is_left():
    """No line at all, none before the moment, or columns of other names: for the checks to say."""
    assert read_plain([], to_us(BEFORE)) is None
    assert read_plain([LINE], to_us("2026-03-01")) is None
    assert read_plain([{"client": "Al", "timestamp": "2026-03-01", "item_id": "tub"}], to_us(BEFORE)) is None
