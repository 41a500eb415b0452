"""Customer activity from orders: definitions, calibration, and what must not change it."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate.metrics import calibration, log_loss

COLUMNS = [
    "customer_id",
    "order_days",
    "frequency",
    "recency_days",
    "age_days",
    "p_alive",
    "p_order",
    "p_order_closed_form",
    "expected_orders",
    "next_order_p10",
    "next_order_p50",
    "next_order_p90",
    "dormant",
    "expected_order_value",
    "expected_revenue",
    "expected_contribution",
]


@pytest.fixture(scope="module")
def fitted(small_orders):
    return nb.CustomerActivity(horizon_days=60).fit(small_orders)


def test_frequency_recency_and_age_by_hand():
    """Two orders of one day are one; the first day does not count; age ends with the day before as_of."""
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "a", "b"],
            "order_id": range(5),
            "timestamp": pd.to_datetime(
                [
                    "2025-01-01 00:00",
                    "2025-01-05 08:00",
                    "2025-01-05 20:00",
                    "2025-01-09 00:00",
                    "2025-01-07 00:00",
                ]
            ),
            "item_id": ["x", "x", "y", "x", "x"],
        }
    )
    rows = nb.CustomerActivity().fit(nb.read_orders(lines), as_of="2025-01-11").predict(customers=["a", "b"])
    assert list(rows.columns) == COLUMNS
    assert rows[["order_days", "frequency", "recency_days", "age_days"]].values.tolist() == [
        [3, 2, 8, 9],
        [1, 0, 0, 3],
    ]
    assert rows["expected_revenue"].isna().all()


def test_figures_belong_together(fitted, small_orders):
    """Chances lie between 0 and 1, an order needs a customer who still buys, quantiles rise, money multiplies."""
    rows = fitted.predict()
    assert len(rows) == small_orders.n_customers
    for name in ("p_alive", "p_order", "p_order_closed_form"):
        assert rows[name].between(0, 1).all()
    assert (rows["p_order_closed_form"] <= rows["p_alive"]).all()
    assert (rows["dormant"] == (rows["p_alive"] < 0.5)).all()
    known = rows.dropna(subset=["next_order_p10", "next_order_p50", "next_order_p90"])
    assert len(known)
    assert (known["next_order_p10"] < known["next_order_p50"]).all()
    assert (known["next_order_p50"] < known["next_order_p90"]).all()
    np.testing.assert_allclose(
        rows["expected_revenue"], rows["expected_orders"] * rows["expected_order_value"]
    )
    assert (rows["expected_contribution"] < rows["expected_revenue"]).all()
    assert fitted.landmarks_


def test_later_orders_order_of_rows_and_ids_change_nothing(small_world):
    """Appended future, shuffled lines, ids as numbers and a repeated line leave every figure as it was."""
    lines = small_world.orders
    as_of = "2025-10-01"
    wanted = nb.CustomerActivity(horizon_days=60).fit(nb.read_orders(lines), as_of=as_of).predict()
    early = lines[lines["timestamp"] < as_of]
    numbers = early["customer_id"].str.removeprefix("C-").astype(int)
    variants = {
        "future cut off": early,
        "shuffled": lines.sample(frac=1, random_state=1),
        "a line twice": pd.concat([early, early.head(50)]),
        "numbers": early.assign(customer_id=numbers),
    }
    for name, frame in variants.items():
        rows = nb.CustomerActivity(horizon_days=60).fit(nb.read_orders(frame), as_of=as_of).predict()
        pd.testing.assert_frame_equal(
            rows.drop(columns="customer_id"), wanted.drop(columns="customer_id"), obj=name
        )


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    """Stored and loaded, every figure is the same."""
    nb.save(fitted, tmp_path / "activity")
    pd.testing.assert_frame_equal(nb.load(tmp_path / "activity").predict(), fitted.predict())


def test_errors_say_what_to_do(small_orders, fitted):
    """Wrong parameters, unknown customers and missing customers each get one clear sentence."""
    with pytest.raises(nb.InputError, match=r"horizon_days=0 must be a whole number"):
        nb.CustomerActivity(horizon_days=0).fit(small_orders)
    with pytest.raises(nb.InputError, match=r"model='pareto' is not known. Try model='mbg' or 'bg'"):
        nb.CustomerActivity(model="pareto").fit(small_orders)
    with pytest.raises(nb.InputError, match=r"fit needs Orders, not list"):
        nb.CustomerActivity().fit([1])
    with pytest.raises(nb.InputError, match=r"1 of the customers asked for have no order before"):
        fitted.predict(customers=["nobody"])
    with pytest.raises(nb.InputError, match=r"There is no order to learn from before as_of='1999-01-01'"):
        nb.CustomerActivity().fit(small_orders, as_of="1999-01-01")


def test_cdnow_thirteen_weeks_ahead(shared_data):
    """All 23,570 customers: log-loss at most .3815 and calibration error at most .01 (bar of the landmark model)."""
    lines = pd.read_parquet(shared_data / "cdnow.parquet")
    orders = nb.read_orders(lines)
    rows = nb.CustomerActivity(horizon_days=91).fit(orders, as_of="1997-10-01").predict()
    after = lines[lines["timestamp"].between("1997-10-01", "1997-12-30")]
    bought = rows["customer_id"].isin(after["customer_id"]).to_numpy()
    assert len(rows) == 23_570
    assert log_loss(rows["p_order"].to_numpy(), bought) <= 0.3815
    assert calibration(rows["p_order"].to_numpy(), bought).error <= 0.01
    assert log_loss(rows["p_order_closed_form"].to_numpy(), bought) > 0.3815
