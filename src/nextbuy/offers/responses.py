"""Who bought what was offered, within the days after the offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.door import places_of
from nextbuy.orders.ids import one_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


@dataclass(frozen=True, eq=False)
class Responses:
    """Purchases that answer offers.

    Attributes
    ----------
    bought : ndarray of bool
        By offer: whether something answered it.
    line : ndarray of int64
        Lines of the orders that answer at least one offer, each once.
    """

    bought: NDArray[np.bool_]
    line: NDArray[np.int64]


def groups_of(item_ids: pa.Array, categories: pa.Array | None) -> pa.Array:
    """Give what counts as the same thing: the category, or the item itself where it has none."""
    own = pc.binary_join_element_wise("i", pc.cast(item_ids, pa.string()), ":")
    if categories is None:
        return own
    return pc.coalesce(pc.binary_join_element_wise("c", pc.cast(categories, pa.string()), ":"), own)


def line_groups(orders: Orders, level: str) -> pa.Array:
    """Give what each item of the orders counts as."""
    known = orders.catalog if level == "category" else None
    with_category = known is not None and "category" in known.columns
    return groups_of(
        orders.item_ids, known.column("category", orders.item_ids) if known and with_category else None
    )


def find_responses(
    orders: Orders,
    *,
    customer: NDArray[np.int64],
    group: pa.Array,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    level: str,
) -> Responses:
    """Find the lines of the same customer and group from day `first` to day `last`; O(lines log lines).

    Parameters
    ----------
    orders : Orders
    customer : ndarray of int64
        Customer code by offer; -1: never ordered.
    group : pyarrow.Array
        What was offered, see `groups_of`.
    first, last : ndarray of int64
        Days since 1970-01-01.
    level : {"category", "item"}
    """
    known = line_groups(orders, level)
    names = one_array(pa.chunked_array([known])).dictionary_encode()
    wanted = places_of(names.dictionary, group)
    own = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)[orders.item]
    size = max(len(names.dictionary), 1)
    day = orders.day.astype(np.int64)
    by = np.lexsort((day, own, orders.customer))
    # one number that sorts as (customer, group, day); a day has 22 bits
    key = ((orders.customer.astype(np.int64) * size + own) << 22)[by] + day[by]
    start = (customer * size + wanted) << 22
    unknown = (customer < 0) | (wanted < 0)
    low, high = np.searchsorted(key, start + first), np.searchsorted(key, start + last, side="right")
    low, high = np.where(unknown, 0, low), np.where(unknown, 0, np.maximum(high, low))
    edge = np.zeros(len(key) + 1, np.int64)
    np.add.at(edge, low, 1)
    np.add.at(edge, high, -1)
    return Responses(high > low, by[np.cumsum(edge)[:-1] > 0])
