"""What customers do not buy here, though others like them do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from nextbuy.offers.segments import check
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import take, to_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.orders.table import Moment, Orders

BLOCK = 20_000
MOST = 5_000  # categories: their table of pairs is held whole


def white_space(
    orders: Orders,
    *,
    as_of: Moment | None = None,
    customers: Sequence[Any] | None = None,
    level: str = "category",
    k: int = 5,
) -> Any:
    """List the categories that each customer has not bought yet but others like them have, the likeliest first.

    Parameters
    ----------
    orders : Orders
        Read with a catalog that has a column `category`.
    as_of : date, optional
        Nothing from this moment on is used.
    customers : sequence of ids, optional
        Only these; default: everybody.
    level : str, default "category"
        A column of the catalog, or "item".
    k : int, default 5
        At most so many rows a customer.

    Returns
    -------
    frame in the orders' backend
        `customer_id, rank, category, share` (of the buyers of what the customer owns, the mean over these categories,
        how many have bought this one too)`, buyers` (customers who have)`, revenue_per_buyer` (null without prices)`,
        potential` (share times it).

    Examples
    --------
    >>> import nextbuy as nb
    >>> bought = {"Ana": "tiles tap", "Bo": "tiles tap", "Cy": "tiles", "Di": "tiles paint"}
    >>> lines = [
    ...     {"customer_id": c, "timestamp": "2026-01-05", "item_id": i} for c in bought for i in bought[c].split()
    ... ]
    >>> found = nb.white_space(nb.read_orders(lines), level="item", k=1).sort_values("customer_id")
    >>> found[["customer_id", "category", "share"]].values.tolist()
    [['Ana', 'paint', 0.125], ['Bo', 'paint', 0.125], ['Cy', 'tap', 0.5], ['Di', 'tap', 0.25]]
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InputError(f"k={k!r} must be a whole number, at least 1.")
    known = check(orders, as_of).level(level)
    n, m = known.n_customers, known.n_items
    if m > MOST:
        raise InputError(f"level={level!r} has {m:,} values, more than {MOST:,}. Try level='category'.")
    pair = np.unique(known.customer.astype(np.int64) * m + known.item)
    owns = csr_array((np.ones(len(pair)), (pair // m, pair % m)), shape=(n, m))
    together = (owns.T @ owns).toarray()
    buyers = np.diag(together).copy()
    also = together / np.maximum(buyers, 1.0)[:, None]
    money = known.quantity * known.price
    revenue = np.bincount(known.item, np.nan_to_num(money), m) / np.maximum(buyers, 1.0)
    asked = np.arange(n) if customers is None else known.codes(list(customers), of="customer")
    if (asked < 0).any():
        missing = [c for c, code in zip(customers or (), asked.tolist(), strict=True) if code < 0]
        raise InputError(f"{len(missing)} of the customers asked for have no order: {missing[:3]}.")
    rows, columns, shares = [], [], []
    for at in range(0, len(asked), BLOCK):
        part = asked[at : at + BLOCK]
        mine = owns[part].toarray()
        share = mine @ also / np.maximum(mine.sum(1, keepdims=True), 1.0)
        share[mine > 0] = -1.0
        best = np.argsort(-share, axis=1, kind="stable")[:, :k]
        value = np.take_along_axis(share, best, axis=1)
        row, place = np.nonzero(value > 0)
        rows.append(part[row])
        columns.append(best[row, place])
        shares.append(value[row, place])
    row, column, share = (
        np.concatenate(parts) if parts else np.zeros(0, np.int64) for parts in (rows, columns, shares)
    )
    new = np.ones(len(row), dtype=bool)
    new[1:] = row[1:] != row[:-1]
    start = np.flatnonzero(new)
    place = np.arange(len(row)) - np.repeat(start, np.diff(np.append(start, len(row))))
    priced = bool(np.isfinite(money).any())
    empty = pa.nulls(len(row), pa.float64())
    return to_frame(
        {
            "customer_id": take(known.customer_ids, row),
            "rank": place + 1,
            "category": take(known.item_ids, column),
            "share": share,
            "buyers": buyers[column].astype(np.int64),
            "revenue_per_buyer": revenue[column] if priced else empty,
            "potential": share * revenue[column] if priced else empty,
        },
        orders.backend,
    )
