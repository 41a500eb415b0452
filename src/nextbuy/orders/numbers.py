"""Quantities and prices: numbers, or text that holds numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.ids import blank, is_text, one_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_POINT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$"


def _from_text(text: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Numbers of text (NaN: none), which had a decimal comma or thousands separators, and which are none."""
    coded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
    words = pc.utf8_trim_whitespace(coded.dictionary.cast(pa.string()))
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
    codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    none = pc.and_not(words.is_valid(), number.is_valid()).to_numpy(zero_copy_only=False)
    none = np.append(none, [False]) | endless
    return values[codes], np.append(marked, [False])[codes], none[codes]


def read_numbers(
    columns: Sequence[pa.ChunkedArray],
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
    values, marked, unreadable, start = [], [], [], 0
    for column in columns:
        whole = one_array(column)
        if pa.types.is_dictionary(whole.type) and not is_text(whole.type):
            whole = whole.dictionary_decode()
        kind = whole.type
        number = np.full(len(whole), np.nan)
        if is_text(kind):
            number, separated, none = _from_text(whole)
            marked.append(np.flatnonzero(separated) + start)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            number = whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            none = np.isinf(number)
        else:
            none = whole.is_valid().to_numpy(zero_copy_only=False)
        unreadable.append(np.flatnonzero(none) + start)
        values.append(np.where(none, np.nan, number) if none.any() else number)
        start += len(whole)
    out = np.concatenate([*values, np.zeros(0)])
    return out, _joined(marked), _joined(unreadable)


def _joined(rows: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([*rows, np.zeros(0, np.int64)])
