"""The door: any source of order lines in, one checked `Orders` out."""

from __future__ import annotations

import time as clock
from copy import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from nextbuy.orders import checks, linechecks, scratch
from nextbuy.orders.catalog import Catalog, read_catalog
from nextbuy.orders.columns import map_columns
from nextbuy.orders.errors import InputError
from nextbuy.orders.ids import read_ids
from nextbuy.orders.lines import Lines
from nextbuy.orders.numbers import read_numbers
from nextbuy.orders.problems import Problems
from nextbuy.orders.raw import Raw
from nextbuy.orders.sources import open_source
from nextbuy.orders.table import Orders, to_us
from nextbuy.orders.times import read_times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nextbuy.orders.sources import Part


def read_orders(
    source: Any,
    *,
    customer: str | None = "customer_id",
    order: str | None = "order_id",
    time: str = "timestamp",
    item: str = "item_id",
    quantity: str | None = "quantity",
    price: str | None = "price",
    catalog: Any = None,
    query: str | None = None,
    as_of: str | datetime | np.datetime64 | None = None,
    time_format: str | None = None,
    timezone: str = "UTC",
    encoding: str | None = None,
    on_problem: Literal["keep", "raise"] = "keep",
    max_memory: int | str | None = None,
) -> Orders:
    """Read order lines from files, frames or a database, check them, and code them.

    Parameters
    ----------
    source : path, glob, list of them, frame, list of dict, database address, or Orders
        .csv (also .csv.gz, .tsv, .txt; the delimiter is found out) and .parquet files; a pandas, polars or
        pyarrow frame, a DuckDB relation, or anything with the Arrow stream protocol; rows as dicts; a
        database address such as "sqlite:///shop.db" together with `query`. `Orders` pass through.
    customer, order, time, item, quantity, price : str or None
        The source's names of the columns. Without an order column, a customer's lines of one moment are one
        order; without a customer column, each order stands alone (`has_customers` is False); without
        quantity, each line is one piece; without price, prices are unknown. None leaves a column out though
        it is there.
    catalog : source of a catalog, or Catalog, optional
        See `read_catalog`.
    query : str, optional
        The SELECT for a database address.
    as_of : date, datetime or ISO string, default now
        Lines at or after it cannot have happened yet and are set aside.
    time_format : str, optional
        strptime format of a text column such as "%d/%m/%Y %H:%M", or unit of epoch numbers: "s", "ms", "us",
        "ns", "D". Without it ISO dates are read as such, and of day-first and month-first the one that fits.
    timezone : str, default "UTC"
        The zone of times that carry none, such as "Europe/Berlin". Everything inside is UTC.
    encoding : str, optional
        Of text files. Without it: UTF-8 or UTF-16 where the bytes are, else Windows-1252 or, where
        letters beyond ASCII stand in runs, Windows-1251 (Cyrillic): a guess, named as one.
    on_problem : {"keep", "raise"}, default "keep"
        "keep" handles what the checks find and lists it in `Orders.problems`; "raise" makes it one error.
    max_memory : int or str, optional
        Bytes, or text such as "2GB": what reading, and `NextPurchase` and `SequentialRules` learning from these orders
        and answering for them, may take. Lines and counts lie in files in the temporary directory (TMPDIR), which
        have no name and are gone with the orders; the results are the same. What else counts: docs/scale.md.

    Returns
    -------
    Orders
        With `problems` (what was found, what was done) and `ledger` (lines read = kept + merged + set_aside).

    Raises
    ------
    InputError
        When the source or a column cannot be read at all; with on_problem="raise" when any check finds
        anything.

    Examples
    --------
    >>> from nextbuy.orders import read_orders
    >>> orders = read_orders([
    ...     {"customer_id": "Al", "order_id": 1, "timestamp": "2026-03-01", "item_id": "tub", "quantity": 4},
    ...     {"customer_id": "Al", "order_id": 2, "timestamp": "2026-04-20", "item_id": "tap", "quantity": 1},
    ...     {"customer_id": "Al", "order_id": 3, "timestamp": "2026-04-28", "item_id": "tub", "quantity": -1},
    ...     {"customer_id": "", "order_id": 4, "timestamp": "2026-05-01", "item_id": "tap", "quantity": 1},
    ... ], as_of="2026-06-01")
    >>> orders
    Orders: 1 customer, 2 orders, 2 items, 2 lines, 2026-03-01 to 2026-04-20; 2 problems
    >>> orders.ledger
    {'read': 4, 'kept': 2, 'merged': 1, 'set_aside': 1}
    >>> orders.problems[["problem", "rows", "merged", "set_aside"]]
                problem  rows  merged  set_aside
    0  missing_customer     1       0          1
    1            return     1       1          0
    >>> orders.frame()[["item_id", "quantity"]]
      item_id  quantity
    0     tub       3.0
    1     tap       1.0
    """
    if on_problem not in {"keep", "raise"}:
        raise InputError(
            f"on_problem={on_problem!r} is unknown. Try on_problem='keep' or on_problem='raise'."
        )
    items = catalog if catalog is None or isinstance(catalog, Catalog) else read_catalog(catalog)
    most = scratch.to_bytes(max_memory)
    if isinstance(source, Orders):
        if most is not None:
            source = copy(source)
            source.max_memory = most
        return source if items is None else _with_catalog(source, items, on_problem)
    names = {
        "customer": customer,
        "order": order,
        "time": time,
        "item": item,
        "quantity": quantity,
        "price": price,
    }
    now = now_us() if as_of is None else to_us(as_of)
    with scratch.bounded(most):
        parts, backend = open_source(
            source, wanted=[n for n in names.values() if n], query=query, encoding=encoding
        )
        return _checked(
            source,
            parts,
            names,
            now=now,
            items=items,
            backend=backend,
            time_format=time_format,
            timezone=timezone,
            encoding=encoding,
            on_problem=on_problem,
        )


def _checked(
    source: Any,
    parts: Sequence[Part],
    names: dict[str, str | None],
    *,
    now: int,
    items: Catalog | None,
    backend: str,
    time_format: str | None,
    timezone: str,
    encoding: str | None,
    on_problem: str,
) -> Orders:
    """Check every column, then every line, and code what is kept."""
    raw = Raw(parts, _mapped(parts, names, source))
    problems = Problems(parts)
    checks.of_files(problems, raw, encoding=encoding)
    checks.of_rows(problems, raw)
    checks.of_columns(problems, raw, names)

    read = checks.Read(
        item=read_ids(*raw.ids("item")),
        customer=read_ids(*raw.ids("customer")) if raw.has("customer") else None,
        order=read_ids(*raw.ids("order")) if raw.has("order") else None,
        times=read_times(raw.columns("time"), time_format=time_format, timezone=timezone),
    )
    checks.of_ids(problems, raw, read)
    checks.of_times(problems, raw, read, now=now, timezone=timezone, time_format=time_format)
    for role in ("quantity", "price"):
        if raw.has(role):
            values, commas, unreadable = read_numbers(raw.columns(role))
            values = checks.of_numbers(problems, raw, role, values, commas=commas, unreadable=unreadable)
            setattr(read, role, values)
    checks.of_copies(problems, raw, read)
    checks.of_quantities(problems, raw, read)
    order_codes, order_ids, customer_codes, customer_ids = linechecks.owners(read)
    returned, purchase, pieces = linechecks.of_returns(problems, raw, read, order_codes, customer_codes)
    linechecks.of_prices(problems, raw, read)

    bought = scratch.marked(read.bought)
    rows = slice(None) if len(bought) == raw.rows else bought  # a view of all rows costs nothing
    lines = Lines(
        scratch.taken(customer_codes, rows),
        scratch.taken(order_codes, rows),
        scratch.taken(read.item.codes, rows),
        scratch.taken(read.times.us, rows),
        scratch.taken(read.quantity, rows),
        scratch.taken(read.price, rows),
        return_line=np.searchsorted(bought, purchase),
        return_time=read.times.us[returned],
        return_quantity=pieces,
    )
    orders = Orders(
        lines,
        customer_ids=customer_ids,
        order_ids=order_ids,
        item_ids=read.item.values,
        catalog=items,
        backend=backend,
        has_customers=read.customer is not None,
    )
    known, _ = lines.known_before(None)
    kept = scratch.taken(bought, known)
    linechecks.of_orders(
        problems, raw, read, kept, order_codes, customer=customer_codes, merged=len(kept) - len(orders)
    )
    linechecks.of_last_days(problems, raw, read, kept, order_codes)
    if items is not None:
        linechecks.of_catalog(problems, raw, read, items)
        problems.add_catalog(items.problems)
    if on_problem == "raise":
        problems.raise_if_any()
    orders.ledger, orders._problems = problems.ledger(), problems.table()  # noqa: SLF001 - known only now
    return orders


def now_us() -> int:
    """Microseconds since 1970-01-01 UTC of this moment."""
    return int(clock.time() * 1e6)


def _with_catalog(orders: Orders, items: Catalog, on_problem: str) -> Orders:
    """Give the same orders with a catalog, and with what was found in it."""
    of_catalog = Problems([])
    of_catalog.add_catalog(items.problems)
    if on_problem == "raise":
        of_catalog.raise_if_any()
    made = orders._with(catalog=items)  # noqa: SLF001 - its own module family
    # a catalog that the orders had before is gone, and its problems with it
    own = [
        c != "catalog" and not c.startswith("catalog.")
        for c in orders.problem_table.column("column").to_pylist()
    ]
    lines = orders.problem_table.filter(pa.array(own, pa.bool_()))
    made._problems = pa.concat_tables([lines, of_catalog.table()])  # noqa: SLF001 - its own module family
    return made


def _mapped(parts: Sequence[Part], names: dict[str, str | None], source: Any) -> dict[str, str | None]:
    """Map the columns; every file must have the keys, while quantity and price may be absent from some."""
    seen = list(dict.fromkeys(n for p in parts for n in p.names))
    mapping = map_columns(seen, names, source)
    keys = {r: n for r, n in mapping.items() if n is not None and r not in {"quantity", "price"}}
    for part in parts:
        absent = [n for n in keys.values() if n not in part.names]
        if absent:
            raise InputError(
                f"{part.label} has no column {absent[0]!r}, which other files have. "
                f"Columns seen in {part.label}: "
                f"{', '.join(part.names)}. Rename it there, or read that file by itself."
            )
        map_columns(part.names, keys, source, where=part.label)
    return mapping
