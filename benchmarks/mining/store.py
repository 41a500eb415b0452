"""A generated store for the lagged-pair benchmark: many customers, a long tail of items, some true followers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def lines(
    customers: int, *, items: int, days: int = 730, orders: float = 4.0, basket: float = 3.0, seed: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Give customer, day and item by line, sorted by customer and day; `basket` lines an order, all on average."""
    r = np.random.default_rng(seed)
    n_orders = r.poisson(orders * r.gamma(2.0, 0.5, customers))
    customer = np.repeat(np.arange(customers, dtype=np.int32), n_orders)
    start = r.integers(0, days, customers)
    day = (start[customer] + r.exponential(days / 8, len(customer)).astype(np.int64)) % days
    size = 1 + r.poisson(basket - 1, len(customer))
    customer, day = np.repeat(customer, size), np.repeat(day, size).astype(np.int32)
    popularity = 1 / (np.arange(items) + 20.0)
    item = r.choice(items, len(customer), p=popularity / popularity.sum()).astype(np.int32)
    # one line in twenty is followed by the item's partner, in any of the next 90 days
    follow = np.flatnonzero(r.random(len(customer)) < 0.05)
    later = day[follow] + r.integers(1, 91, len(follow), dtype=np.int32)
    inside = later < days
    follow, later = follow[inside], later[inside]
    customer = np.concatenate([customer, customer[follow]])
    item = np.concatenate([item, (item[follow] * 7 + 11) % items])
    day = np.concatenate([day, later])
    by = np.lexsort((item, day, customer))
    return customer[by], day[by], item[by].astype(np.int32)
