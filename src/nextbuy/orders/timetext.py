"""Written dates: ISO first, then day-first or month-first by which reads them all, then months by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.errors import InputError
from nextbuy.orders.ids import blank

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ZONE = r"(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"
_ISO = rf"^\d{{4}}-\d{{2}}(-\d{{2}}([T ]\d{{2}}(:\d{{2}}(:\d{{2}}([.,]\d{{1,9}})?)?)?\s*{_ZONE}?)?)?$"
# only behind a clock: the end of 13-01-2011 is no zone
_ZONED = rf"(:\d{{2}}([.,]\d+)?|[T ]\d{{2}}|[AaPp]\.?[Mm]\.?)\s*{_ZONE}$"
_CLOCK = (
    r"(?:[T ,]+(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
_THREE = (
    r"^(?P<a>\d{1,4})(?P<mark>[/.\- ])(?P<b>\d{1,2})[/.\- ](?P<c>\d{1,4})"
    rf"{_CLOCK}\s*(?P<zone>{_ZONE[1:-1]})?$"
)
_NAMED = r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DIGITS = r"^\d+(\.\d+)?$"


@dataclass(frozen=True, eq=False)
class Written:
    """What the distinct texts of a time column say; `digits` marks plain numbers, left to the caller."""

    us: NDArray[np.int64]
    known: NDArray[np.bool_]
    naive: NDArray[np.bool_]
    digits: NDArray[np.bool_]
    ambiguous: NDArray[np.bool_]
    assumed: str


def parse_text(words: pa.Array, time_format: str | None) -> Written:
    """Parse distinct texts to microseconds since 1970-01-01, in UTC where they carry a zone."""
    size = len(words)
    words = pc.utf8_trim_whitespace(words.cast(pa.string()))
    us, known = np.zeros(size, np.int64), np.zeros(size, dtype=bool)
    naive, no = np.ones(size, dtype=bool), np.zeros(size, dtype=bool)
    if time_format is not None:
        zoned = "%z" in time_format or "%Z" in time_format
        us, known = _pandas(words, time_format, zoned=zoned)
        return Written(us, known, np.full(size, not zoned), no, no.copy(), "")
    digits = _match(words, _DIGITS)
    left = _flags(words.is_valid()) & ~_flags(pc.fill_null(blank(words), fill_value=True)) & ~digits
    iso = left & _match(words, _ISO)
    naive = ~_match(words, _ZONED)
    for rows, zoned in ((np.flatnonzero(iso & naive), False), (np.flatnonzero(iso & ~naive), True)):
        if len(rows):
            us[rows], known[rows] = _iso(words.take(pa.array(rows)), zoned=zoned)
    left &= ~iso
    ambiguous, assumed = no, ""
    three = np.flatnonzero(left & _match(words, _THREE))
    if len(three):
        us[three], known[three], unclear, assumed = _three(words.take(pa.array(three)))
        ambiguous[three] = unclear
        left[three] = False
    # dateutil reads "10" or "Monday" as a day of this month: only texts with a month's name go there
    named = np.flatnonzero(left & _match(words, _NAMED) & _match(words, r"\d.*\d"))
    if len(named):
        us[named], known[named] = _pandas(words.take(pa.array(named)), "mixed", zoned=True)
    return Written(us, known, naive, digits, ambiguous, assumed)


def _flags(marks: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(marks.to_numpy(zero_copy_only=False), dtype=bool)


def _match(words: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return _flags(pc.fill_null(pc.match_substring_regex(words, pattern), fill_value=False))


def _iso(words: pa.Array, *, zoned: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    # arrow is fastest but one bad value fails them all; pandas marks just that one
    try:
        read = words.cast(pa.timestamp("us", "UTC" if zoned else None))
        return read.cast(pa.int64()).to_numpy(zero_copy_only=False), np.ones(len(words), dtype=bool)
    except pa.ArrowInvalid:
        if zoned:
            words = pc.replace_substring_regex(words, r"\s*(UTC|GMT|z)$", "Z")
        return _pandas(pc.replace_substring(words, ",", "."), "ISO8601", zoned=zoned)


def _pandas(words: pa.Array, time_format: str, *, zoned: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import pandas as pd

    texts = words.to_pandas().astype(object)
    try:
        read = pd.to_datetime(texts, format=time_format, errors="coerce", utc=zoned)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"time_format={time_format!r} cannot be used: {error}. Try time_format='%Y-%m-%d %H:%M:%S'."
        ) from error
    stamps = pd.DatetimeIndex(read).tz_localize(None).as_unit("us")
    return np.where(stamps.isna(), 0, stamps.asi8), ~np.asarray(stamps.isna())


def _three(words: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], str]:
    """Read a/b/c dates: years first where a has four digits, else day-first or month-first."""
    parts = pc.extract_regex(words, _THREE)

    def field(name: str) -> pa.Array:
        return pc.struct_field(parts, name)

    def number(name: str) -> NDArray[np.int64]:
        text = field(name)
        text = pc.if_else(pc.equal(pc.utf8_length(text), 0), "0", text)
        return np.asarray(text.cast(pa.int64()).to_numpy(zero_copy_only=False))

    a, b, c = number("a"), number("b"), number("c")
    a_long, c_long = (np.asarray(pc.utf8_length(field(n)).to_numpy(zero_copy_only=False)) for n in "ac")
    hour, half = number("h"), np.array([h.lower() for h in field("half").to_pylist()])
    hour = np.where(half != "", hour % 12 + 12 * (half == "p"), hour)
    micro = np.array([int(f.ljust(6, "0")[:6]) for f in field("f").to_pylist()], np.int64)
    clock = ((hour * 60 + number("m")) * 60 + number("s")) * 1_000_000 + micro
    right = (hour < 24) & (number("m") < 60) & (number("s") < 60)
    shift = np.array([_offset_us(z) for z in field("zone").to_pylist()], np.int64)

    first = a_long == 4
    year = np.where(first, a, np.where(c_long == 4, c, np.where(c < 69, 2000 + c, 1900 + c)))
    right &= np.where(first, c_long <= 2, (a_long <= 2) & np.isin(c_long, (2, 4)))
    ymd, ymd_ok = _calendar(year, b, c)
    dmy, dmy_ok = _calendar(year, b, a)
    mdy, mdy_ok = _calendar(year, a, b)
    open_ = ~first & right
    by_day, by_month = int((dmy_ok & open_).sum()), int((mdy_ok & open_).sum())
    differ = open_ & dmy_ok & mdy_ok & (a != b)
    # dots are written day-first everywhere
    dots = _flags(pc.equal(field("mark"), "."))
    day_first = by_day >= by_month
    unclear = differ & ~dots if by_day == by_month else np.zeros(len(a), dtype=bool)
    pick_day = dots | day_first
    us = np.where(first, ymd, np.where(pick_day, dmy, mdy)) * 86_400_000_000 + clock - shift
    ok = right & np.where(first, ymd_ok, np.where(pick_day, dmy_ok, mdy_ok))
    return us, ok, unclear, "day-first" if day_first else "month-first"


def _calendar(
    year: NDArray[Any], month: NDArray[Any], day: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days since 1970-01-01 and whether there is such a day."""
    ok = (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970) * 12 + np.where(ok, month, 1) - 1
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    end = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return start + day - 1, ok & (day <= end - start) & (year >= 1) & (year <= 9999)


def _offset_us(zone: str) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 60 + int(digits[2:])) * 60_000_000
