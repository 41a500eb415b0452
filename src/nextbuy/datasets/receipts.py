"""From wished-for pieces to order lines: one order a customer and day, prices, and returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nextbuy.datasets.calendar import draw_minutes, next_open
from nextbuy.datasets.demand import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_MINUTES = 1440
PROMOTED_SHARE, PROMOTED_PRICE = 0.06, 0.85  # an item in a week
RETURN_MEAN_DAYS = 9.0
RETURNED_WHOLE = 0.7
MAX_QUANTITY = 4095


class Receipts(NamedTuple):
    """Order lines sorted by time; `order` counts from 0 within the block, returns in orders of their own."""

    customer: NDArray[np.int64]
    order: NDArray[np.int64]
    minute: NDArray[np.int64]  # since the start of the data
    item: NDArray[np.int64]
    quantity: NDArray[np.int64]
    price_cents: NDArray[np.int64]


def merge_lines(
    customer: NDArray[np.int64],
    day: NDArray[np.int64],
    item: NDArray[np.int64],
    quantity: NDArray[np.int64],
    *,
    days: int,
    n_items: int,
) -> tuple[NDArray[np.int64], ...]:
    """Sort by customer, day, item and add up equal ones. One sort of packed 64-bit keys."""
    key = ((customer * days + day) * n_items + item) << 12 | np.minimum(quantity, MAX_QUANTITY)
    key.sort()
    quantity = key & MAX_QUANTITY
    key >>= 12
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    visit, item = np.divmod(key[starts], n_items)
    customer, day = np.divmod(visit, days)
    return customer, day, item, np.add.reduceat(quantity, starts)


def write_receipts(
    rng: np.random.Generator,
    customer: NDArray[np.int64],
    day: NDArray[np.int64],
    item: NDArray[np.int64],
    quantity: NDArray[np.int64],
    *,
    price_cents: NDArray[np.int64],
    days: int,
    start_day: int,
    return_share: float,
    salt: int,
) -> Receipts:
    """Give merged lines an order, a minute and a price; then let some come back."""
    new = (np.diff(customer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0)
    visit = np.cumsum(new) - 1
    n_visits = int(new.sum())
    moment = day[new] * DAY_MINUTES + draw_minutes(rng, n_visits)
    promoted = uniform(item, day // 7, np.array([salt])) < PROMOTED_SHARE
    price = np.where(
        promoted, np.rint(price_cents[item] * PROMOTED_PRICE).astype(np.int64), price_cents[item]
    )

    back = np.flatnonzero(rng.random(len(item)) < return_share)
    wait = 1 + rng.geometric(1 / RETURN_MEAN_DAYS, len(back))
    back_day = next_open(day[back] + wait, start_day=start_day)
    back, back_day = back[back_day < days], back_day[back_day < days]
    part = 1 + (rng.random(len(back)) * quantity[back]).astype(np.int64)
    given = np.where(rng.random(len(back)) < RETURNED_WHOLE, quantity[back], part)

    moment = np.concatenate((moment, back_day * DAY_MINUTES + draw_minutes(rng, len(back))))
    number = np.empty(len(moment), np.int64)
    number[np.argsort(moment, kind="stable")] = np.arange(len(moment))
    visit = np.concatenate((visit, n_visits + np.arange(len(back))))
    rows = np.concatenate((np.arange(len(item)), back))
    quantity = np.concatenate((quantity, -given))
    by_time = np.argsort(number[visit], kind="stable")
    rows, visit = rows[by_time], visit[by_time]
    return Receipts(customer[rows], number[visit], moment[visit], item[rows], quantity[by_time], price[rows])
