"""Every candidate with what the rules ask about: item facts, window, arm, quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.door import open_table, places_of
from nextbuy.offers.holdout import draw_holdout
from nextbuy.orders.errors import InputError
from nextbuy.orders.table import codes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.door import Table
    from nextbuy.offers.policy import OfferPolicy
    from nextbuy.orders.catalog import Catalog


@dataclass(frozen=True, eq=False)
class Candidates:
    """Predictions as arrays, one entry a row; money is NaN where unknown, days count from 1970-01-01.

    Attributes
    ----------
    table : Table
    first : int
        First day on which something can be sent.
    customer, item, category : ndarray of int64
        Codes; an item without category is a category of its own.
    customer_ids, item_ids : pyarrow.Array of str
    caller_ids : pyarrow.Array
        The customers' ids in the predictions' own type.
    item_name, category_name : pyarrow.Array of str
    probability, unit_margin, price, discount, stock : ndarray of float64
    discount_share : ndarray of float64
    partner, durable : ndarray of bool
        A partner sells it for a commission; a customer needs it once.
    low, high, target : ndarray of int64
        First and last day on which the offer may be sent, and the day aimed at.
    opens, ends : ndarray of float64
        Window as predicted; NaN where there is none.
    status, kind : ndarray of str
    vetoed : ndarray of bool
    pools : tuple of ndarray of int64
        Quotas that a candidate draws on.
    quota : ndarray of float64
    control, held_out : ndarray of bool
        By customer: in the campaign's holdout, in the global holdout.
    """

    table: Table
    first: int
    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    category: NDArray[np.int64]
    customer_ids: pa.Array
    caller_ids: pa.Array
    item_ids: pa.Array
    item_name: pa.Array
    category_name: pa.Array
    probability: NDArray[np.float64]
    unit_margin: NDArray[np.float64]
    price: NDArray[np.float64]
    discount: NDArray[np.float64]
    discount_share: NDArray[np.float64]
    stock: NDArray[np.float64]
    partner: NDArray[np.bool_]
    durable: NDArray[np.bool_]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    target: NDArray[np.int64]
    opens: NDArray[np.float64]
    ends: NDArray[np.float64]
    status: NDArray[np.str_]
    kind: NDArray[np.str_]
    vetoed: NDArray[np.bool_]
    pools: tuple[NDArray[np.int64], ...]
    quota: NDArray[np.float64]
    control: NDArray[np.bool_]
    held_out: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer)


def gather(
    table: Table, catalog: Catalog | None, policy: OfferPolicy, first: int, *, stock: Any = None
) -> Candidates:
    """Join predictions, catalog, policy, and what is in stock today."""
    customer, customer_ids = _coded(table.ids("customer_id"))
    item, item_ids = _coded(table.ids("item_id"))

    def fact(name: str, kind: pa.DataType) -> pa.Array:
        if catalog is None or name not in catalog.columns:
            return pa.nulls(len(item_ids), kind)
        return pc.cast(catalog.column(name, item_ids), kind)

    def number(name: str) -> NDArray[np.float64]:
        return np.asarray(fact(name, pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))

    names = fact("category", pa.string())
    # an item without category must not share one with another, nor with a category of its name
    category, _ = _coded(
        pc.coalesce(
            pc.binary_join_element_wise("c", names, ":"), pc.binary_join_element_wise("i", item_ids, ":")
        )
    )
    category_text = names.to_pylist()
    item_text = item_ids.to_pylist()
    share = np.array(
        [
            policy.discounts.get(i, policy.discounts.get(str(c), policy.discount))
            for i, c in zip(item_text, category_text, strict=True)
        ],
        np.float64,
    )
    price = number("price")
    unit_margin, commission = number("unit_margin"), number("commission")
    partner = np.isfinite(commission)
    _check_commission(commission, item_ids)
    # a partner sells it: the shop earns its commission and has no price to cut and no stock to mind
    unit_margin = np.where(partner, price * commission, unit_margin)
    share = np.where(partner, 0.0, share)
    in_stock = np.where(partner, np.nan, _in_stock(stock, item_ids, number("stock")))
    discount = np.where(share > 0, price * share, 0.0)
    excluded = (
        np.isin(category_text, [str(x) for x in policy.exclude_categories])
        if len(item_text)
        else np.zeros(0, bool)
    )
    bad_items, bad_customers = (
        codes_of(item_ids, policy.exclude_items),
        codes_of(customer_ids, policy.exclude_customers),
    )
    excluded = excluded | np.isin(np.arange(len(item_ids)), bad_items)
    vetoed = excluded[item] | np.isin(customer, bad_customers)
    pools, quota = _quotas(policy, item_text, category_text)

    opens, ends = table.days("window_start"), table.days("window_end")
    best = table.days("best_date")
    low = np.maximum(np.nan_to_num(opens, nan=first), first)
    last = min(first + policy.plan_days - 1, policy.deadline_day)
    high = np.minimum(np.nan_to_num(ends, nan=np.inf), last)
    aim = np.nan_to_num(opens if policy.send_at == "window_start" else best, nan=first)
    status, kind = (
        np.asarray(table.column(n, pa.string()).fill_null("").to_pylist(), dtype="<U8")
        for n in ("window_status", "kind")
    )
    ids = customer_ids.to_pylist()
    return Candidates(
        table=table,
        first=first,
        customer=customer,
        item=item,
        category=category[item],
        customer_ids=customer_ids,
        caller_ids=_firsts(table.column("customer_id", pa.string()), customer, len(customer_ids)),
        item_ids=item_ids,
        item_name=fact("name", pa.string()).take(pa.array(item)),
        category_name=names.take(pa.array(item)),
        probability=table.numbers("probability"),
        unit_margin=unit_margin[item],
        price=price[item],
        discount=discount[item],
        discount_share=share[item],
        stock=in_stock[item],
        partner=partner[item],
        durable=np.asarray(fact("durable", pa.bool_()).fill_null(False))[item],
        low=low.astype(np.int64),
        high=high.astype(np.int64),
        target=np.clip(aim, low, np.maximum(high, low)).astype(np.int64),
        opens=opens,
        ends=ends,
        status=status,
        kind=kind,
        vetoed=vetoed,
        pools=tuple(p[item] for p in pools),
        quota=quota,
        control=draw_holdout(ids, share=policy.holdout, salt=policy.salt, campaign=policy.campaign),
        held_out=draw_holdout(ids, share=policy.global_holdout, salt=policy.salt),
    )


def _firsts(values: pa.Array, code: NDArray[np.int64], size: int) -> pa.Array:
    """Give one value a code."""
    first = np.zeros(size, np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return values.take(pa.array(first))


def _check_commission(commission: NDArray[np.float64], item_ids: pa.Array) -> None:
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero((commission < 0) | (commission > 1))
    if len(bad):
        some = ", ".join(f"{item_ids[int(i)].as_py()!r}: {commission[i]:g}" for i in bad[:3])
        raise InputError(
            f"catalog: {len(bad):,} items have a commission that is no share of the price from 0 to 1 ({some}). "
            "Write 8 % as 0.08."
        )


def _in_stock(source: Any, item_ids: pa.Array, known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the pieces in stock: of the stock table where it has the item, else of the catalog."""
    if source is None:
        return known
    table = open_table(source, what="stock", needed=("item_id", "stock"))
    ids, pieces = table.ids("item_id"), table.numbers("stock")
    table.refuse(np.asarray(ids.is_null()), "item_id", "missing", "Give each row its item.")
    with np.errstate(invalid="ignore"):
        table.refuse(
            ~(pieces >= 0), "stock", "missing or below zero", "Write the pieces in stock, 0 for none."
        )
    again = np.ones(len(table), dtype=bool)
    again[np.unique(ids.dictionary_encode().indices.to_numpy(zero_copy_only=False), return_index=True)[1]] = (
        False
    )
    table.refuse(again, "item_id", "there already", "Keep one row an item.")
    place = places_of(ids, item_ids)
    return np.where(place >= 0, np.append(pieces, np.nan)[place], known)


def _coded(ids: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    coded = pc.dictionary_encode(ids)
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary


def _quotas(
    policy: OfferPolicy, items: list[str], categories: list[str | None]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
    """Number the quotas: one for each item that has one, one for each category; -1 where there is none."""
    numbers: dict[tuple[str, str], int] = {}
    quota: list[float] = []
    pools = np.full((2, len(items)), -1, np.int64)
    for place, (item, category) in enumerate(zip(items, categories, strict=True)):
        own = policy.quotas.get(item, policy.max_per_item)
        shared = policy.quotas.get(category) if category is not None and category not in items else None
        for kind, name, limit in ((0, item, own), (1, str(category), shared)):
            if limit is not None:
                key = ("category" if kind else "item", name)
                if key not in numbers:
                    numbers[key] = len(quota)
                    quota.append(float(limit))
                pools[kind, place] = numbers[key]
    return (pools[0], pools[1]), np.array(quota, np.float64)
