"""The checks over lines: owners, returns, prices, baskets, catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import scratch
from nextbuy.orders.duplicates import later_copies, repeated
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.lines import mix, of_whole_customers, sorted_rows, sum_by
from nextbuy.orders.returns import match_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.catalog import Catalog
    from nextbuy.orders.checks import Read
    from nextbuy.orders.problems import Problems
    from nextbuy.orders.raw import Raw

LARGE_BASKET = 100
ABSURD = 100.0
LAST_DAYS, USUAL_DAYS = 14, 56  # of the last days each is compared with its weekday in the eight weeks before
FEWEST_USUAL, THIN = 20, 1 / 3  # from 20 orders on chance alone hardly gives a third


def owners(read: Read) -> tuple[NDArray[np.int32], pa.Array, NDArray[np.int32], pa.Array]:
    """Give each row an order and a customer, made up where the source has none: codes and ids of both."""
    if read.order is not None and (read.order.codes >= 0).all():
        orders, order_ids = read.order.codes, read.order.values
    else:
        orders, order_ids = _made_orders(read)
    if read.customer is None:
        return orders, order_ids, orders, order_ids
    return orders, order_ids, read.customer.codes, read.customer.values


def _made_orders(read: Read) -> tuple[NDArray[np.int32], pa.Array]:
    """One order for each customer and moment, wherever the order id is missing."""
    size = len(read.bought)
    known = pa.array([], pa.string()) if read.order is None else read.order.values.cast(pa.string())
    codes = scratch.empty(size, np.int32)
    codes[:] = -1 if read.order is None else read.order.codes
    rows = slice(None) if read.order is None else scratch.marked(codes < 0)
    us, customer, who = scratch.taken(read.times.us, rows), np.zeros(size, np.int32), None
    if read.customer is not None:
        customer, who = read.customer.codes + np.int32(1), read.customer.values.cast(pa.string())
    customer = customer[rows]
    unit = "us" if any((us[some] % 1_000_000).any() for some in scratch.blocks(len(us))) else "s"
    names, made = [known], len(known)
    for some in of_whole_customers(customer, int(customer.max(initial=0)) + 1):
        at, owner = us[some], customer[some]
        by = np.lexsort((at, owner))
        new = np.append(True, (np.diff(at[by]) != 0) | (np.diff(owner[by]) != 0))[: len(by)]
        number = np.empty(len(by), np.int32)
        number[by] = np.cumsum(new) - 1 + made
        first = by[new]
        words = pa.array(at[first]).cast(pa.timestamp("us")).cast(pa.timestamp(unit)).cast(pa.string())
        if who is not None:
            whose = owner[first].astype(np.int64) - 1
            name = who.take(pa.array(whose, mask=whose < 0))
            words = pc.binary_join_element_wise(pc.fill_null(name, ""), words, " ")
        names.append(words)
        made += len(first)
        codes[some if isinstance(rows, slice) else rows[some]] = number
    return codes, pa.concat_arrays(names)


def of_returns(
    problems: Problems, raw: Raw, read: Read, order: NDArray[np.int32], customer: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Negative quantities: each cancels the latest purchase before it, or is set aside."""
    negative = np.flatnonzero(read.quantity < 0)
    none = np.zeros(0, np.int64)
    if not len(negative):
        return none, none, np.zeros(0)
    live, group = _beside_returns(read, negative[read.bought[negative]], customer)
    us, quantity = read.times.us[live], read.quantity[live]
    by = sorted_rows(group, us, quantity)
    alike = (group[by][1:] == group[by][:-1]) & (us[by][1:] == us[by][:-1])
    alike &= quantity[by][1:] == quantity[by][:-1]
    alike = (np.append(alike, False) | np.append(False, alike))[: len(live)]
    tie = np.zeros(len(live), np.uint64)
    tie[by[alike]] = _content(read, order, live[by[alike]])
    at, of, pieces = match_returns(group, us, quantity, tie)
    returned, purchase = live[at], live[of]
    waiting = negative[read.bought[negative]]
    problems.set_aside(np.setdiff1d(waiting, returned))
    problems.merge(np.unique(returned))
    read.bought[negative] = False

    taken, of = np.unique(purchase, return_inverse=True)
    gone = taken[np.bincount(of, pieces, len(taken)) >= read.quantity[taken] * (1 - 1e-9)]
    problems.set_aside(gone)
    marked = _marked_orders(read, negative)
    name, show = raw.name("quantity"), raw.show("order", "customer", "item", "quantity")
    done = "merged: takes back the customer's latest purchase of the item; set aside where there is none"
    how = "leave lines with negative quantity out of the source to keep what they cancel"
    problems.add("cancellation", name, negative[marked], show=show, action=done, change=how)
    problems.add("return", name, negative[~marked], show=show, action=done, change=how)
    backed, of = np.unique(returned, return_inverse=True)
    over = backed[-read.quantity[backed] - np.bincount(of, pieces, len(backed)) > 1e-6]
    problems.add(
        "over_returned",
        name,
        over,
        show=show,
        action="more returned than bought: the rest is ignored",
        change="read a longer history, so that the purchase is in it",
    )
    problems.add(
        "returned_purchase",
        name,
        gone,
        show=show,
        action="set aside: wholly returned later",
        change="Orders.before(as_of) still has it at any moment before its return",
    )
    return returned, purchase, pieces


def _beside_returns(
    read: Read, negative: NDArray[np.int64], customer: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the live rows of customers and items with a return, and customer and item as one number."""

    def group(rows: NDArray[np.int64] | slice) -> NDArray[np.int64]:
        return customer[rows].astype(np.int64) * len(read.item.values) + read.item.codes[rows]

    # a table of marks by hash rules nearly all others out; looking each up among the returns takes twenty times as long
    bits = np.uint64(64 - min(max(len(negative).bit_length() + 5, 8), 28))

    def place(rows: NDArray[np.int64] | slice) -> NDArray[np.uint64]:
        return (group(rows).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> bits

    marked = np.zeros(1 << (64 - int(bits)), dtype=bool)
    marked[place(negative)] = True
    near = [
        np.flatnonzero(read.bought[b] & marked[place(b)]) + b.start for b in scratch.blocks(len(customer))
    ]
    live = np.concatenate([np.zeros(0, np.int64), *near])
    found = group(live)
    back = np.isin(found, group(negative))
    return live[back], found[back]


def _content(read: Read, order: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number rows by the content of their order and their price: between two orders of one moment ids never decide."""
    if not len(rows):
        return np.zeros(0, np.uint64)
    of_row = np.zeros(int(order.max()) + 1, dtype=bool)
    of_row[order[rows]] = True
    live = np.flatnonzero(read.bought & of_row[order])
    i, o = read.item.codes[live], order[live]
    own = mix(read.times.us[live].astype(np.uint64) + mix(read.quantity[live].view(np.uint64)))
    by_item = sum_by(i, own, len(read.item.values))
    content = sum_by(o, mix(own + by_item[i]), len(of_row))
    each = read.price[rows]
    return mix(content[order[rows]] + np.where(np.isnan(each), -1.0, each).view(np.uint64))


def _marked_orders(read: Read, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which rows stand in orders marked as cancelled: a letter before the number that others are."""
    if read.order is None or not pa.types.is_string(read.order.values.type):
        return np.zeros(len(rows), dtype=bool)
    plain = pc.match_substring_regex(read.order.values, r"^\d+$")
    letter = pc.match_substring_regex(read.order.values, r"^[A-Za-z]+[-_]?\d+$")
    if (pc.sum(plain).as_py() or 0) <= (pc.sum(letter).as_py() or 0):
        return np.zeros(len(rows), dtype=bool)
    marks = np.append(letter.to_numpy(zero_copy_only=False), False)
    return np.asarray(marks[read.order.codes[rows]], dtype=bool)


def of_prices(problems: Problems, raw: Raw, read: Read) -> None:
    """Prices of zero or less, and those far above the item's usual one: unknown."""
    name, show, price = raw.name("price"), raw.show("item", "price"), read.price
    for code, rows in (
        ("zero_price", np.flatnonzero(price == 0)),
        ("negative_price", np.flatnonzero(price < 0)),
        ("absurd_price", _absurd(read)),
    ):
        problems.add(
            code,
            name,
            rows,
            show=show,
            change=f"correct {name} in the source, or price=None to do without",
            action="kept, price unknown"
            + (f": over {ABSURD:.0f} times the item's median" if code == "absurd_price" else ""),
        )
        price[rows] = np.nan


def _absurd(read: Read) -> NDArray[np.int64]:
    low, high = np.full(len(read.item.values), np.inf), np.zeros(len(read.item.values))
    for block in scratch.blocks(len(read.price)):
        here = np.flatnonzero((read.price[block] > 0) & (read.item.codes[block] >= 0)) + block.start
        np.minimum.at(low, read.item.codes[here], read.price[here])
        np.maximum.at(high, read.item.codes[here], read.price[here])
    # the median is no lower than the least price: only these items can have one
    wide = np.append(high > ABSURD * low, [False])  # the last place is for missing items
    if not wide.any():
        return np.zeros(0, np.int64)
    rows = scratch.marked((read.price > 0) & wide[read.item.codes])
    item, price = read.item.codes[rows], read.price[rows]
    # item and price in one number: the bits of a positive float sort as it does;
    # seven digits are enough here
    by = np.sort((item.astype(np.uint64) << np.uint64(32)) | price.astype(np.float32).view(np.uint32))
    owner = (by >> np.uint64(32)).astype(np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(owner) != 0))
    count = np.diff(np.append(starts, len(by)))
    # the lower median: of two prices the lower one is the usual
    middle = by[starts + (count - 1) // 2] & np.uint64(0xFFFFFFFF)
    median = np.zeros(len(low))
    median[owner[starts]] = middle.astype(np.uint32).view(np.float32)
    return rows[price > ABSURD * median[item]]


def of_orders(
    problems: Problems,
    raw: Raw,
    read: Read,
    kept: NDArray[np.int64],
    order: NDArray[np.int32],
    *,
    customer: NDArray[np.int32],
    merged: int,
) -> None:
    """Lines repeated within an order, orders of two customers or several days, and very large baskets."""
    c, o, i = (scratch.taken(codes, kept) for codes in (customer, order, read.item.codes))
    day = _days(read, kept)
    name, show = raw.name("order"), raw.show("order", "customer", "item")
    if merged:
        rows = repeated([c, o, i, day])
        # which line stays is decided by what it says, never by where it stands
        at = kept[rows]
        rows = rows[np.lexsort((read.price[at], read.quantity[at], read.times.us[at]))]
        again = kept[later_copies(rows, (a[rows] for a in (c, o, i, day)))]
        problems.add(
            "repeated_line",
            name,
            again,
            show=show,
            action="merged: quantities of one item in one order are added",
            change="give the lines different order ids if they are orders of their own",
        )
        problems.merge(again)
    first = np.zeros(int(o.max(initial=-1)) + 1, np.int32)
    for code, values, action, change in (
        (
            "shared_order",
            c,
            "split: one order a customer",
            "make order ids unique over customers in the source",
        ),
        (
            "order_over_days",
            day,
            "split: one order a day",
            "give each day's order an id of its own, or one time to the order",
        ),
    ):
        first[o] = values
        mixed = np.zeros(len(first), dtype=bool)
        for some in scratch.blocks(len(o)):
            here = o[some]
            mixed[here[values[some] != first[here]]] = True
        problems.add(
            code,
            name,
            kept[mixed[o]],
            show=raw.show("order", "customer", "time"),
            action=action,
            change=change,
        )
    large = np.flatnonzero((np.bincount(o, minlength=len(first)) >= LARGE_BASKET)[o])
    if len(large):
        by = large[np.lexsort((i[large], day[large], o[large], c[large]))]
        new = np.append(True, (np.diff(c[by]) != 0) | (np.diff(o[by]) != 0) | (np.diff(day[by]) != 0))
        distinct = new | np.append(True, np.diff(i[by]) != 0)
        basket = np.cumsum(new) - 1
        many = np.bincount(basket[distinct]) >= LARGE_BASKET
        problems.add(
            "large_basket",
            name,
            kept[by[many[basket]]],
            show=raw.show("order", "customer"),
            action=f"kept: {int(many.sum()):,} baskets of {LARGE_BASKET} or more items, "
            "usually wholesale or merged tills",
            change="leave such customers out of the source if they are not whom you sell to",
        )


def _days(read: Read, kept: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give the whole days of some rows."""
    day = scratch.empty(len(kept), np.int32)
    for some in scratch.blocks(len(kept)):
        day[some] = read.times.us[kept[some]] // DAY_US
    return day


def of_last_days(
    problems: Problems, raw: Raw, read: Read, kept: NDArray[np.int64], order: NDArray[np.int32]
) -> None:
    """Last days with far fewer orders than the same weekdays before: data still to come, or a day not over."""
    day = _days(read, kept)
    span = LAST_DAYS + USUAL_DAYS
    if not len(day) or int(day.max()) - int(day.min()) < span:
        return
    near = scratch.marked(day > int(day.max()) - span)
    back = int(day.max()) - day[near]
    one_a_day = np.unique(order[kept[near]].astype(np.int64) * span + back)
    orders = np.bincount(one_a_day % span, minlength=span)
    usual = np.array([np.median(orders[LAST_DAYS + b % 7 :: 7]) for b in range(LAST_DAYS)])
    judged = usual >= FEWEST_USUAL
    thin = judged & (orders[:LAST_DAYS] < THIN * usual)
    whole = np.flatnonzero(judged & ~thin)
    thin[whole[0] if len(whole) else LAST_DAYS :] = False
    if not thin.any():
        return
    first = str(np.datetime64(int(day.max()) - int(np.flatnonzero(thin).max()), "D"))
    problems.add(
        "thin_end",
        raw.name("time"),
        kept[near[thin[np.minimum(back, LAST_DAYS - 1)] & (back < LAST_DAYS)]],
        show=raw.show("time"),
        action=f"kept: {orders[:LAST_DAYS][thin].sum():,} orders on the last days where {usual[thin].sum():,.0f} "
        "are usual; if data is still to come, this looks like customers who stopped",
        change=f"fit(orders, as_of='{first}'), or read again when these days are whole",
    )


def of_catalog(problems: Problems, raw: Raw, read: Read, catalog: Catalog) -> None:
    """Items sold that the catalog does not know."""
    unknown = np.append(catalog.rows(read.item.values).is_null().to_numpy(zero_copy_only=False), [False])
    problems.add(
        "not_in_catalog",
        raw.name("item"),
        np.flatnonzero(unknown[read.item.codes]),
        show=raw.show("item"),
        action="kept, without category, price or stock",
        change="add the items to the catalog",
    )
