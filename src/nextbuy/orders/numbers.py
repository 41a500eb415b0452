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


def _from_text(text: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of text (NaN: none) and which of them had a decimal comma or thousands separators."""
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
        # "1,234" is both: the column's other values decide, and if none does, a comma before three digits is thousands
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
    codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return values[codes], np.append(marked, [False])[codes]


def read_numbers(columns: Sequence[pa.ChunkedArray]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read a column of numbers that may come in several pieces of different types.

    Returns
    -------
    values : ndarray of float64
        NaN where missing, not a number or infinite.
    marked : ndarray of int64
        Rows whose text had a decimal comma or thousands separators.
    """
    values, marked, start = [], [], 0
    for column in columns:
        whole = one_array(column)
        if is_text(whole.type):
            number, rows = _from_text(whole)
            marked.append(np.flatnonzero(rows) + start)
        elif (
            pa.types.is_nested(whole.type) or pa.types.is_temporal(whole.type) or pa.types.is_null(whole.type)
        ):
            number = np.full(len(whole), np.nan)
        else:
            if pa.types.is_dictionary(whole.type):
                whole = whole.dictionary_decode()
            kept = (
                whole.cast(pa.float64(), safe=False)
                if not pa.types.is_binary(whole.type)
                else pa.nulls(len(whole), pa.float64())
            )
            number = kept.to_numpy(zero_copy_only=False)
        values.append(number)
        start += len(whole)
    out = np.concatenate(values) if values else np.zeros(0)
    if not np.isfinite(out).all():
        out = np.where(np.isfinite(out), out, np.nan)
    return out, np.concatenate(marked) if marked else np.zeros(0, np.int64)
