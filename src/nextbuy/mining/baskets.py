"""Orders as item lists: what basket mining needs, and what is kept so that orders can be added later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders.arrays import to_arrow, to_numpy
from nextbuy.orders.errors import InputError
from nextbuy.orders.lines import mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders

# order weights are kept in steps of 1/1024 of the currency: sums of such numbers are exact, so that no order
# of adding them (update, merge, parallel parts) can move a set over a threshold
WEIGHT_STEP = 1024.0


@dataclass(frozen=True, eq=False)
class Baskets:
    """Item codes by order; items are numbered most frequent first.

    Attributes
    ----------
    item : ndarray of int32
        Item codes, each once in an order.
    order_offsets : ndarray of int64
        Where each order begins, with the end appended; an order may be empty.
    customer : ndarray of int32
        Customer by order; the order's own number without customers.
    item_ids : pyarrow.Array
        The caller's ids by code.
    item_tie : ndarray of uint64
        A number from when and by whom the item was bought, additive over customers: it breaks ties between
        items bought equally often, so that renamed ids change nothing.
    customer_ids : pyarrow.Array or None
        None when the source had no customers.
    weight : ndarray of float64 or None
        Weight by order.
    ancestor : ndarray of int32 or None
        Code of the item's category where items and categories are mined together, -1 for none.
    """

    item: NDArray[np.int32]
    order_offsets: NDArray[np.int64]
    customer: NDArray[np.int32]
    item_ids: pa.Array
    item_tie: NDArray[np.uint64]
    customer_ids: pa.Array | None = None
    weight: NDArray[np.float64] | None = None
    ancestor: NDArray[np.int32] | None = None

    @property
    def n_orders(self) -> int:
        """How many orders, empty ones included."""
        return len(self.order_offsets) - 1

    @property
    def n_items(self) -> int:
        """How many items."""
        return len(self.item_ids)

    @property
    def has_customers(self) -> bool:
        """Whether evidence can be counted in customers; otherwise it is counted in orders."""
        return self.customer_ids is not None

    @property
    def n_customers(self) -> int:
        """How many customers; orders without them."""
        return self.n_orders if self.customer_ids is None else len(self.customer_ids)

    def state(self) -> dict[str, Any]:
        """Give the flat arrays, for a model file."""
        state = {
            "basket_item": self.item,
            "basket_offsets": self.order_offsets,
            "basket_customer": self.customer,
            "basket_item_ids": self.item_ids,
            "basket_item_tie": self.item_tie,
            "basket_customer_ids": self.customer_ids,
            "basket_weight": self.weight,
            "basket_ancestor": self.ancestor,
        }
        return {name: value for name, value in state.items() if value is not None}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Baskets:
        """Make baskets of what `state` gave."""
        return cls(
            state["basket_item"],
            state["basket_offsets"],
            state["basket_customer"],
            state["basket_item_ids"],
            state["basket_item_tie"],
            state.get("basket_customer_ids"),
            state.get("basket_weight"),
            state.get("basket_ancestor"),
        )

    def renumbered(self) -> Baskets:
        """Give the same baskets with items numbered by frequency, then tie, then id."""
        count = np.bincount(self.item, minlength=self.n_items)
        by_id = np.empty(self.n_items, np.int64)
        by_id[_id_order(self.item_ids)] = np.arange(self.n_items)
        old = np.lexsort((by_id, self.item_tie, -count))
        if np.array_equal(old, np.arange(self.n_items)):
            return self
        new = np.empty(self.n_items, np.int32)
        new[old] = np.arange(self.n_items, dtype=np.int32)
        up = self.ancestor
        if up is not None:
            up = np.where(up >= 0, new[up], -1).astype(np.int32)[old]
        return replace(
            self,
            item=new[self.item],
            item_tie=self.item_tie[old],
            item_ids=taken(self.item_ids, old),
            ancestor=up,
        )

    def merged(self, other: Baskets) -> Baskets:
        """Give the baskets of both; equal ids of items and customers become one."""
        if self.has_customers != other.has_customers or (self.weight is None) != (other.weight is None):
            raise InputError(
                "These orders cannot be added: one part has customers (or weights) and the other has not. "
                "Read both parts with the same columns."
            )
        items, mine, theirs = _union(self.item_ids, other.item_ids)
        tie = np.zeros(len(items), np.uint64)
        tie[mine] += self.item_tie
        tie[theirs] += other.item_tie
        if self.customer_ids is None or other.customer_ids is None:
            customer_ids, customer = None, np.arange(self.n_orders + other.n_orders, dtype=np.int32)
        else:
            customer_ids, first, second = _union(self.customer_ids, other.customer_ids)
            customer = np.concatenate([first[self.customer], second[other.customer]])
        up = None
        if self.ancestor is not None and other.ancestor is not None:
            up = np.full(len(items), -1, np.int32)
            for new, old in ((mine, self.ancestor), (theirs, other.ancestor)):
                up[new] = np.where(old >= 0, new[old], up[new])
        weight = None
        if self.weight is not None and other.weight is not None:
            weight = np.concatenate([self.weight, other.weight])
        offsets = np.concatenate([self.order_offsets, other.order_offsets[1:] + self.order_offsets[-1]])
        item = np.concatenate([mine[self.item], theirs[other.item]])
        return Baskets(item, offsets, customer, items, tie, customer_ids, weight, up).renumbered()


def from_codes(order: NDArray, item: NDArray, *, item_ids: pa.Array, n_orders: int | None = None) -> Baskets:
    """Make baskets from an order number and an item code by line, in any order; repeats count once."""
    item_count = max(len(item_ids), 1)
    key = order.astype(np.int64) * item_count + item
    key.sort()
    new = np.ones(len(key), bool)
    new[1:] = key[1:] != key[:-1]
    key = key[new]
    order = key // item_count
    n_orders = int(order[-1]) + 1 if n_orders is None and len(order) else n_orders or 0
    offsets = np.zeros(n_orders + 1, np.int64)
    np.cumsum(np.bincount(order, minlength=n_orders), out=offsets[1:])
    baskets = Baskets(
        (key - order * item_count).astype(np.int32),
        offsets,
        np.arange(n_orders, dtype=np.int32),
        item_ids,
        np.zeros(len(item_ids), np.uint64),
    )
    return baskets.renumbered()


def from_orders(orders: Orders, *, level: str = "item", weight: str | None = None) -> Baskets:
    """Make baskets from the one table; `level` and `weight` as in `AssociationRules`."""
    order_weight = None if weight is None else _order_weight(orders, weight)
    if level != "item" and orders.catalog is None:
        orders.level("category" if level == "mixed" else level)  # says what is missing
    moment = mix(orders.customer_hash[orders.customer] + orders.day.astype(np.uint64))
    tie = np.zeros(orders.n_items, np.uint64)
    np.add.at(tie, orders.item, moment)
    if orders.has_customers:
        customer, customer_ids = orders.customer[orders.order_offsets[:-1]], orders.customer_ids
    else:
        customer, customer_ids = np.arange(orders.n_orders, dtype=np.int32), None
    baskets = Baskets(
        orders.item,
        orders.order_offsets.astype(np.int64),
        customer,
        orders.item_ids,
        tie,
        customer_ids,
        order_weight,
    )
    if level == "mixed":
        baskets = _with_categories(baskets, orders)
    elif level != "item":
        baskets = _at_level(baskets, orders, level)
    return baskets.renumbered()


def from_lists(lists: Iterable[Sequence[Any]]) -> Baskets:
    """Make baskets from lists of item ids, one list an order."""
    rows = [list(b) for b in lists]
    flat = [i for row in rows for i in row]
    ids = id_array(flat).dictionary_encode() if flat else pa.array([], pa.string()).dictionary_encode()
    if ids.null_count:
        raise InputError(
            f"{ids.null_count} of {len(flat)} item ids in the baskets are empty (None). Leave them out."
        )
    order = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return from_codes(order, ids.indices.to_numpy(), item_ids=ids.dictionary, n_orders=len(rows))


def _order_weight(orders: Orders, weight: str) -> NDArray[np.float64]:
    """Money by order in steps of 1/1024: what was paid ("revenue") or earned ("margin") for all its items."""
    import pyarrow.compute as pc

    each = orders.price
    if weight == "margin":
        if orders.catalog is None:
            raise InputError(
                "weight='margin' needs a catalog with the columns item_id and unit_margin. "
                "Try read_orders(..., catalog='items.parquet')."
            )
        margin = orders.catalog.column("unit_margin", orders.item_ids)
        each = pc.fill_null(margin.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)[orders.item]
    known = ~np.isnan(each)
    if len(each) and not known.any():
        raise InputError(
            f"weight={weight!r} needs {'prices' if weight == 'revenue' else 'unit margins'}, and all are "
            "missing. Name the column: read_orders(..., price='...'), or use weight=None."
        )
    money = np.bincount(orders.order, np.where(known, each * orders.quantity, 0.0), minlength=orders.n_orders)
    # a loss is no negative evidence: with weights below zero a longer set could weigh more than a shorter one
    return np.rint(np.maximum(money, 0.0) * WEIGHT_STEP) / WEIGHT_STEP


def _at_level(baskets: Baskets, orders: Orders, level: str) -> Baskets:
    """Replace items by their category; those without one keep their own id, as in `Orders.level`.

    Not by `Orders.level` itself: that numbers the orders anew, while weights and order ids keep theirs.
    """
    import pyarrow.compute as pc

    assert orders.catalog is not None
    names = orders.catalog.column(level, orders.item_ids).cast(pa.string())
    coded = pc.coalesce(names, orders.item_ids.cast(pa.string())).dictionary_encode()
    width = len(coded.dictionary)
    order = np.repeat(np.arange(baskets.n_orders), np.diff(baskets.order_offsets))
    code = coded.indices.to_numpy(zero_copy_only=False)[baskets.item]
    key, first = np.unique(order * width + code, return_index=True)
    order = key // width
    tie = np.zeros(width, np.uint64)
    np.add.at(
        tie,
        key - order * width,
        mix(orders.customer_hash[orders.customer] + orders.day.astype(np.uint64))[first],
    )
    return replace(
        baskets,
        item=(key - order * width).astype(np.int32),
        item_tie=tie,
        order_offsets=np.searchsorted(order, np.arange(baskets.n_orders + 1)),
        item_ids=coded.dictionary,
    )


def _with_categories(baskets: Baskets, orders: Orders) -> Baskets:
    """Add each order's categories to its items, and remember which category is whose."""
    import pyarrow.compute as pc

    assert orders.catalog is not None
    own_ids = orders.item_ids.cast(pa.string())
    names = orders.catalog.column("category", orders.item_ids).cast(pa.string())
    categories = pc.unique(names.drop_null())
    both = categories.filter(pc.is_in(categories, own_ids))
    if len(both):
        raise InputError(
            f"level='mixed' cannot tell {len(both)} categories from items of the same id, such as "
            f"{both.to_pylist()[:3]}. Rename the categories in the catalog."
        )
    n = baskets.n_items
    category = (
        pc.fill_null(pc.index_in(names, categories), -1).to_numpy(zero_copy_only=False).astype(np.int32)
    )
    lines = np.flatnonzero(category[baskets.item] >= 0)
    order = np.repeat(np.arange(baskets.n_orders), np.diff(baskets.order_offsets))
    width = n + len(categories)
    key = np.concatenate(
        [order * width + baskets.item, order[lines] * width + category[baskets.item[lines]] + n]
    )
    key = np.unique(key)
    order = key // width
    tie = np.zeros(width, np.uint64)
    tie[:n] = baskets.item_tie
    np.add.at(tie, category[category >= 0] + n, mix(baskets.item_tie[category >= 0]))
    return replace(
        baskets,
        item=(key - order * width).astype(np.int32),
        item_tie=tie,
        order_offsets=np.searchsorted(order, np.arange(baskets.n_orders + 1)),
        item_ids=pa.concat_arrays([own_ids, categories]),
        ancestor=np.concatenate(
            [np.where(category >= 0, category + n, -1), np.full(len(categories), -1)]
        ).astype(np.int32),
    )


def id_array(ids: Sequence[Any]) -> pa.Array:
    """Give ids as an arrow array, or say that they are of several kinds."""
    try:
        return pa.array(ids)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        kinds = sorted({type(i).__name__ for i in ids})
        raise InputError(
            f"Item ids must be of one kind; found {', '.join(kinds)}. Try str(item_id) for all of them."
        ) from error


def taken(ids: pa.Array, at: NDArray) -> pa.Array:
    """Give the ids at some places; whole numbers by numpy: arrow's kernels take 40 ms to import."""
    if pa.types.is_integer(ids.type) and not ids.null_count:
        return to_arrow(to_numpy(ids)[at])
    return ids.take(to_arrow(at))


def _id_order(ids: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_integer(ids.type) and not ids.null_count:
        return np.argsort(to_numpy(ids), kind="stable")
    import pyarrow.compute as pc

    order: NDArray[np.int64] = pc.array_sort_indices(ids).to_numpy().astype(np.int64)
    return order


def _union(first: pa.Array, second: pa.Array) -> tuple[pa.Array, NDArray[np.int32], NDArray[np.int32]]:
    """All ids, and the new code of each old code of both sides."""
    if first.type != second.type:
        second = second.cast(first.type)
    coded = pa.concat_arrays([first, second]).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.int32)
    return coded.dictionary, codes[: len(first)], codes[len(first) :]


def codes(ids: pa.Array, known: pa.Array) -> NDArray[np.int64]:
    """Give the code in `known` of each id, -1 where unknown."""
    import pyarrow.compute as pc

    if not len(known) or not len(ids):
        return np.full(len(ids), -1, np.int64)
    if is_text(known) or is_text(ids):
        ids, known = ids.cast(pa.string()), known.cast(pa.string())
    found = pc.fill_null(pc.index_in(ids.cast(known.type), known), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def is_text(ids: pa.Array) -> bool:
    """Say whether ids are text."""
    return bool(pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type))
