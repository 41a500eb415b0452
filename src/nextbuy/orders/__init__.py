"""What happened: reading, checking and coding order lines."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextbuy.orders.catalog import Catalog, read_catalog
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.read import read_orders
    from nextbuy.orders.table import Orders

__all__ = ["Catalog", "InputError", "Orders", "read_catalog", "read_orders"]

# loaded when first asked for: mining lists of baskets needs no reader
_HOME = {
    "Catalog": "nextbuy.orders.catalog",
    "InputError": "nextbuy.orders.errors",
    "Orders": "nextbuy.orders.table",
    "read_catalog": "nextbuy.orders.catalog",
    "read_orders": "nextbuy.orders.read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
