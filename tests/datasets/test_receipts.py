"""Lines are added up by hand-checkable rules, and returns belong to purchases."""

import numpy as np
import pytest

from nextbuy.datasets.receipts import merge_lines


def test_equal_lines_of_a_visit_are_added_up():
    """Customer 1 takes item 4 twice on day 2; nothing else is joined."""
    customer, day, item = np.array([1, 0, 1, 1]), np.array([2, 2, 2, 3]), np.array([4, 4, 4, 4])
    merged = merge_lines(customer, day, item, np.array([2, 7, 3, 1]), days=5, n_items=6)
    assert [column.tolist() for column in merged] == [[0, 1, 1], [2, 2, 3], [4, 4, 4], [7, 5, 1]]


def test_returns_are_as_frequent_as_asked(shop):
    """About 1.5 % of the lines come back; a few less, since some would after the end."""
    back = (shop.orders["quantity"] < 0).mean()
    assert 0.0138 < back < 0.0155


def test_each_return_has_its_purchase(shop):
    """A return follows a purchase of the same piece at the same price and is never larger than it."""
    orders = shop.orders
    back, bought = orders[orders["quantity"] < 0], orders[orders["quantity"] > 0]
    pairs = back.reset_index().merge(bought, on=["customer_id", "item_id", "price"], suffixes=("", "_bought"))
    fits = (pairs["timestamp_bought"] < pairs["timestamp"]) & (pairs["quantity_bought"] >= -pairs["quantity"])
    assert set(pairs.loc[fits, "index"]) == set(back.index)


def test_returns_stand_in_orders_of_their_own(shop):
    """No order holds both a purchase and a return."""
    signs = np.sign(shop.orders["quantity"]).groupby(shop.orders["order_id"]).nunique()
    assert (signs == 1).all()


def test_prices_are_the_catalog_s_or_promoted(shop):
    """A line is sold at the catalog's price, or 15 % below it in 6 % of the item's weeks."""
    lines = shop.orders.merge(shop.catalog[["item_id", "price"]], on="item_id", suffixes=("", "_catalog"))
    ratio = lines["price"] / lines["price_catalog"]
    promoted = ratio < 0.99
    assert (ratio[~promoted] == 1).all()
    assert (ratio[promoted] - 0.85).abs().max() < 0.005
    assert promoted.mean() == pytest.approx(0.06, abs=0.01)
