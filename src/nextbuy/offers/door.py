"""Predictions, contacts and consent as arrays, from whatever kind of table they come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.ids import is_text, one_array, read_ids
from nextbuy.orders.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NEEDED = ("customer_id", "item_id", "probability")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one source; `text` holds ids as text, null where missing."""

    what: str
    table: pa.Table
    backend: str

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def has(self, name: str) -> bool:
        """Say whether there is such a column."""
        return name in self.table.column_names

    def column(self, name: str, kind: pa.DataType) -> pa.Array:
        """Give a column as it came, or nulls of `kind` where there is none."""
        return one_array(self.table.column(name)) if self.has(name) else pa.nulls(len(self), kind)

    def ids(self, name: str) -> pa.Array:
        """Give an id column as text: 1, 1.0 and "1" are one id; null where missing."""
        ids = read_ids([self.table.column(name)])
        return pc.cast(ids.values, pa.string()).take(pa.array(ids.codes, mask=ids.codes < 0))

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column of numbers, NaN where missing."""
        column = self.column(name, pa.float64())
        try:
            return np.asarray(pc.cast(column, pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))
        except pa.ArrowInvalid as error:
            raise InputError(f"{self.what}: column {name!r} holds no numbers: {error}.") from error

    def days(self, name: str) -> NDArray[np.float64]:
        """Give a column of dates as whole days since 1970-01-01 UTC, NaN where missing."""
        import pandas as pd

        column = self.column(name, pa.timestamp("us"))
        given = pd.Series(column.to_pandas())
        form = None if _dated(column) else "ISO8601"
        try:
            stamps = pd.to_datetime(given, utc=True, format=form)
        except (ValueError, TypeError):
            stamps = pd.to_datetime(given, utc=True, format=form, errors="coerce")
            self.refuse(
                (stamps.isna() & given.notna()).to_numpy(), name, "no date", "Write days as 2026-06-01."
            )
        us = stamps.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
        return np.where(np.isnat(us), np.nan, us.astype(np.int64).astype(np.float64))

    def flags(self, name: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Give a column of truth values, and where it is known."""
        column = self.column(name, pa.bool_())
        if not pa.types.is_boolean(column.type):
            words = pc.utf8_lower(pc.cast(column, pa.string()))
            yes = pc.is_in(words, pa.array(["true", "t", "yes", "y", "1", "1.0"]))
            no = pc.is_in(words, pa.array(["false", "f", "no", "n", "0", "0.0"]))
            known = pc.or_(yes, no)
            odd = pc.and_(pc.is_valid(words), pc.invert(known))
            self.refuse(np.asarray(odd), name, "neither true nor false", "Write true or false.")
            column = pc.if_else(known, yes, pa.scalar(None, pa.bool_()))
        known = np.asarray(column.is_valid())
        return np.asarray(column.fill_null(False)), known

    def refuse(self, bad: NDArray[np.bool_], name: str, why: str, hint: str) -> None:
        """Raise when some rows are `bad`, with their count and three of them."""
        rows = np.flatnonzero(bad)
        if len(rows):
            some = ", ".join(
                f"row {int(r) + 1}: {self.table.column(name)[int(r)].as_py()!r}" for r in rows[:3]
            )
            raise InputError(f"{self.what}: {len(rows):,} rows have a {name} that is {why} ({some}). {hint}")


def places_of(known: pa.Array, ids: pa.Array) -> NDArray[np.int64]:
    """Give the place of each id, as text, among the known ones; -1 where unknown or missing."""
    found = pc.index_in(ids, known.cast(ids.type), skip_nulls=True)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def _dated(column: pa.Array) -> bool:
    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def open_table(source: Any, *, what: str, needed: tuple[str, ...]) -> Table:
    """Open a frame, file, glob or list of dicts that must have the `needed` columns."""
    parts, backend = open_source(source, wanted=list(needed))
    names = list(dict.fromkeys(n for p in parts for n in p.names))
    for name in needed:
        if any(name not in p.names for p in parts):
            close = nearest(name, names, most=1)
            hint = f" Did you mean {close[0]!r}? Rename it to {name!r}." if close else ""
            raise InputError(f"{what}: there is no column {name!r}.{hint} Columns seen: {', '.join(names)}.")
    columns: Mapping[str, pa.ChunkedArray] = {
        name: _joined(
            [p.load(name) if name in p.names else pa.chunked_array([pa.nulls(p.rows)]) for p in parts]
        )
        for name in names
    }
    return Table(what, pa.table(columns), backend)


def _joined(pieces: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    plain = [p.cast(_plain(p.type)) for p in pieces]
    kinds = {p.type for p in plain if not pa.types.is_null(p.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string() if kinds else pa.null()
    return pa.chunked_array([c for p in plain for c in p.cast(kind).chunks], kind)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Give the type that a column has whatever frame it came in."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if is_text(kind) else kind


def open_predictions(source: Any) -> Table:
    """Open predictions and check what the planner relies on: ids, probabilities, no row twice."""
    out = open_table(source, what="predictions", needed=NEEDED)
    for name in ("customer_id", "item_id"):
        out.refuse(np.asarray(out.ids(name).is_null()), name, "missing", "Every candidate needs both ids.")
    p = out.numbers("probability")
    with np.errstate(invalid="ignore"):
        out.refuse(
            ~((p >= 0) & (p <= 1)),
            "probability",
            "not between 0 and 1",
            "Give the calibrated chance of buying.",
        )
    customer, item = (
        read_ids([out.table.column(n)]).codes.astype(np.int64) for n in ("customer_id", "item_id")
    )
    key = customer * (int(item.max(initial=0)) + 1) + item
    _, first = np.unique(key, return_index=True)
    again = np.ones(len(out), dtype=bool)
    again[first] = False
    out.refuse(again, "item_id", "there already for this customer", "Give each customer and item once.")
    return out
