"""Replenishment against a routine laid out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nextbuy as nb

COLUMNS = [
    "customer_id",
    "item_id",
    "purchases",
    "last_date",
    "elapsed_days",
    "cadence_p10",
    "cadence_p50",
    "cadence_p90",
    "regularity",
    "timing_signal",
    "overdue",
    "is_overdue",
    "due_from",
    "due_date",
    "due_until",
    "repeat_share",
]


@pytest.fixture(scope="module")
def lines():
    """Fifty customers buy filters every 30 days, c0 stopped after the third; a tub twice; soap at random."""
    random = np.random.default_rng(1)
    rows = []
    for c in range(50):
        filters = [30 * j + c % 7 for j in range(3 if c == 0 else 8)]
        soap = random.integers(0, 240, 4)
        rows += [(c, d, "filter") for d in filters] + [(c, d, "soap") for d in soap] + [(c, 5, "tub")]
    rows += [(1, 90, "tub")]
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "item_id"])
    frame["timestamp"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(order_id=np.arange(len(frame)))


@pytest.fixture(scope="module")
def due(lines):
    return nb.replenishment(nb.read_orders(lines), as_of="2025-08-29")


def test_who_left_the_routine_is_overdue(due):
    """The customer who stopped stands first among filters, five cadences late; the others are within theirs."""
    filters = due[due["item_id"] == "filter"].reset_index(drop=True)
    assert list(due.columns) == COLUMNS
    assert len(filters) == 50
    assert filters["customer_id"][0] == 0
    assert filters["elapsed_days"][0] == (pd.Timestamp("2025-08-28") - pd.Timestamp("2025-03-02")).days
    assert filters["is_overdue"].tolist() == [True] + [False] * 49
    assert filters["cadence_p50"].between(28, 32).all()
    assert (filters["timing_signal"] == "strong").all()


def test_regular_items_are_told_apart_from_random_ones(due):
    """Every filter is more regular than every soap."""
    by_item = due.groupby("item_id")["regularity"]
    assert by_item.min()["filter"] > by_item.max()["soap"]


def test_a_durable_is_nobodys_routine(lines, due):
    """What one in fifty buys twice is left out; so is whatever the catalog calls durable."""
    assert set(due["item_id"]) == {"filter", "soap"}
    catalog = pd.DataFrame({"item_id": ["filter", "soap", "tub"], "durable": [True, False, False]})
    made = nb.replenishment(nb.read_orders(lines, catalog=catalog))
    assert set(made["item_id"]) == {"soap"}


def test_due_days_are_conditional_quantiles(due):
    """Due days are the log-normal's quantiles given the days already gone, counted from as_of."""
    row = due[due["item_id"] == "filter"].iloc[7]
    spread = -np.log(row["regularity"])
    law = stats.lognorm(spread, scale=row["cadence_p50"])
    assert law.ppf(0.1) == pytest.approx(row["cadence_p10"])
    left = law.sf(row["elapsed_days"])
    for name, share in (("due_from", 0.1), ("due_date", 0.5), ("due_until", 0.9)):
        days = np.floor(law.isf(left * (1 - share)) - row["elapsed_days"])
        assert row[name] == pd.Timestamp("2025-08-29") + pd.Timedelta(days=days)


def test_what_comes_later_changes_nothing(lines, due):
    """Orders after as_of are not seen."""
    later = lines.assign(
        timestamp=lines["timestamp"] + pd.Timedelta(days=400), order_id=lines["order_id"] + 10_000
    )
    made = nb.replenishment(nb.read_orders(pd.concat([lines, later])), as_of="2025-08-29")
    pd.testing.assert_frame_equal(made, due)


def test_senseless_questions_are_answered(lines):
    """Wrong parameters and orders without customers are refused with advice."""
    orders = nb.read_orders(lines)
    with pytest.raises(nb.InputError, match="min_purchases=0"):
        nb.replenishment(orders, min_purchases=0)
    with pytest.raises(nb.InputError, match="min_repeat_share=2"):
        nb.replenishment(orders, min_repeat_share=2)
    with pytest.raises(nb.InputError, match="read_orders"):
        nb.replenishment(lines)
    with pytest.raises(nb.InputError, match="customer='your"):
        nb.replenishment(nb.read_orders(lines.drop(columns="customer_id"), customer=None))
