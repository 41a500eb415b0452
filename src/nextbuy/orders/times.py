"""Moments from whatever a time column holds, text or numbers or datetimes: always UTC microseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.ids import coded, is_text, pieces
from nextbuy.orders.timetext import parse_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.parquet import Column

DAYS = "days since 1970-01-01"
_WRITTEN = "dates written like 20260131"
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PER_UNIT = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 1, "D": DAY_US}
# years 1 to 9999, the range of a datetime
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


@dataclass(eq=False)
class Times:
    """Microseconds since 1970-01-01 UTC by row, and what had to be assumed for which rows."""

    us: NDArray[np.int64]
    known: NDArray[np.bool_]
    ambiguous: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    assumed: str = ""  # how ambiguous rows were read
    clock_change: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    numeric: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    numeric_as: str = ""


def check_zone(timezone: str) -> None:
    """Raise when the zone is unknown."""
    from zoneinfo import available_timezones

    try:
        ZoneInfo(timezone)
    except (ValueError, OSError, KeyError, TypeError) as error:
        close = nearest(timezone, available_timezones())
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise InputError(f"timezone={timezone!r} is unknown.{hint} Try timezone='Europe/Berlin'.") from error


def read_times(
    columns: Sequence[Column | pa.ChunkedArray], *, time_format: str | None, timezone: str
) -> Times:
    """Read a time column that may come in several pieces of different types.

    Parameters
    ----------
    columns : sequence of Column or pyarrow.ChunkedArray
        The pieces, one a file.
    time_format : str or None
        A strptime format for text, or the unit of epoch numbers: "s", "ms", "us", "ns", "D".
    timezone : str
        The zone of times that carry none.

    Returns
    -------
    Times
        With `us` meaningless where not `known`.
    """
    check_zone(timezone)
    size = sum(len(c) for c in columns)
    us, known, naive = scratch.empty(size, np.int64), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    out = Times(us, known)
    texts: list[tuple[int, tuple[NDArray[np.int32], pa.Array]]] = []
    numbers: list[tuple[int, NDArray[np.float64]]] = []
    start = 0
    for column in columns:
        end, kind = start + len(column), column.type
        if is_text(kind):
            texts.append((start, coded(column)))
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            numbers.append((start, as_floats(column)))
        elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            naive[start:end] = getattr(kind, "tz", None) is None
            at = start
            for piece in pieces(column):
                rows = slice(at, at + len(piece))
                us[rows], known[rows] = _from_arrow(piece)
                at = rows.stop
        else:
            us[start:end] = 0
        start = end
    if texts:
        _read_texts(texts, out, naive, time_format)
    if numbers:
        _read_numbers(numbers, out, time_format)
    known &= (us >= _FIRST) & (us <= _LAST)
    if timezone.upper() != "UTC":
        _to_utc(out, naive & known, timezone)
        known &= (us >= _FIRST) & (us <= _LAST)
    return out


def _from_arrow(whole: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    kind = whole.type
    if pa.types.is_date(kind):
        whole = whole.cast(pa.timestamp("s" if kind == pa.date32() else "ms"))
    unit = whole.type.unit
    valid = whole.is_valid().to_numpy(zero_copy_only=False)
    raw = pc.fill_null(whole.cast(pa.timestamp(unit)).cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    if unit == "ns":
        return raw // 1000, valid
    factor = _PER_UNIT[unit]
    fits = np.abs(raw) < _LAST // factor + 1
    return np.where(fits, raw, 0) * factor, valid & fits


def _read_texts(
    texts: list[tuple[int, tuple[NDArray[np.int32], pa.Array]]],
    out: Times,
    naive: NDArray[Any],
    time_format: str | None,
) -> None:
    distinct = pa.concat_arrays([words.cast(pa.string()) for _, (_, words) in texts])
    unit = time_format if time_format in _PER_UNIT else None
    read = parse_text(distinct, None if unit else time_format)
    digits = np.flatnonzero(read.digits)
    # among written dates a bare number is no moment, unless the caller says so
    if len(digits) and (unit or not read.known.any()):
        number = pc.utf8_trim_whitespace(distinct.take(pa.array(digits))).cast(pa.float64())
        us, known, out.numeric_as = _epoch(number.to_numpy(zero_copy_only=False), unit)
        read.us[digits], read.known[digits] = us, known
    shift = 0
    ambiguous = [out.ambiguous]
    for start, (codes, words) in texts:
        for some in scratch.blocks(len(codes)):
            none = codes[some] < 0
            code = np.where(none, 0, codes[some] + np.int64(shift))
            rows = slice(start + some.start, start + some.stop)
            if not len(distinct):
                out.us[rows] = 0
                continue
            out.us[rows], out.known[rows] = read.us[code], read.known[code] & ~none
            naive[rows] = read.naive[code]
            if read.ambiguous.any():
                ambiguous.append(np.flatnonzero(read.ambiguous[code] & ~none) + rows.start)
            if out.numeric_as:
                out.numeric = np.append(out.numeric, np.flatnonzero(out.known[rows]) + rows.start)
        shift += len(words)
    out.ambiguous, out.assumed = np.concatenate(ambiguous), read.assumed


def as_floats(column: Column | pa.ChunkedArray) -> NDArray[np.float64]:
    """Give a column of numbers; NaN where there is none."""
    out, filled = scratch.empty(len(column), np.float64), 0
    for piece in pieces(column):
        number = piece.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        out[filled : filled + len(number)] = number
        filled += len(number)
    return out


def _read_numbers(numbers: list[tuple[int, NDArray[Any]]], out: Times, time_format: str | None) -> None:
    unit = time_format if time_format in _PER_UNIT else None
    every = numbers[0][1] if len(numbers) == 1 else scratch.moved(np.concatenate([n for _, n in numbers]))
    us, known, assumed = _epoch(every, unit)
    noted, at = bool(assumed) and not (time_format == "%Y%m%d" and assumed == _WRITTEN), 0
    for start, one in numbers:
        rows, own = slice(start, start + len(one)), slice(at, at + len(one))
        out.us[rows], out.known[rows] = us[own], known[own]
        if noted:
            out.numeric = np.append(out.numeric, scratch.marked(known[own]) + start)
        at = own.stop
    if noted:
        out.numeric_as = assumed


def _epoch(number: NDArray[np.float64], unit: str | None) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    """Read epoch numbers in `unit`, or in the one their size says; the last result names what was guessed."""
    us, known = scratch.empty(len(number), np.int64), np.zeros(len(number), dtype=bool)
    shift, assumed = 0, ""
    if unit is None:
        unit, shift, assumed = _guessed(number)
    for some in scratch.blocks(len(number)):
        if assumed == _WRITTEN:
            us[some], known[some], _ = _written(number[some])
        else:
            us[some], known[some] = _since_1970(number[some], unit, shift)
    return us, known, assumed


def _guessed(number: NDArray[np.float64]) -> tuple[str, int, str]:
    """Give the unit that the size of the numbers says, what to take off before, and the words for it."""
    known = scratch.empty(int(np.isfinite(number).sum()), np.float64)
    filled = 0
    for some in scratch.blocks(len(number)):
        here = number[some][np.isfinite(number[some])]
        known[filled : filled + len(here)] = here
        filled += len(here)
    if not filled:
        return "s", 0, ""
    middle = np.median(known, overwrite_input=True)
    size = np.median(np.abs(known, out=known), overwrite_input=True)
    # as seconds these would all be days of 1970
    if 19000101 <= middle <= 21001231:
        dates = near = 0
        for some in scratch.blocks(len(number)):
            _, read, close = _written(number[some])
            dates, near = dates + int(read.sum()), near + int(close.sum())
        if dates > 0.5 * near:
            return "D", 0, _WRITTEN
    if size < 29_221:  # 2050 as days since 1970
        return "D", 0, DAYS
    if size < 73_050:
        # 1980 to 2100 as the serial numbers of a spreadsheet
        return "D", 25_569, "spreadsheet days since 1899-12-30"
    unit = next((u for u, most in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if size < most), "ns")
    return unit, 0, f"{_NAMES[unit]} since 1970-01-01"


def _written(number: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Read numbers like 20260131; the last result marks those of that size."""
    near = np.isfinite(number) & (number >= 19000101) & (number <= 21001231)
    words, of = np.unique(np.where(near, number, 0).astype(np.int64), return_inverse=True)
    read = parse_text(pa.array(words).cast(pa.string()), "%Y%m%d")
    return read.us[of], read.known[of] & near, near


def _since_1970(
    number: NDArray[np.float64], unit: str, shift: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    known = np.isfinite(number)
    number = np.where(known, number, 0.0) - shift
    factor = 1e-3 if unit == "ns" else float(_PER_UNIT[unit])
    fits = np.abs(number) * factor < _LAST
    us = np.where(fits, number, 0.0)
    if unit == "ns":
        return np.floor(us / 1000).astype(np.int64), known & fits
    whole = np.floor(us)
    part = np.round((us - whole) * factor).astype(np.int64)
    return whole.astype(np.int64) * int(factor) + part, known & fits


def _to_utc(out: Times, naive: NDArray[np.bool_], timezone: str) -> None:
    """Read naive times in `timezone`; those that the clock skips or repeats are listed, none fails."""
    changed = [np.zeros(0, np.int64)]
    for some in scratch.blocks(len(naive)):
        rows = np.flatnonzero(naive[some]) + some.start
        local = pa.array(out.us[rows]).cast(pa.timestamp("us"))
        one = pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="latest")
        other = pc.assume_timezone(local, timezone, ambiguous="latest", nonexistent="earliest")
        first, second = (a.cast(pa.int64()).to_numpy(zero_copy_only=False) for a in (one, other))
        out.us[rows] = first
        changed.append(rows[first != second])
    out.clock_change = np.concatenate(changed)
