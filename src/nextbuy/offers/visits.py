"""Days on which customers ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.timing.summary import Days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


@dataclass(frozen=True, eq=False)
class Visits:
    """One entry a customer and day with an order, sorted by both.

    Attributes
    ----------
    customer, day : ndarray of int64
        Code; days since 1970-01-01.
    value : ndarray of float64
        Money of the day; NaN without prices.
    number : ndarray of int64
        1 for the customer's first day, 2 for the second, and so on.
    starts : ndarray of int64
        Where each customer's days begin.
    """

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    value: NDArray[np.float64]
    number: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, orders: Orders) -> Visits:
        """Add up the lines of each customer and day."""
        days = Days.of(orders)
        customer, day = days.customer.astype(np.int64), days.day.astype(np.int64)
        new = np.ones(len(customer), dtype=bool)
        new[1:] = customer[1:] != customer[:-1]
        starts = np.flatnonzero(new)
        number = np.arange(len(customer)) - np.repeat(starts, np.diff(np.append(starts, len(customer)))) + 1
        return cls(customer, day, days.value, number, starts)

    def gaps(self) -> NDArray[np.int64]:
        """Days between one order day of a customer and the next."""
        return np.diff(self.day)[self.number[1:] > 1]
