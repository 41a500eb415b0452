"""Quantities and prices: numbers, or text that holds numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import scratch
from nextbuy.orders.ids import blank, coded, is_text, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.parquet import Column

_POINT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$"


def _from_text(words: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Numbers of distinct texts (NaN: none), which had a decimal comma or thousands separators, and which are none.

    Each with one more at the end, for what is missing.
    """
    words = pc.utf8_trim_whitespace(words.cast(pa.string()))
    words = pc.if_else(blank(words), pa.scalar(None, pa.string()), words)
    plain = pc.fill_null(pc.match_substring_regex(words, _POINT), fill_value=False)
    number = pc.if_else(plain, words, None).cast(pa.float64())
    left = pc.and_(pc.invert(plain), words.is_valid())
    marked = np.zeros(len(words), dtype=bool)
    if pc.any(left).as_py():
        comma = pc.and_(left, pc.fill_null(pc.match_substring_regex(words, _COMMA), fill_value=False))
        thousands = pc.and_(left, pc.fill_null(pc.match_substring_regex(words, _THOUSANDS), fill_value=False))
        # "1,234" is both: the column's other values decide,
        # and if none does, a comma before three digits is thousands
        only_comma = pc.any(pc.and_not(comma, thousands)).as_py()
        as_comma = comma if only_comma else pc.and_not(comma, thousands)
        as_thousands = pc.and_not(thousands, as_comma)
        swapped = pc.replace_substring(pc.replace_substring(words, ".", ""), ",", ".")
        joined = pc.replace_substring(words, ",", "")
        number = pc.coalesce(
            number,
            pc.if_else(as_comma, swapped, None).cast(pa.float64()),
            pc.if_else(as_thousands, joined, None).cast(pa.float64()),
        )
        marked = pc.or_(as_comma, as_thousands).to_numpy(zero_copy_only=False)
    values = np.append(number.to_numpy(zero_copy_only=False).astype(np.float64), np.nan)
    # "1e400" is written as a number, but is more than a float holds
    endless = np.isinf(values)
    values[endless] = np.nan
    none = pc.and_not(words.is_valid(), number.is_valid()).to_numpy(zero_copy_only=False)
    return values, np.append(marked, [False]), np.append(none, [False]) | endless


def read_numbers(
    columns: Sequence[Column | pa.ChunkedArray],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Read a column of numbers that may come in several pieces of different types.

    Returns
    -------
    values : ndarray of float64
        NaN where missing, not a number or infinite.
    marked : ndarray of int64
        Rows whose text had a decimal comma or thousands separators.
    unreadable : ndarray of int64
        Rows that hold something which is no finite number.
    """
    out, start = scratch.empty(sum(len(c) for c in columns), np.float64), 0
    marked: list[NDArray[np.int64]] = []
    unreadable: list[NDArray[np.int64]] = []
    for column in columns:
        kind, end = column.type, start + len(column)
        if is_text(kind):
            codes, words = coded(column)
            values, separated, none = _from_text(words)
            for some in scratch.blocks(len(codes)):
                code, at = codes[some], start + some.start
                out[at : at + len(code)] = values[code]
                marked.append(np.flatnonzero(separated[code]) + at)
                unreadable.append(np.flatnonzero(none[code]) + at)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            at = start
            for piece in pieces(column):
                number = piece.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
                endless = np.isinf(number)
                unreadable.append(np.flatnonzero(endless) + at)
                out[at : at + len(number)] = np.where(endless, np.nan, number)
                at += len(number)
        else:
            out[start:end], at = np.nan, start
            for piece in pieces(column):
                unreadable.append(np.flatnonzero(piece.is_valid().to_numpy(zero_copy_only=False)) + at)
                at += len(piece)
        start = end
    return out, _joined(marked), _joined(unreadable)


def _joined(rows: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([*rows, np.zeros(0, np.int64)])
