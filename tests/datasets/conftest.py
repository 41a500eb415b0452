"""One generated shop of 20,000 customers, shared by the tests of this folder."""

import pytest

from nextbuy.datasets import make_orders


@pytest.fixture(scope="session")
def shop():
    return make_orders(customers=20_000, seed=11)


@pytest.fixture(scope="session")
def purchases(shop):
    """Purchases with category and whole day, returns left out."""
    lines = shop.orders[shop.orders["quantity"] > 0].merge(
        shop.catalog[["item_id", "category"]], on="item_id"
    )
    return lines.assign(day=lines["timestamp"].dt.normalize())
