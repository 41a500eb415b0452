"""The checks over columns: what each finds, what it does, and how to have it otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from nextbuy.orders import scratch
from nextbuy.orders.columns import DEFAULTS, likely
from nextbuy.orders.duplicates import later_copies, repeated
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.problems import SET_ASIDE
from nextbuy.orders.times import DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from nextbuy.orders.ids import Ids
    from nextbuy.orders.problems import Problems
    from nextbuy.orders.raw import Raw
    from nextbuy.orders.times import Times

_1980 = 3652 * DAY_US


@dataclass(eq=False)
class Read:
    """Columns as numbers, by row of the source; `bought` marks purchases not set aside and no copies."""

    item: Ids
    customer: Ids | None
    order: Ids | None
    times: Times
    quantity: NDArray[np.float64] = field(init=False)
    price: NDArray[np.float64] = field(init=False)
    bought: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        rows = len(self.item.codes)
        self.quantity, self.price = scratch.empty(rows, np.float64), scratch.empty(rows, np.float64)
        self.quantity[:], self.price[:] = 1.0, np.nan
        self.bought = np.ones(rows, dtype=bool)


def of_files(problems: Problems, raw: Raw, *, encoding: str | None) -> None:
    """Malformed lines, and text that is not UTF-8 unless the caller named its encoding."""
    bad = [f"{p.label} line {line}: {text}" for p in raw.parts for line, text in p.malformed]
    problems.add_outside(
        "malformed_line",
        "",
        len(bad),
        bad,
        action="set aside: the number of fields is not that of the header",
        change="put quotes around values that hold the delimiter, in the file",
    )
    for k, part in enumerate(raw.parts if encoding is None else []):
        if part.encoding in {"utf-8", "utf-8-sig"} or not part.rows:
            continue
        texts = {n: part.load(n) for n in part.names}
        strange = np.zeros(part.rows, dtype=bool)
        for text in texts.values():
            strange |= pc.invert(pc.string_is_ascii(text)).to_numpy().astype(bool)
        rows = np.flatnonzero(strange) if not part.encoding.startswith("utf") else np.arange(part.rows)
        problems.add(
            "encoding",
            "",
            rows + raw.starts[k],
            action=f"read as {part.encoding}"
            if part.encoding.startswith("utf")
            else f"guessed as {part.encoding}: look at the examples, whether the letters are right",
            show=partial(_strange_words, texts, int(raw.starts[k])),
            change=f"if the letters are wrong try {_other_encodings(part.encoding)}; or save the file as UTF-8",
        )


def _other_encodings(taken: str) -> str:
    """Word the encodings that shops use beside the one taken."""
    others = {"cp1252": "Western", "cp1251": "Cyrillic", "cp1250": "Central European", "latin-1": "Western"}
    return " or ".join(f"encoding={e!r} ({letters})" for e, letters in others.items() if e != taken)


def _strange_words(texts: Mapping[str, pa.ChunkedArray], start: int, rows: NDArray[np.int64]) -> list[str]:
    """Give the first value of each row that is not plain ASCII, or its first value."""
    shown = []
    for row in rows:
        values = [(n, str(c[int(row) - start].as_py())) for n, c in texts.items()]
        name, value = next((v for v in values if not v[1].isascii()), values[0])
        shown.append(f"{name}={value!r}")
    return shown


def of_rows(problems: Problems, raw: Raw) -> None:
    """Name a source without a single row, with the columns that it has."""
    if raw.rows:
        return
    seen = dict.fromkeys(n for p in raw.parts for n in p.names)
    labels = ", ".join(p.label for p in raw.parts[:3] if p.label) or "the source"
    problems.note(
        "no_lines",
        [f"{labels}: columns {', '.join(seen)}"],
        action="nothing to read: there is not a single line below the header",
        change="give a source with order lines; check the path, or the filter that made it",
    )


def of_columns(problems: Problems, raw: Raw, names: Mapping[str, str | None]) -> None:
    """Name optional columns that are absent under their usual name though one of that meaning is there."""
    seen = list(dict.fromkeys(n for p in raw.parts for n in p.names))
    every = np.arange(raw.rows)
    free = [n for n in seen if n not in raw.mapping.values()]
    without = {
        "customer": "each order stands alone, as a customer of its own",
        "order": "a customer's lines of one moment are one order",
        "quantity": "each line counts as one piece",
        "price": "prices are unknown",
    }
    for role, action in without.items():
        if raw.has(role) or names[role] is None:
            continue
        close = likely(role, free, most=1)
        if close:
            problems.add(
                "unmapped_column",
                close[0],
                every,
                action=f"no column {DEFAULTS[role]!r}: {action}",
                change=f"{role}={close[0]!r}, or {role}=None if that is right",
            )
        elif role == "customer":
            problems.add(
                "no_customers",
                "",
                every,
                action=f"no column {DEFAULTS[role]!r}: {action}",
                change="customer='<your column>', or customer=None if that is right",
            )


def of_ids(problems: Problems, raw: Raw, read: Read) -> None:
    """Ids that are missing, of mixed types, or have spaces around them."""
    for role in ("customer", "item", "order"):
        ids: Ids | None = getattr(read, role)
        if ids is None:
            continue
        missing, name = np.flatnonzero(ids.codes < 0), raw.name(role)
        if role == "order":
            problems.add(
                "missing_order",
                name,
                missing,
                show=raw.show("customer", "time"),
                action="kept: a customer's lines of one moment are one order",
                change="give each line an order id, or order=None to do without",
            )
        else:
            problems.add(
                f"missing_{role}",
                name,
                missing,
                show=raw.show("order", "customer", "item"),
                action="set aside",
                change=f"fill {name} in the source"
                + (", or customer=None to read baskets only" if role == "customer" else ""),
            )
            problems.set_aside(missing)
        problems.add(
            "mixed_ids",
            name,
            ids.mixed,
            show=raw.show(role),
            action="all read as text, so that 1 and '1' are one id",
            change=f"store {name} in one type in the source",
        )
        problems.add(
            "spaces",
            name,
            ids.spaced,
            show=raw.show(role),
            action="spaces around the id taken off",
            change=f"trim {name} in the source",
        )


def of_times(
    problems: Problems, raw: Raw, read: Read, *, now: int, timezone: str, time_format: str | None
) -> None:
    """Name times that are missing, unreadable, absurd, unclear, or still to come."""
    times, name, show = read.times, raw.name("time"), raw.show("time")
    bad = np.flatnonzero(~times.known)
    problems.add(
        "bad_time",
        name,
        bad,
        show=show,
        action="set aside: missing or not a time",
        change="time_format='%d.%m.%Y %H:%M', spelled as your times are",
    )
    problems.set_aside(bad)
    absurd = _absurd_times(times, time_format)
    problems.add(
        "absurd_time",
        name,
        absurd,
        show=show,
        action="set aside: before 1980, a source's way of saying that the time is empty",
        change=f"correct {name} in the source",
    )
    problems.set_aside(absurd)
    problems.add(
        "ambiguous_dates",
        name,
        times.ambiguous,
        show=show,
        action=f"read {times.assumed}, which fits as well as "
        f"{'month' if times.assumed.startswith('day') else 'day'}-first",
        change="time_format='%d/%m/%Y' or time_format='%m/%d/%Y', with the clock if there is one",
    )
    problems.add(
        "numeric_dates",
        name,
        times.numeric,
        show=show,
        action=f"read as {times.numeric_as}",
        change="time_format='D', 's', 'ms', 'us' or 'ns' for the unit since 1970-01-01, or '%Y%m%d'",
    )
    problems.add(
        "clock_change",
        name,
        times.clock_change,
        show=show,
        action=f"the clock of {timezone} skips or repeats this hour: read as the first moment that fits",
        change="store times with their offset, like 2026-10-25T02:30:00+02:00",
    )
    future = np.flatnonzero(times.known & (times.us >= now))
    day = str(np.datetime64(now, "us").astype("datetime64[s]"))
    problems.add(
        "future",
        name,
        future,
        show=show,
        action=f"set aside: at or after as_of {day}",
        change=f"correct {name} in the source; or give as_of='2030-01-01', any later date",
    )
    problems.set_aside(future)


def _absurd_times(times: Times, time_format: str | None) -> NDArray[np.int64]:
    """Rows before 1980: the empty dates of spreadsheets and databases, and epoch zero."""
    early = np.flatnonzero(times.known & (times.us < _1980))
    if len(early) and (time_format == "D" or times.numeric_as == DAYS):
        # days counted from a start of the source's own are small numbers throughout; a stray zero is none
        tenth = np.quantile(times.us[times.known], 0.1)
        return early[:0] if tenth < _1980 else early
    return early


def of_numbers(
    problems: Problems,
    raw: Raw,
    role: str,
    values: NDArray[np.float64],
    *,
    commas: NDArray[np.int64],
    unreadable: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Name numbers with decimal commas, and those that are none; a missing price is just unknown."""
    name, show = raw.name(role), raw.show(role)
    problems.add(
        "decimal_comma",
        name,
        commas,
        show=show,
        action="commas and dots read as decimal marks or thousands",
        change=f"write {name} like 1234.5 in the source",
    )
    how = f"write numbers into {name} in the source"
    if role == "price":
        problems.add("bad_price", name, unreadable, show=show, action="kept, price unknown", change=how)
        return values
    bad = np.flatnonzero(np.isnan(values))
    problems.add("bad_quantity", name, bad, show=show, action="1 piece assumed", change=how)
    values[bad] = 1.0
    return values


def of_copies(problems: Problems, raw: Raw, read: Read) -> None:
    """Rows that agree with another in every column of the source: one stays."""
    keys: list[NDArray[Any]] = [read.item.codes, read.times.us, read.quantity, read.price]
    keys += [ids.codes for ids in (read.customer, read.order) if ids is not None]
    rows = repeated(keys)
    copies = later_copies(rows, raw.all_columns(rows))
    problems.add(
        "duplicate",
        "",
        copies,
        show=raw.show("order", "customer", "item"),
        action="kept once: equal to another row in every column",
        change="add a column that tells them apart, like a line number, if both happened",
    )
    problems.merge(copies)
    read.bought[copies] = False
    read.bought &= problems.fate != SET_ASIDE


def of_quantities(problems: Problems, raw: Raw, read: Read) -> None:
    """Quantities of zero."""
    problems.add(
        "zero_quantity",
        raw.name("quantity"),
        np.flatnonzero(read.quantity == 0),
        show=raw.show("quantity", "item"),
        action="kept, as a purchase of 0 pieces",
        change="leave these lines out of the source if nothing was bought",
    )
