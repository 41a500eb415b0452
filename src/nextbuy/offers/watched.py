"""Offers whose answers can be seen: who was watched, who was reached, what the discounts cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.door import Table, open_table, places_of
from nextbuy.offers.responses import find_responses, groups_of
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import dates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


@dataclass(frozen=True, eq=False)
class Watched:
    """Offers whose days of response lie within the orders.

    Attributes
    ----------
    offers : Table
        All offers of the plan.
    row : ndarray of int64
        Those that were watched long enough; what follows has one entry for each.
    young : int
        How many were not.
    day : ndarray of int64
        Send date, days since 1970-01-01.
    control, bought : ndarray of bool
    person : ndarray of int64
        Code among `people`.
    people : pyarrow.Array
        Ids of all customers of the plan, as text.
    line : ndarray of int64
        Lines of the orders that answer an offer, each once.
    code : ndarray of int64
        Customer code of the orders, -1 where there is no order.
    """

    offers: Table
    row: NDArray[np.int64]
    young: int
    day: NDArray[np.int64]
    control: NDArray[np.bool_]
    person: NDArray[np.int64]
    people: pa.Array
    bought: NDArray[np.bool_]
    line: NDArray[np.int64]
    code: NDArray[np.int64]

    @classmethod
    def of(cls, offers: Table, orders: Orders, response_days: int, level: str) -> Watched:
        """Watch the offers for `response_days`."""
        day = offers.days("send_on")
        offers.refuse(np.isnan(day), "send_on", "missing", "Give each offer its day, as 2026-06-01.")
        control, known = offers.flags("control")
        offers.refuse(~known, "control", "missing", "Say for each offer whether it is a control.")
        end = int(orders.end_day) if len(orders) else 0
        row = np.flatnonzero(day + response_days <= end)
        if not len(row):
            until = np.datetime64(int(np.max(day, initial=0)) + response_days, "D")
            raise InputError(
                f"None of the {len(offers):,} offers has been watched for {response_days} days: the orders end on "
                f"{np.datetime64(end - 1, 'D')}. Wait until {until}, or try a smaller response_days=."
            )
        ids = offers.ids("customer_id")
        mixed = ids.dictionary_encode()
        person = mixed.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        both = np.zeros((len(mixed.dictionary), 2), dtype=bool)
        both[person, control.astype(int)] = True
        offers.refuse(
            np.asarray(both.all(axis=1))[person], "control", "not the same in all rows of a customer",
            "The lot falls once for each customer.",
        )  # fmt: skip
        code = places_of(orders.customer_ids.cast(pa.string()), ids)
        category = offers.column("category", pa.string()) if level == "category" else None
        if orders.catalog is None or "category" not in orders.catalog.columns:
            category = None
        answers = find_responses(
            orders,
            customer=code[row],
            group=groups_of(offers.ids("item_id"), category).take(pa.array(row)),
            first=day[row].astype(np.int64),
            last=day[row].astype(np.int64) + response_days - 1,
            level=level,
        )
        return cls(
            offers, row, len(offers) - len(row), day[row].astype(np.int64), control[row], person[row],
            mixed.dictionary, answers.bought, answers.line, code[row],
        )  # fmt: skip

    def log(self) -> pa.Table:
        """Give the offers as a contact log."""
        rows = pa.array(self.row)
        return pa.table(
            {
                "customer_id": self.offers.column("customer_id", pa.string()).take(rows),
                "item_id": self.offers.column("item_id", pa.string()).take(rows),
                "sent_on": dates(self.day.astype(np.float64)),
                "channel": pc.cast(self.offers.column("channel", pa.string()).take(rows), pa.string()),
                "control": pa.array(self.control),
                "bought": pa.array(self.bought),
            }
        )

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column of the offers, 0 where unknown."""
        return np.nan_to_num(self.offers.numbers(name)[self.row])


def reached(contacts: Any, found: Watched) -> tuple[NDArray[np.bool_], float]:
    """Say which offers' customers were really contacted since the plan began, and what that cost."""
    planned = found.numbers("contact_cost")
    if contacts is None:
        return ~found.control, float(planned[~found.control].sum())
    log = open_table(contacts, what="contacts", needed=("customer_id", "sent_on"))
    day = log.days("sent_on")
    log.refuse(np.isnan(day), "sent_on", "missing", "Give each contact its day, as 2026-06-01.")
    held, _ = log.flags("control")
    ids = log.ids("customer_id")
    place = places_of(found.people, ids)
    first = int(found.day.min())
    real = (place >= 0) & ~held & (day >= first)
    reached = np.zeros(len(found.people), dtype=bool)
    reached[place[real]] = True
    sent = reached[found.person]
    cost = float(np.nansum(log.numbers("cost")[real])) if log.has("cost") else float(planned[sent].sum())
    return sent, cost


def discounts_paid(found: Watched, orders: Orders) -> NDArray[np.float64]:
    """Give the money that each treated offer's discount cost: on the very item, while the offer was good."""
    discount = np.where(found.control, 0.0, found.numbers("discount"))
    if not discount.any():
        return discount
    ends = found.offers.days("expires_on")[found.row]
    item = places_of(orders.item_ids.cast(pa.string()), found.offers.ids("item_id"))[found.row]
    key = orders.customer.astype(np.int64) * orders.n_items + orders.item
    by = np.lexsort((orders.day, key))
    sorted_key = (key[by] << 22) + orders.day[by]
    start = (found.code * orders.n_items + item) << 22
    last = np.where(np.isnan(ends), found.day, np.nan_to_num(ends)).astype(np.int64)
    low, high = (
        np.searchsorted(sorted_key, start + found.day),
        np.searchsorted(sorted_key, start + last, side="right"),
    )
    pieces = np.concatenate([[0.0], np.cumsum(np.nan_to_num(orders.quantity[by], nan=1.0))])
    unknown = (found.code < 0) | (item < 0)
    return np.where(unknown, 0.0, pieces[np.maximum(high, low)] - pieces[low]) * discount
