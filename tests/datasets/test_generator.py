"""The generated orders: shape, range, and that the seed decides everything."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from nextbuy.datasets import make_orders
from nextbuy.orders.errors import InputError

PARTS = ("orders", "catalog", "truth", "customers", "events")


def test_same_seed_same_data():
    """Two calls with one seed give equal frames."""
    one, two = make_orders(customers=300, seed=3), make_orders(customers=300, seed=3)
    for part in PARTS:
        assert_frame_equal(getattr(one, part), getattr(two, part))


def test_other_seed_other_data():
    """Another seed gives other customers, and other orders beyond a change of names."""
    one, two = make_orders(customers=300, seed=3), make_orders(customers=300, seed=4)
    assert not one.customers["activity"].equals(two.customers["activity"])
    assert set(one.orders["timestamp"]) != set(two.orders["timestamp"])


def test_backends_agree():
    """Polars and arrow hold what pandas holds."""
    pandas, polars, arrow = (make_orders(customers=100, backend=b) for b in ("pandas", "polars", "pyarrow"))
    for part in PARTS:
        expected = getattr(pandas, part)
        assert_frame_equal(getattr(arrow, part).to_pandas(), expected)
        assert_frame_equal(getattr(polars, part).to_arrow().to_pandas(), expected, check_dtype=False)


def test_columns(shop):
    """Each frame has the columns that its docstring names, in order."""
    assert list(shop.orders) == ["customer_id", "order_id", "timestamp", "item_id", "quantity", "price"]
    assert list(shop.catalog) == [
        "item_id", "name", "category", "price", "unit_margin", "stock", "durable", "substitutes_group",
        "quantity_per",
    ]  # fmt: skip
    assert list(shop.customers) == ["customer_id", "joined", "left", "activity", "taste"]
    assert list(shop.events) == [
        "customer_id", "project", "antecedent", "consequent", "antecedent_date", "lag_days", "planned",
        "happened",
    ]  # fmt: skip


def test_an_order_is_one_customer_at_one_moment(shop):
    """No order id is shared by two customers or two moments, and no order holds an item twice."""
    by_order = shop.orders.groupby("order_id")
    assert (by_order["customer_id"].nunique() == 1).all()
    assert (by_order["timestamp"].nunique() == 1).all()
    assert not shop.orders.duplicated(["order_id", "item_id"]).any()


def test_order_ids_are_unique_across_blocks():
    """With more customers than one block holds, order ids run on and customers stay apart."""
    data = make_orders(customers=20_400, days=60, orders_per_customer=0.5)
    assert (data.orders.groupby("order_id")["customer_id"].nunique() == 1).all()
    assert data.customers["customer_id"].is_unique
    assert data.orders["customer_id"].max() > "C-20000"
    first = make_orders(customers=20_000, days=60, orders_per_customer=0.5).orders
    assert_frame_equal(data.orders.iloc[: len(first)], first)


def test_order_ids_rise_with_time(shop):
    """Within a block a later order has a higher id."""
    assert shop.orders["timestamp"].is_monotonic_increasing
    assert shop.orders["order_id"].is_monotonic_increasing


def test_values_are_in_range(shop):
    """Ids refer to what exists, prices are positive whole cents, quantities whole and never zero."""
    orders = shop.orders
    assert set(orders["item_id"]) <= set(shop.catalog["item_id"])
    assert set(orders["customer_id"]) <= set(shop.customers["customer_id"])
    assert (orders["price"] > 0).all()
    assert np.allclose(orders["price"] * 100, (orders["price"] * 100).round(), atol=1e-6)
    assert pd.api.types.is_integer_dtype(orders["quantity"])
    assert (orders["quantity"] != 0).all()
    assert not orders.isna().any().any()


def test_times_are_inside_the_span_and_the_opening_hours(shop):
    """Nothing is bought before the first day, after the last, outside 7 to 20 o'clock, or on a Sunday."""
    time = shop.orders["timestamp"]
    assert time.min() >= pd.Timestamp("2024-06-01")
    assert time.max() < pd.Timestamp("2024-06-01") + pd.Timedelta(days=730)
    assert time.dt.hour.between(7, 19).all()
    assert (time.dt.day_name() != "Sunday").all()
    assert (time.dt.second == 0).all()


def test_nobody_buys_before_coming_or_after_leaving(shop, purchases):
    """Purchases lie between a customer's true first and last day, moved by a day at most for a Sunday."""
    traits = purchases[["customer_id", "day"]].merge(shop.customers, on="customer_id")
    assert (traits["day"] >= traits["joined"] - pd.Timedelta(days=1)).all()
    gone = traits["left"].notna()
    assert gone.any()
    assert (traits.loc[gone, "day"] <= traits.loc[gone, "left"]).all()


def test_activity_is_very_unequal(shop):
    """The busiest tenth makes at least a quarter of the orders, and some customers order once only."""
    orders = shop.orders.groupby("customer_id")["order_id"].nunique().sort_values(ascending=False)
    assert orders.head(len(orders) // 10).sum() > 0.25 * orders.sum()
    assert (orders == 1).mean() > 0.03


def test_scale_parameters():
    """Filler items fill up to the number asked for, and orders and lines follow their means."""
    data = make_orders(customers=4_000, items=5_000, orders_per_customer=20, lines_per_order=8, seed=5)
    assert len(data.catalog) == 5_000
    assert data.catalog["item_id"].is_unique
    few = make_orders(customers=4_000, items=5_000, orders_per_customer=10, lines_per_order=8, seed=5)
    more_orders = (data.orders["order_id"].nunique() - few.orders["order_id"].nunique()) / 4_000
    more_lines = (len(data.orders) - len(few.orders)) / 4_000
    assert more_orders == pytest.approx(10, rel=0.1)
    assert more_lines == pytest.approx(80, rel=0.1)


def test_the_smallest_shop():
    """One customer on one day is a valid, perhaps empty history."""
    data = make_orders(customers=1, days=1)
    assert list(data.orders) == ["customer_id", "order_id", "timestamp", "item_id", "quantity", "price"]
    assert len(data.customers) == 1


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"scale": "city"}, "scale='store'"),
        ({"customers": 0}, "customers=5_000"),
        ({"days": 0}, "days=730"),
        ({"return_share": 1.5}, "return_share=0.015"),
        ({"orders_per_customer": 0}, "orders_per_customer=5.5"),
        ({"lines_per_order": 0.5}, "lines_per_order=2.4"),
        ({"backend": "excel"}, "backend='pandas'"),
        ({"start": "yesterday"}, "start='2024-06-01'"),
        ({"seed": -1}, "seed=0"),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_hint(wrong, hint):
    """The error names a value that works."""
    with pytest.raises(InputError, match=hint):
        make_orders(**wrong)
