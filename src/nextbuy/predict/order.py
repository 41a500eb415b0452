"""Which of a customer's items come before which: learned from the differences within customers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.lines import highest_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates

MOST_TIMES = 10  # more order days with one item within a horizon say nothing more
LEAST_SPREAD = 0.05
LEARNED = 2.0  # what the learned order weighs beside the probability's own (docs/decisions)


def surprise(customer: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much more often an item was bought than the customer's other candidates, in standard deviations.

    NaN for customers who bought none: nothing is learned from them.
    """
    value = np.minimum(times, MOST_TIMES).astype(np.float64)
    mean, spread = _moments(customer, value)
    some = mean[customer] > 0
    return np.where(some, (value - mean[customer]) / np.maximum(spread[customer], LEAST_SPREAD), np.nan)


def standard(customer: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value less its customer's mean, over the customer's standard deviation."""
    mean, spread = _moments(customer, value)
    out: NDArray[np.float64] = (value - mean[customer]) / np.maximum(spread[customer], 1e-9)
    return out


def deal(customer: NDArray[np.int64], chance: NDArray[np.float64], key: NDArray) -> NDArray[np.float64]:
    """Give each customer's highest `chance` to the highest `key`, and so on; equal keys keep the order they had.

    `customer` rises.
    """
    by = highest_first(customer, chance)
    first = np.searchsorted(customer, customer)
    out = np.empty_like(chance)
    # equal chances would leave the order to the items' codes
    out[highest_first(customer, key, -chance)] = chance[by] * (1 - 1e-9 * (np.arange(len(by)) - first))
    return out


def by_count(candidates: Candidates) -> NDArray[np.float32]:
    """What plain counts go by: days on which the customer bought it; for new items all who ever did."""
    column = "pair_days" if "pair_days" in candidates.names else "item_buyers"
    count: NDArray[np.float32] = candidates.features[:, candidates.names.index(column)]
    return count


def _moments(
    customer: NDArray[np.int64], value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    many = np.maximum(np.bincount(customer), 1)
    mean = np.bincount(customer, value) / many
    square = np.bincount(customer, (value - mean[customer]) ** 2) / many
    return mean, np.sqrt(square)
