"""A history whose last days are not whole is named."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb


def shop(*, last=1.0, days=100, orders=40, closed_on_sundays=False):
    """Forty orders a day by as many customers; of the last three days only the share `last` is there."""
    rows = [
        (c, f"{d}-{c}", pd.Timestamp("2025-01-06") + pd.Timedelta(days=d), f"i{c % 9}")
        for d in range(days)
        for c in range(int(orders * (last if d >= days - 3 else 1)))
        if not (closed_on_sundays and d % 7 == 6)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "order_id", "timestamp", "item_id"])


def found(frame):
    problems = nb.read_orders(frame).problems
    return problems[problems["problem"] == "thin_end"]


def test_late_data_is_named_with_the_day_it_starts():
    """Three days with a fifth of the orders are counted, kept, and the day before them is offered as as_of."""
    row = found(shop(last=0.2)).iloc[0]
    assert (row["rows"], row["kept"]) == (24, 24)
    assert "24 orders on the last days where 120 are usual" in row["action"]
    assert "as_of='2025-04-13'" in row["change"]


@pytest.mark.parametrize(
    "options", [{}, {"last": 0.5}, {"closed_on_sundays": True}, {"last": 0.2, "days": 60}]
)
def test_a_whole_end_is_not_named(options):
    """Usual days, half a day, closed Sundays, and a history too short to know are no problem."""
    assert found(shop(**options)).empty


def test_small_shops_are_left_alone():
    """With five orders a day a quiet day means nothing."""
    assert found(shop(last=0.2, orders=5)).empty


def test_chance_alone_hardly_ever_names_a_day():
    """In 100 Poisson shops of 25 orders a day at most two are named."""
    random = np.random.default_rng(4)
    named = 0
    for _ in range(100):
        count = random.poisson(25, 90)
        day = np.repeat(np.arange(90), count)
        frame = pd.DataFrame({"customer_id": np.arange(len(day)), "item_id": "i"})
        frame["timestamp"] = pd.Timestamp("2025-01-06") + pd.to_timedelta(day, unit="D")
        named += len(found(frame.assign(order_id=frame.index)))
    assert named <= 2
