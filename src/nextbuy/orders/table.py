"""The one table that enters: what happened, as coded arrays."""

from __future__ import annotations

import hashlib
import re
from copy import copy
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders import scratch
from nextbuy.orders.card import as_html, as_text
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, moments, take, to_frame
from nextbuy.orders.lines import Lines, canonical
from nextbuy.orders.problems import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.catalog import Catalog

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive times are UTC in this house
Moment = str | datetime | np.datetime64

_DAY_OR_MONTH_FIRST = re.compile(r"\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")


def to_us(moment: Any, *, name: str = "as_of") -> int:
    """Microseconds since 1970-01-01 UTC of a date, datetime or ISO string; no zone means UTC."""
    return _text_to_us(moment, name) if type(moment) is str else _any_to_us(moment, name)


def _any_to_us(moment: Any, name: str) -> int:
    import pandas as pd

    if isinstance(moment, (int, float)) or (isinstance(moment, str) and _DAY_OR_MONTH_FIRST.match(moment)):
        raise InputError(f"{name}={moment!r} could be more than one date. Write it like {name}='2026-06-01'.")
    try:
        stamp = pd.Timestamp(moment)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name}={moment!r} is not a date. Try {name}='2026-06-01'.") from error
    if pd.isna(stamp):
        raise InputError(f"{name}={moment!r} is not a date. Try {name}='2026-06-01'.")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    # Timestamp.value is in nanoseconds whatever the unit
    return int(stamp.as_unit("us").asm8.astype(np.int64))


_text_to_us = lru_cache(maxsize=1024)(_any_to_us)  # a service is asked as of one day many times


def _whole(one_id: Any) -> str:
    """Spell an id as reading does: 17850.0 is 17850."""
    if isinstance(one_id, (float, np.floating)) and float(one_id).is_integer():
        return str(int(one_id))
    return str(one_id)


def codes_of(known: pa.Array, ids: Sequence[Any]) -> NDArray[np.int64]:
    """Give the place of each id among the known ones; -1 where unknown. 1, 1.0 and "1" are one id."""
    if not len(known):
        return np.full(len(ids), -1, np.int64)
    import pyarrow.compute as pc  # 60 ms, which mining lists of baskets can do without

    asked = pc.utf8_trim_whitespace(pa.array([_whole(i) for i in ids], pa.string()))
    found = pc.index_in(asked, pc.cast(known, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def check_orders(orders: Any, *, need: str, call: str = "fit") -> None:
    """Refuse to `call` on anything but orders that name their customers; `need` says what needs them."""
    if not isinstance(orders, Orders):
        raise InputError(
            f"{call} needs Orders, not {type(orders).__name__}. Try {call}(read_orders(your_frame))."
        )
    if not orders.has_customers:
        raise InputError(
            f"{need}: these orders have no customer column. Try read_orders(..., customer='your_customer_column'), or "
            "AssociationRules, which needs none."
        )


class Orders:
    """Order lines, checked once at the door. Made by `nextbuy.read_orders`.

    Everything inside works on int32 codes; the id arrays turn a code into the caller's own id.

    Attributes
    ----------
    customer, order, item : ndarray of int32, one entry a line
        Codes, sorted by (customer, time, order, item); one line per order and item.
    time : ndarray of int64
        Microseconds since 1970-01-01 UTC of the line's order.
    day : ndarray of int32
        Whole days since 1970-01-01 UTC.
    quantity, price : ndarray of float64
        Pieces kept (returns taken off) and price of one piece; NaN where unknown.
    customer_offsets, order_offsets : ndarray of int64
        Where each customer's and each order's lines begin, with the end appended.
    customer_ids, order_ids, item_ids : pyarrow.Array
        The caller's own ids by code.
    customer_hash : ndarray of uint64
        A number by customer from that customer's own times and quantities alone: for stable halves and
        samples.
    catalog : Catalog or None
    backend : {"pandas", "polars", "pyarrow"}
        The kind of frame that results come back in.
    has_customers : bool
        False when the source had no customer column: then each order stands alone.
    ledger : dict of str to int
        Lines read, kept, merged and set_aside: kept + merged + set_aside = read.
    max_memory : int or None
        Bytes that learning from these orders and answering for them may take; None: no bound. See `read_orders`.
    """

    def __init__(
        self,
        lines: Lines,
        *,
        customer_ids: pa.Array,
        order_ids: pa.Array,
        item_ids: pa.Array,
        catalog: Catalog | None = None,
        problems: pa.Table | None = None,
        ledger: dict[str, int] | None = None,
        backend: str = "pandas",
        has_customers: bool = True,
        known_before: int | None = None,
        max_memory: int | None = None,
    ) -> None:
        self.max_memory = scratch.bound() if max_memory is None else max_memory
        with scratch.bounded(self.max_memory):
            coded = canonical(lines, known_before, customer_ids, item_ids)
        self._lines, self._ids = lines, (customer_ids, order_ids, item_ids)
        self._problems, self.ledger = problems, ledger or {}
        self.customer, self.order, self.item = coded.customer, coded.order, coded.item
        self.time, self.quantity, self.price = coded.time, coded.quantity, coded.price
        self.customer_ids = customer_ids.take(pa.array(coded.customers))
        self.order_ids = order_ids.take(pa.array(coded.orders))
        self.item_ids = item_ids.take(pa.array(coded.items))
        self.customer_hash = coded.customer_hash
        self.customer_offsets = np.searchsorted(
            self.customer, np.arange(len(self.customer_ids) + 1, dtype=np.int32)
        )
        self.order_offsets = np.searchsorted(self.order, np.arange(len(self.order_ids) + 1, dtype=np.int32))
        self.catalog, self.backend, self.has_customers = catalog, backend, has_customers
        self.known_before = known_before

    def __len__(self) -> int:
        return len(self.item)

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    @property
    def end_day(self) -> int:
        """First whole day (since 1970-01-01 UTC) of which nothing is known: after the last line, or as_of."""
        end = int(self.day.max(initial=-1)) + 1
        return end if self.known_before is None else max(end, -(-self.known_before // DAY_US))

    @property
    def problem_table(self) -> pa.Table:
        """`problems` as an arrow table."""
        return SCHEMA.empty_table() if self._problems is None else self._problems

    @property
    def problems(self) -> Any:
        """What the checks found, as a frame of the caller's kind, one row a problem.

        Columns: problem (code), column, rows, kept, merged, set_aside (what became of the rows), examples (up
        to three, with their place), action (what was done), change (how to have it otherwise).
        """
        frame = to_frame(self.problem_table, self.backend)
        if self.backend == "pandas":
            # arrow hands pandas arrays, which have no truth and no comparison
            frame["examples"] = self.problem_table.column("examples").to_pylist()
        return frame

    @property
    def n_customers(self) -> int:
        """How many customers."""
        return len(self.customer_ids)

    @property
    def n_orders(self) -> int:
        """How many orders (one id of one customer on one day)."""
        return len(self.order_ids)

    @property
    def n_items(self) -> int:
        """How many items."""
        return len(self.item_ids)

    @cached_property
    def day(self) -> NDArray[np.int32]:
        """Whole days since 1970-01-01 UTC, by line."""
        with scratch.bounded(self.max_memory):
            day = scratch.empty(len(self.time), np.int32)
        for some in scratch.blocks(len(day)):
            day[some] = self.time[some] // DAY_US
        return day

    def _some(self) -> None:
        if not len(self):
            raise InputError(
                "There are no order lines"
                + (
                    f" before {_EPOCH + timedelta(microseconds=self.known_before)}."
                    if self.known_before is not None
                    else ": all were set aside, or none were read. Look at orders.problems."
                )
            )

    @property
    def start(self) -> datetime:
        """Moment of the first order, UTC."""
        self._some()
        return _EPOCH + timedelta(microseconds=int(self.time.min()))

    @property
    def last(self) -> datetime:
        """Moment of the last order, UTC."""
        self._some()
        return _EPOCH + timedelta(microseconds=int(self.time.max()))

    @property
    def end(self) -> datetime:
        """Midnight after the last order, UTC: the natural as_of of the whole table."""
        self._some()
        return _EPOCH + timedelta(days=int(self.day.max()) + 1)

    def before(self, as_of: Moment) -> Orders:
        """Give what was known at `as_of`: orders strictly before it, less the returns before it."""
        moment = to_us(as_of)
        if moment == self.known_before:
            return self
        lines = self._lines
        latest = max(lines.time.max(initial=0), lines.return_time.max(initial=0))
        if (
            self.known_before is None and moment > latest and len(self)
        ):  # the same lines: nothing is sorted anew
            same = copy(self)
            same.known_before = moment
            return same
        return self._with(known_before=moment)

    def of(self, customers: Sequence[Any]) -> Orders:
        """Give the orders of some customers, by their ids; unknown ids are passed over."""
        codes = codes_of(self._ids[0], customers)
        return self._with(lines=self._lines.of_customers(codes[codes >= 0]))

    def level(self, level: str) -> Orders:
        """Give the same orders with items replaced by their `level`: "item", or a catalog column.

        Items without a category keep their own id, so that nothing is lost.
        """
        if level == "item":
            return self
        if self.catalog is None:
            raise InputError(
                f"level={level!r} needs a catalog with the columns item_id and {level}. "
                "Try read_orders(..., catalog='items.parquet')."
            )
        import pyarrow.compute as pc

        ids = self._ids[2]
        names = pc.coalesce(self.catalog.column(level, ids).cast(pa.string()), ids.cast(pa.string()))
        coded = names.dictionary_encode()
        lines = self._lines
        item = coded.indices.to_numpy(zero_copy_only=False).astype(np.int32)[lines.item]
        replaced = Lines(
            lines.customer,
            lines.order,
            item,
            lines.time,
            lines.quantity,
            lines.price,
            lines.return_line,
            lines.return_time,
            lines.return_quantity,
        )
        return self._with(lines=replaced, item_ids=coded.dictionary, catalog=None)

    def _with(self, **changes: Any) -> Orders:
        customer_ids, order_ids, item_ids = self._ids
        given: dict[str, Any] = {
            "lines": self._lines,
            "customer_ids": customer_ids,
            "order_ids": order_ids,
            "item_ids": item_ids,
            "catalog": self.catalog,
            "problems": self._problems,
            "ledger": self.ledger,
            "backend": self.backend,
            "has_customers": self.has_customers,
            "known_before": self.known_before,
            "max_memory": self.max_memory,
        }
        return Orders(**(given | changes))

    def checksum(self) -> str:
        """Give the SHA-256 of all that can be learned from: lines, returns, ids, catalog, and how far they go."""
        found = hashlib.sha256(repr(self.known_before).encode())
        for column in fields(self._lines):
            found.update(np.ascontiguousarray(getattr(self._lines, column.name)).data)
        tables = [pa.table({"id": ids}) for ids in self._ids]
        for table in tables if self.catalog is None else [*tables, self.catalog.table]:
            for batch in table.combine_chunks().to_batches():
                found.update(batch.serialize())
        return found.hexdigest()

    def codes(self, ids: Sequence[Any], *, of: str = "item") -> NDArray[np.int64]:
        """Give the codes of the caller's own ids, of="item" or "customer"; -1 where unknown."""
        return codes_of(self.item_ids if of == "item" else self.customer_ids, ids)

    def frame(self) -> Any:
        """Give the kept lines as a frame: customer_id, order_id, timestamp, item_id, quantity, price."""
        return to_frame(
            {
                "customer_id": take(self.customer_ids, self.customer),
                "order_id": take(self.order_ids, self.order),
                "timestamp": moments(self.time),
                "item_id": take(self.item_ids, self.item),
                "quantity": self.quantity,
                "price": pa.array(self.price, from_pandas=True),
            },
            self.backend,
        )
