"""Pictures of customers show what predictions and activity say."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb


def test_the_window_is_that_of_the_prediction(small_model):
    """Band and line stand at the row's days, marks at the customer's own purchases, none of them after as_of."""
    rows = small_model.predict(kind="repeat", k=1)
    row = rows[rows["probability"] > 0].iloc[0]
    axes = nb.plot.window(small_model, row["customer_id"], row["item_id"], days_back=10_000)
    now = pd.Timestamp(small_model.as_of_)
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert band.x0 == pytest.approx((row["window_start"] - now).days, abs=1e-6)
    assert band.x1 == pytest.approx((row["window_end"] - now).days + 1, abs=1e-6)
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["best date"].get_xdata()) == [(row["best_date"] - now).days] * 2
    named = lines[f"bought {row['trigger_item_id']}"].get_xdata()
    assert max(named) == (row["trigger_date"] - now).days
    assert max(max(line.get_xdata()) for name, line in lines.items() if name.startswith("bought")) < 0


def test_an_unknown_item_is_named(small_model):
    """A window of an item that was never sold is refused with the model's own words."""
    with pytest.raises(nb.InputError, match="knows no item"):
        nb.plot.window(small_model, small_model.customer_ids_[0].as_py(), "nothing")


@pytest.fixture(scope="module")
def activity(small_orders):
    return nb.CustomerActivity(horizon_days=60).fit(small_orders)


@pytest.mark.parametrize("value", ["p_order", "p_alive"])
def test_fields_are_means_over_customers(activity, value):
    """Each field is the mean that pandas finds for the customers of that corner, and their number."""
    axes = nb.plot.activity(activity, value=value)
    rows = activity.predict()
    times = pd.cut(rows["order_days"], [1, 2, 3, 4, 6, 10, 20, 9_999], right=False)
    quiet = pd.cut(
        rows["age_days"] - rows["recency_days"], [0, 8, 15, 31, 61, 91, 181, 366, 99_999], right=False
    )
    table = rows.groupby([quiet, times], observed=False)[value].agg(["mean", "size"])
    shown = axes.images[0].get_array()
    wanted = table["mean"].unstack().to_numpy()[: shown.shape[0], : shown.shape[1]]
    np.testing.assert_allclose(np.ma.filled(shown, np.nan), 100 * wanted)
    told = sum(int(text.get_text().split("\n")[1].replace(",", "")) for text in axes.texts)
    assert told == len(rows)


def test_an_unknown_value_is_answered(activity):
    """A figure that activity does not have is refused with those that it has."""
    with pytest.raises(nb.InputError, match="p_alive"):
        nb.plot.activity(activity, value="revenue")
