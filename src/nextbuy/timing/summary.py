"""A customer's orders in a few numbers: frequency, recency, age, value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders

RECENT_DAYS = (14, 30, 60, 90, 180)


@dataclass(frozen=True)
class Days:
    """One row per customer and day with an order, sorted by customer and day.

    Attributes
    ----------
    customer : ndarray of int32
    day : ndarray of int32
    value, margin : ndarray of float64
        Money of the day's lines; NaN where no line has a price (or the catalog no margin).
    n_customers : int
    """

    customer: NDArray[np.int32]
    day: NDArray[np.int32]
    value: NDArray[np.float64]
    margin: NDArray[np.float64]
    n_customers: int

    @classmethod
    def of(cls, orders: Orders) -> Days:
        """Add up the lines: several orders of one day are one."""
        key = np.stack([orders.customer, orders.day])
        new = np.ones(len(orders), dtype=bool)
        new[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
        starts = np.flatnonzero(new)
        unit = np.full(orders.n_items, np.nan)
        if orders.catalog is not None and "unit_margin" in orders.catalog.columns:
            column = orders.catalog.column("unit_margin", orders.item_ids)
            unit = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
        value = _total(orders.quantity * orders.price, starts)
        margin = _total(orders.quantity * unit[orders.item], starts)
        return cls(orders.customer[starts], orders.day[starts], value, margin, orders.n_customers)

    def before(self, cut: int) -> Days:
        """Give what was known before day `cut`."""
        known = self.day < cut
        return Days(
            self.customer[known], self.day[known], self.value[known], self.margin[known], self.n_customers
        )


def _total(value: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    if not len(starts):
        return np.zeros(0)
    known = np.isfinite(value)
    total = np.add.reduceat(np.where(known, value, 0.0), starts)
    return np.where(np.add.reduceat(known, starts, dtype=np.int64) > 0, total, np.nan)


@dataclass(frozen=True)
class Summary:
    """One row per customer with an order before `cut`. Times are in days.

    Attributes
    ----------
    customer : ndarray of int64
    frequency : ndarray of int64
        Order days after the first.
    recency : ndarray of int64
        Days from the first order day to the last.
    age : ndarray of int64
        Days from the first order day to the last day known, `cut` - 1.
    priced : ndarray of int64
        Order days of positive value.
    value : ndarray of float64
        Mean value of those; NaN where there is none.
    columns : dict of str to ndarray
        What the landmark model sees beside them.
    """

    customer: NDArray[np.int64]
    frequency: NDArray[np.int64]
    recency: NDArray[np.int64]
    age: NDArray[np.int64]
    priced: NDArray[np.int64]
    value: NDArray[np.float64]
    columns: dict[str, NDArray]

    @classmethod
    def at(cls, days: Days, cut: int) -> Summary:
        """Summarise what was known before day `cut`. O(order days)."""
        d = days.before(cut)
        new = np.ones(len(d.day), dtype=bool)
        new[1:] = d.customer[1:] != d.customer[:-1]
        starts = np.flatnonzero(new)
        customer = d.customer[starts].astype(np.int64)
        count = np.diff(np.append(starts, len(d.day)))
        last = starts + count - 1
        first_day = d.day[starts].astype(np.int64)
        frequency, recency = count - 1, d.day[last] - first_day
        positive = d.value > 0
        priced, total = _sums(positive, starts), _sums(np.where(positive, d.value, 0.0), starts)
        gap = np.zeros(len(d.day))
        gap[1:] = d.day[1:] - d.day[:-1]
        gap[starts] = 1
        usual = _sums(np.log(np.maximum(gap, 1)), starts) / np.maximum(frequency, 1)
        age = cut - 1 - first_day
        quiet = age - recency
        columns = {
            "frequency": frequency,
            "recency": recency,
            "age": age,
            "quiet": quiet,
            "rate": frequency / np.maximum(age, 7),
            "last_gap": np.where(frequency > 0, gap[last], -1.0),
            "overdue": np.where(frequency > 0, np.log(np.maximum(quiet, 1)) - usual, -9.0),
            "mean_value": total / np.maximum(count, 1),
            "total_value": total,
            **{f"orders_{w}": _sums(d.day >= cut - w, starts) for w in RECENT_DAYS},
        }
        value = np.divide(total, priced, out=np.full(len(total), np.nan), where=priced > 0)
        return cls(customer, frequency, recency, age, priced, value, columns)


def _sums(values: NDArray, starts: NDArray[np.int64]) -> NDArray:
    return np.add.reduceat(values, starts, dtype=np.float64) if len(starts) else np.zeros(0)
