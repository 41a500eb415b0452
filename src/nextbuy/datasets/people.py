"""The customers of the generated shop: very unequal, some come late, some leave, each with a taste."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASTES = ("plain", "country", "modern", "handy")
TASTE_SHARES = (0.55, 0.15, 0.15, 0.15)
ACTIVITY_SIGMA = 1.0  # of the log: the busiest tenth makes about 40 % of the orders
THERE_AT_START = 0.65
LIFETIME_SPANS = 2.5  # mean time until a customer leaves, in whole spans: one in three leaves


class People(NamedTuple):
    """True traits by customer."""

    number: NDArray[np.int64]  # of the customer in the whole data set
    activity: NDArray[np.float64]  # relative, mean 1
    joined: NDArray[np.int64]  # first day with the shop
    left: NDArray[np.int64]  # first day no longer with it; the span's length for those who stay
    taste: NDArray[np.int64]  # index into TASTES


def draw_people(rng: np.random.Generator, *, first: int, size: int, days: int) -> People:
    """Draw the traits of customers `first` to `first + size - 1`."""
    joined = np.where(rng.random(size) < THERE_AT_START, 0, rng.integers(0, max(1, days * 9 // 10), size))
    lifetime = 1 + rng.exponential(days * LIFETIME_SPANS, size).astype(np.int64)
    return People(
        number=np.arange(first, first + size),
        activity=rng.lognormal(-(ACTIVITY_SIGMA**2) / 2, ACTIVITY_SIGMA, size),
        joined=joined,
        left=np.minimum(joined + lifetime, days),
        taste=rng.choice(len(TASTES), size, p=TASTE_SHARES),
    )
