"""What `SequentialRules` keeps of the orders, so that more can be added later."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import scratch
from nextbuy.orders.lines import changes, id_rank, mix, sorted_rows, sum_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


@dataclass(frozen=True, eq=False)
class PurchaseLog:
    """Distinct (customer, day, item) purchases in an order that depends on nothing but themselves.

    The order matters for the last bit of sums of floats: two logs put together are, bit by bit, the log of the whole.
    Memory: 12 bytes a purchase.

    Attributes
    ----------
    customer, day, item : ndarray of int32
        Sorted by customer, day and item.
    customer_hash : ndarray of uint64
        By customer; sums of hashes of their lines, so that parts add up.
    customer_ids, item_ids : pyarrow.Array
    leaf, group : pyarrow.Array of string
        The catalog's `category` and `substitutes_group` by item, null where unknown.
    known_before : int or None
        Microseconds since 1970; as in `Orders`.
    """

    customer: NDArray[np.int32]
    day: NDArray[np.int32]
    item: NDArray[np.int32]
    customer_hash: NDArray[np.uint64]
    customer_ids: pa.Array
    item_ids: pa.Array
    leaf: pa.Array
    group: pa.Array
    known_before: int | None

    @classmethod
    def of(cls, orders: Orders) -> Self:
        """Keep the purchases of `orders`."""
        leaf, group = (_catalog_column(orders, name) for name in ("category", "substitutes_group"))
        return cls(
            orders.customer,
            orders.day,
            orders.item,
            orders.customer_hash,
            orders.customer_ids,
            orders.item_ids,
            leaf,
            group,
            orders.known_before,
        ).ordered()

    @property
    def n_customers(self) -> int:
        """How many customers."""
        return len(self.customer_ids)

    @property
    def n_items(self) -> int:
        """How many items."""
        return len(self.item_ids)

    def __add__(self, other: PurchaseLog) -> Self:
        customer_ids, own_customer, new_customer = _union(self.customer_ids, other.customer_ids)
        item_ids, own_item, new_item = _union(self.item_ids, other.item_ids)
        total = np.zeros(len(customer_ids), np.uint64)
        total[own_customer] += self.customer_hash
        total[new_customer] += other.customer_hash
        ends = [end for end in (self.known_before, other.known_before) if end is not None]
        return type(self)(
            np.concatenate([own_customer[self.customer], new_customer[other.customer]]),
            np.concatenate([self.day, other.day]),
            np.concatenate([own_item[self.item], new_item[other.item]]),
            total,
            customer_ids,
            item_ids,
            _coalesce(self.leaf, other.leaf, new_item, len(item_ids)),
            _coalesce(self.group, other.group, new_item, len(item_ids)),
            max(ends, default=None),
        ).ordered()

    def ordered(self) -> Self:
        """Number customers by their first day and items by how often they sell; ties by hashes, at last by id."""
        by = sorted_rows(self.customer, self.day, self.item)
        c, d, i = (scratch.taken(column, by) for column in (self.customer, self.day, self.item))
        new = scratch.marked(changes(c, d, i))
        c, d, i = (scratch.taken(column, new) for column in (c, d, i))
        first = np.full(self.n_customers, np.iinfo(np.int32).max, np.int32)
        np.minimum.at(first, c, d)
        when = mix(self.customer_hash[c] + mix(d.astype(np.uint64)))
        sold = np.bincount(i, minlength=self.n_items)
        what = sum_by(i, when, self.n_items)
        whose = sum_by(c, mix(what[i] + when), self.n_customers)
        customers = np.lexsort((id_rank(self.customer_ids), whose, first))
        items = np.lexsort((id_rank(self.item_ids), what, -sold))
        c, i = _inverse(customers)[c], _inverse(items)[i]
        by = sorted_rows(c, d, i)
        c, d, i = (scratch.taken(column, by) for column in (c, d, i))
        return type(self)(
            c,
            d,
            i,
            self.customer_hash[customers],
            self.customer_ids.take(pa.array(customers)),
            self.item_ids.take(pa.array(items)),
            self.leaf.take(pa.array(items)),
            self.group.take(pa.array(items)),
            self.known_before,
        )

    def state(self) -> dict[str, Any]:
        """Everything as arrays and scalars."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def _union(own: pa.Array, other: pa.Array) -> tuple[pa.Array, NDArray[np.int32], NDArray[np.int32]]:
    """All ids, and the places of both lists in them; 1 and "1" are one id, as in reading."""
    if own.type != other.type:
        own, other = own.cast(pa.string()), other.cast(pa.string())
    fresh = other.filter(pc.invert(pc.is_in(other, value_set=own)))
    every = pa.concat_arrays([own, fresh])
    place = pc.index_in(other, value_set=every).to_numpy(zero_copy_only=False)
    return every, np.arange(len(own), dtype=np.int32), place.astype(np.int32)


def _catalog_column(orders: Orders, name: str) -> pa.Array:
    if orders.catalog is None or name not in orders.catalog.columns:
        return pa.nulls(orders.n_items, pa.string())
    return orders.catalog.column(name, orders.item_ids).cast(pa.string())


def _coalesce(own: pa.Array, other: pa.Array, place: NDArray[np.int32], size: int) -> pa.Array:
    """Give the values of all items: the own ones first, the other's where these are unknown."""
    back = np.full(size, -1, np.int64)
    back[place] = np.arange(len(place))
    found = other.take(pa.array(back, mask=back < 0))
    return pc.coalesce(pa.concat_arrays([own, pa.nulls(size - len(own), pa.string())]), found)


def _inverse(order: NDArray[np.int64]) -> NDArray[np.int32]:
    new = np.empty(len(order), np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    return new
