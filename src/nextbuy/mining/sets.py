"""What the search for frequent itemsets is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Limits:
    """What a set must reach to be kept, and what stops the search."""

    min_orders: int = 1
    min_weight: float = 0.0
    min_customers: int = 1
    max_length: int | None = None
    max_itemsets: int = 5_000_000
    min_support: float = 0.0  # for the message only


@dataclass(frozen=True)
class Roles:
    """Which items may stand where, by item code; sets that can never become a rule are not searched."""

    antecedent: NDArray[np.bool_]
    consequent: NDArray[np.bool_]
    max_consequents: int


@dataclass(frozen=True, eq=False)
class Itemsets:
    """Frequent sets, shorter ones first, then in the order of their item codes.

    Set number s holds `codes[offsets[s]:offsets[s + 1]]`, ascending. `weight` is None without weights.
    `tested` is the number of sets of each length that were candidates (index 0 for length 1).
    """

    codes: NDArray[np.int32]
    offsets: NDArray[np.int64]
    orders: NDArray[np.int64]
    customers: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    tested: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.orders)

    @property
    def length(self) -> NDArray[np.int64]:
        """Number of items, by set."""
        return np.diff(self.offsets)

    def of_length(self, length: int) -> tuple[int, NDArray[np.int32]]:
        """Give the number of the first set of `length`, and all of that length as rows of a matrix."""
        lengths = self.length
        low, high = (int(v) for v in np.searchsorted(lengths, [length, length + 1]))
        return low, self.codes[self.offsets[low] : self.offsets[high]].reshape(high - low, length)
