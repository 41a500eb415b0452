"""What a generator gives: lines, the links that were planted, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

import nextbuy as nb

START = np.datetime64("2023-01-02")
SECOND_US = 1_000_000


@dataclass(frozen=True)
class World:
    """A history whose truth is known.

    Attributes
    ----------
    customer, day, item : ndarray of int
        One entry a line: at most one a customer, day and item.
    antecedent, consequent : ndarray of int
        The planted links.
    items : int
    """

    customer: np.ndarray
    day: np.ndarray
    item: np.ndarray
    antecedent: np.ndarray
    consequent: np.ndarray
    items: int

    def orders(self) -> nb.Orders:
        """Give the lines as `Orders`, through the same door as any history."""
        frame = pd.DataFrame(
            {
                "customer_id": self.customer,
                "order_id": self.customer.astype(np.int64) * 10_000 + self.day,
                "timestamp": START + self.day.astype("timedelta64[D]"),
                "item_id": self.item,
            }
        )
        return nb.read_orders(frame)

    def pairs(self) -> list[tuple[int, int]]:
        """The planted links, in order."""
        return list(zip(self.antecedent.tolist(), self.consequent.tolist(), strict=True))

    def direct(self) -> set[tuple[int, int]]:
        """The planted links."""
        return set(self.pairs())

    def induced(self) -> set[tuple[int, int]]:
        """Pairs joined by a chain of planted links, A -> B -> ... -> C, without being planted themselves."""
        step = self._graph()
        reach, more = step.copy(), step
        for _ in range(20):
            more = ((more @ step) > 0).astype(np.int8)
            if not more.nnz:
                break
            reach = reach.maximum(more)
        rows, columns = reach.nonzero()
        pairs = {(a, b) for a, b in zip(rows.tolist(), columns.tolist(), strict=True) if a != b}
        return pairs - self.direct()

    def _graph(self) -> sparse.csr_array:
        shape = (self.items, self.items)
        one = np.ones(len(self.antecedent), np.int8)
        return sparse.csr_array((one, (self.antecedent, self.consequent)), shape=shape)

    def followers(self, *, window_days: int) -> np.ndarray:
        """Customers who followed each planted link: first B one to `window_days` days after the first A."""
        lines = pd.DataFrame({"customer": self.customer, "item": self.item, "day": self.day})
        first = lines.groupby(["customer", "item"], sort=False)["day"].min().reset_index()
        links = pd.DataFrame(
            {"a": self.antecedent, "b": self.consequent, "link": range(len(self.antecedent))}
        )
        pairs = links.merge(first, left_on="a", right_on="item").merge(
            first, left_on=["b", "customer"], right_on=["item", "customer"], suffixes=("", "_b")
        )
        lag = pairs["day_b"] - pairs["day"]
        return np.bincount(pairs["link"][(lag > 0) & (lag <= window_days)], minlength=len(links))


def distinct(customer: np.ndarray, day: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, ...]:
    """Keep one line a customer, day and item, in this order."""
    by = np.lexsort((item, day, customer))
    c, d, i = customer[by], day[by], item[by]
    new = np.ones(len(c), dtype=bool)
    new[1:] = (c[1:] != c[:-1]) | (d[1:] != d[:-1]) | (i[1:] != i[:-1])
    return c[new], d[new], i[new]


def first_purchases(customer: np.ndarray, day: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Rows of each customer's first purchase of each item."""
    by = np.lexsort((day, item, customer))
    new = np.ones(len(by), dtype=bool)
    new[1:] = (customer[by][1:] != customer[by][:-1]) | (item[by][1:] != item[by][:-1])
    return by[new]
