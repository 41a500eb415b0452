"""What `NextPurchase.predict` was asked, checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nextbuy.orders.errors import InputError
from nextbuy.orders.read import read_orders
from nextbuy.orders.table import Orders


def as_orders(orders: Any, as_of: Any) -> Orders | None:
    """Give the histories to answer for: Orders as they are, the lines of one live customer as Orders."""
    if orders is None or isinstance(orders, Orders):
        return orders
    if not isinstance(orders, (list, tuple)) or not all(isinstance(line, Mapping) for line in orders):
        raise InputError(
            f"predict takes Orders or a list of dicts, not {type(orders).__name__}. "
            "Try predict(read_orders(your_frame))."
        )
    return read_orders([dict(line) for line in orders], as_of=as_of)


def check_ids(name: str, ids: Any) -> None:
    """Refuse a single id where a list of ids is meant, and ids that are missing."""
    if ids is None:
        return
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise InputError(f"{name}={ids!r} must be a list of ids. Try {name}=[{ids!r}].")
    missing = sum(one is None or one != one for one in ids)  # noqa: PLR0124 - NaN differs from itself
    if missing:
        raise InputError(f"{missing} of the ids in {name} are missing. Leave None and NaN out.")
