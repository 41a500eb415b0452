"""What happened: reading, checking and coding order lines."""

from __future__ import annotations

from nextbuy.orders.catalog import Catalog, read_catalog
from nextbuy.orders.errors import InputError
from nextbuy.orders.read import read_orders
from nextbuy.orders.table import Orders

__all__ = ["Catalog", "InputError", "Orders", "read_catalog", "read_orders"]
