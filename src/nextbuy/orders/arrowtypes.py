"""Columns of any arrow type, brought to the few types that the checks know."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

_OFFSET = re.compile(r"[+-]\d\d:\d\d")


def usual(column: pa.ChunkedArray) -> pa.ChunkedArray:
    r"""Give a column as numbers, text (plain or coded), moments, truth values or nulls; never without a chunk.

    Bytes are read as UTF-8, and what is none is spelled out (\\xff); structures, spans of time and types of others
    become the text of their values. Moments keep their instant.
    """
    kind = column.type
    if not column.num_chunks:
        return usual(pa.chunked_array([pa.array([], kind)]))
    if pa.types.is_dictionary(kind):
        coded = kind.value_type
        if pa.types.is_string(coded) or pa.types.is_large_string(coded):
            return column if all(_is_text(c.dictionary) for c in column.chunks) else _spelled(column)
        chunks = []
        for chunk in column.chunks:
            # first the dictionary: views and others have no kernel that decodes them
            values = usual(pa.chunked_array([chunk.dictionary])).combine_chunks()
            made = pa.DictionaryArray.from_arrays(chunk.indices, values)
            chunks.append(made if pa.types.is_string(values.type) else made.dictionary_decode())
        return pa.chunked_array(chunks)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column if all(map(_is_text, column.chunks)) else _spelled(column)
    if pa.types.is_float16(kind):
        column = column.cast(pa.float32())  # half floats have few kernels before arrow 25
    if pa.types.is_timestamp(kind):
        return column if _has_zone(kind) else column.cast(pa.timestamp(kind.unit, "UTC"))
    known = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_date,
        pa.types.is_boolean,
        pa.types.is_null,
    )
    return column if any(is_kind(kind) for is_kind in known) else _spelled(column)


def check_codes(column: pa.ChunkedArray) -> None:
    """Raise ValueError where a coded column refers to values that are not there; arrow does not look."""
    for chunk in column.chunks if pa.types.is_dictionary(column.type) else []:
        ends = pc.min_max(chunk.indices)
        if ends["min"].is_valid and not 0 <= ends["min"].as_py() <= ends["max"].as_py() < len(
            chunk.dictionary
        ):
            raise ValueError("a code stands for no value")


def _is_text(values: pa.Array) -> bool:
    """Say whether every text is UTF-8: a Parquet file may hold anything under that name."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _has_zone(kind: pa.TimestampType) -> bool:
    """Say whether a type of moments has no zone or a known one; its name may even be no text."""
    try:
        if kind.tz is not None and not _OFFSET.fullmatch(kind.tz):
            ZoneInfo(kind.tz)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _spelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # seen as bytes, nothing in it can fail
        decoded = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in column.chunks]
        as_bytes = pa.binary() if pa.types.is_string(kind) else pa.large_binary()
        return _spelled(pa.chunked_array([c.view(as_bytes) for c in decoded], as_bytes))
    words = [None if v is None else _text(v) for chunk in column.chunks for v in map(python_value, chunk)]
    return pa.chunked_array([pa.array(words, pa.string())])


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).encode("utf-8", "backslashreplace").decode()


def python_value(value: pa.Scalar) -> Any:
    """Give a value for people to see; one that Python cannot hold, such as the year 12000, as arrow spells it."""
    try:
        return value.as_py()
    except (ValueError, OverflowError, pa.ArrowException):
        pass
    try:
        return pc.cast(value, pa.string()).as_py()
    except (ValueError, pa.ArrowException):
        return f"a {value.type} that cannot be shown"
