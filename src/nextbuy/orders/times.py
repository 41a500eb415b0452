"""Moments from whatever a time column holds, text or numbers or datetimes: always UTC microseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.ids import is_text, one_array
from nextbuy.orders.timetext import parse_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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


def read_times(columns: Sequence[pa.ChunkedArray], *, time_format: str | None, timezone: str) -> Times:
    """Read a time column that may come in several pieces of different types.

    Parameters
    ----------
    columns : sequence of pyarrow.ChunkedArray
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
    us, known, naive = np.zeros(size, np.int64), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    out = Times(us, known)
    texts: list[tuple[int, pa.Array]] = []
    numbers: list[tuple[int, NDArray[np.float64]]] = []
    start = 0
    for column in columns:
        whole = one_array(column)
        rows = slice(start, start + len(whole))
        kind = whole.type.value_type if pa.types.is_dictionary(whole.type) else whole.type
        if is_text(kind):
            texts.append((start, whole))
        else:
            if pa.types.is_dictionary(whole.type):
                whole = whole.dictionary_decode()
            if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
                numbers.append((start, whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)))
            elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
                us[rows], known[rows] = _from_arrow(whole)
                naive[rows] = getattr(kind, "tz", None) is None
        start = rows.stop
    if texts:
        _read_texts(texts, out, naive, time_format)
    if numbers:
        _read_numbers(numbers, out, time_format)
    known &= (us >= _FIRST) & (us <= _LAST)
    if timezone.upper() != "UTC":
        _to_utc(out, naive & known, timezone)
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
    texts: list[tuple[int, pa.Array]], out: Times, naive: NDArray[Any], time_format: str | None
) -> None:
    words = [t if pa.types.is_dictionary(t.type) else t.dictionary_encode() for _, t in texts]
    distinct = pa.concat_arrays([w.dictionary.cast(pa.string()) for w in words])
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
    for (start, _), word in zip(texts, words, strict=True):
        code = pc.fill_null(word.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        none = code < 0
        code = np.where(none, 0, code + shift)
        rows = slice(start, start + len(code))
        if len(distinct):
            out.us[rows], out.known[rows] = read.us[code], read.known[code] & ~none
            naive[rows] = read.naive[code]
            if read.ambiguous.any():
                ambiguous.append(np.flatnonzero(read.ambiguous[code] & ~none) + start)
            if out.numeric_as:
                out.numeric = np.append(out.numeric, np.flatnonzero(out.known[rows]) + start)
        shift += len(word.dictionary)
    out.ambiguous, out.assumed = np.concatenate(ambiguous), read.assumed


def _read_numbers(numbers: list[tuple[int, NDArray[Any]]], out: Times, time_format: str | None) -> None:
    unit = time_format if time_format in _PER_UNIT else None
    us, known, assumed = _epoch(np.concatenate([n for _, n in numbers]), unit)
    rows = np.concatenate([np.arange(start, start + len(n)) for start, n in numbers])
    out.us[rows], out.known[rows] = us, known
    if assumed and not (time_format == "%Y%m%d" and assumed == _WRITTEN):
        out.numeric, out.numeric_as = np.append(out.numeric, rows[known]), assumed


def _epoch(number: NDArray[np.float64], unit: str | None) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    """Read epoch numbers in `unit`, or in the one their size says; the last result names what was guessed."""
    known = np.isfinite(number)
    number = np.where(known, number, 0.0)
    assumed = ""
    if unit is None and known.any():
        size = np.median(np.abs(number[known]))
        # as seconds these would all be days of 1970
        if 19000101 <= np.median(number[known]) <= 21001231:
            near = known & (number >= 19000101) & (number <= 21001231)
            text = pa.array(np.where(near, number, 0).astype(np.int64)).cast(pa.string())
            read = parse_text(text, "%Y%m%d")
            if read.known[near].mean() > 0.5:
                return read.us, read.known & near, _WRITTEN
        if size < 29_221:  # 2050 as days since 1970
            unit, assumed = "D", DAYS
        elif size < 73_050:
            # 1980 to 2100 as the serial numbers of a spreadsheet
            unit, assumed, number = "D", "spreadsheet days since 1899-12-30", number - 25_569
        else:
            unit = next((u for u, most in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if size < most), "ns")
            assumed = f"{_NAMES[unit]} since 1970-01-01"
    factor = 1e-3 if unit == "ns" else float(_PER_UNIT[unit or "s"])
    fits = np.abs(number) * factor < _LAST
    us = np.where(fits, number, 0.0)
    if unit == "ns":
        return np.floor(us / 1000).astype(np.int64), known & fits, assumed
    whole = np.floor(us)
    part = np.round((us - whole) * factor).astype(np.int64)
    return whole.astype(np.int64) * int(factor) + part, known & fits, assumed


def _to_utc(out: Times, naive: NDArray[np.bool_], timezone: str) -> None:
    """Read naive times in `timezone`; those that the clock skips or repeats are listed, none fails."""
    rows = np.flatnonzero(naive)
    local = pa.array(out.us[rows]).cast(pa.timestamp("us"))
    one = pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="latest")
    other = pc.assume_timezone(local, timezone, ambiguous="latest", nonexistent="earliest")
    first, second = (a.cast(pa.int64()).to_numpy(zero_copy_only=False) for a in (one, other))
    out.us[rows] = first
    out.clock_change = rows[first != second]
