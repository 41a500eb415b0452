"""Ids as they come, made into codes: spaces off, whole numbers whole, one type a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.parquet import Column

MISSING = ("", "nan", "none", "null", "nat", "<na>", "na", "n/a", "#n/a")
_WHOLE = r"^-?\d+(\.0+)?$"
_INT64 = float(2**63)


@dataclass(frozen=True, eq=False)
class Ids:
    """Codes by row (-1: missing) into distinct ids, and the rows whose id had to be changed."""

    codes: NDArray[np.int32]
    values: pa.Array
    spaced: NDArray[np.int64]
    mixed: NDArray[np.int64]


def is_text(kind: pa.DataType) -> bool:
    """Say whether an arrow type is text, plain or coded."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Join the chunks of a column."""
    if not column.num_chunks:
        return pa.array([], column.type)
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def blank(text: pa.Array) -> pa.Array:
    """Mark text that stands for nothing: empty, "nan", "None", "null", "NA" and their like."""
    return pc.is_in(pc.utf8_lower(text), pa.array(MISSING, text.type))


def pieces(column: Column | pa.ChunkedArray) -> Iterator[pa.Array]:
    """Give a column in pieces, one at least; one that is coded is not cut: each piece would have all its values."""
    for chunk in column.chunks or [pa.array([], column.type)]:
        if pa.types.is_dictionary(chunk.type):
            yield chunk
            continue
        for some in scratch.blocks(max(len(chunk), 1)):
            yield chunk.slice(some.start, some.stop - some.start)


def coded(column: Column | pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """Codes by row (-1: null) and the distinct values."""
    codes, filled, known = scratch.empty(len(column), np.int32), 0, 0
    values: list[pa.Array] = []
    for piece in pieces(column):
        words = piece if pa.types.is_dictionary(piece.type) else piece.dictionary_encode()
        if not values or not words.dictionary.equals(values[-1]):
            known += len(values[-1]) if values else 0
            values.append(words.dictionary)
        own = pc.fill_null(words.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
        codes[filled : filled + len(own)] = np.where(own < 0, -1, own + np.int32(known))
        filled += len(own)
    values = [v for v in values if len(v)] or values
    if len(values) == 1:
        return codes, values[0]
    every = pa.concat_arrays([v.cast(values[0].type) for v in values]).dictionary_encode()
    renumbered(codes, every.indices)
    return codes, every.dictionary


def renumbered(codes: NDArray[np.int32], new: pa.Array) -> None:
    """Replace each code by what `new` has in its place, -1 for null; missing ones stay -1."""
    known = pc.fill_null(new.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
    known = np.append(known, np.int32(-1)).astype(np.int32)
    for some in scratch.blocks(len(codes)):
        codes[some] = known[codes[some]]


def plain(values: pa.Array) -> pa.Array:
    """Bring distinct values to int64 where all are whole numbers, else to text; nulls stay null."""
    kind = values.type
    if pa.types.is_integer(kind):
        if kind == pa.uint64() and len(values) and (pc.max(values).as_py() or 0) >= 2**63:
            return values.cast(pa.string())
        return values.cast(pa.int64())
    if pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        number = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        known = ~np.isnan(number)
        whole = known & (np.abs(number) < _INT64) & (np.floor(number) == number)
        integers = pa.array(np.where(whole, number, 0).astype(np.int64), mask=~whole)
        if (whole == known).all():
            return integers
        text = pc.if_else(pa.array(whole), integers.cast(pa.string()), pa.array(number).cast(pa.string()))
        return pc.if_else(pa.array(known), text, pa.scalar(None, pa.string()))
    if pa.types.is_null(kind):
        return values.cast(pa.string())
    return values.cast(pa.string())


def normal_text(values: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Strip spaces and turn "17850.0" to "17850" where every id is a whole number; blanks become null.

    The second result marks the values that had spaces around them.
    """
    stripped = pc.utf8_trim_whitespace(values)
    spaced = pc.fill_null(pc.not_equal(stripped, values), fill_value=False).to_numpy(zero_copy_only=False)
    stripped = pc.if_else(blank(stripped), pa.scalar(None, stripped.type), stripped)
    known = stripped.drop_null()
    dotted = pc.any(pc.match_substring_regex(known, r"\.0+$")).as_py()
    if dotted and pc.all(pc.match_substring_regex(known, _WHOLE)).as_py():
        stripped = pc.replace_substring_regex(stripped, r"\.0+$", "")
    return stripped, spaced


def _holds_ids(values: pa.Array) -> bool:
    known = values.drop_null()
    return len(known) > 0 and not (
        is_text(known.type) and pc.all(blank(pc.utf8_trim_whitespace(known))).as_py()
    )


def read_ids(columns: Sequence[Column | pa.ChunkedArray], mixed: Sequence[NDArray[np.int64]] = ()) -> Ids:
    """Code the ids of one column that may come in several pieces of different types.

    Parameters
    ----------
    columns : sequence of Column or pyarrow.ChunkedArray
        The pieces, one a file.
    mixed : sequence of arrays of row numbers
        Rows whose type already differed from that of most others inside one piece.

    Returns
    -------
    Ids
        int64 ids when every piece holds whole numbers that are not text; text otherwise.
    """
    read = [coded(c) for c in columns]
    values = [plain(v) for _, v in read]
    sizes = [len(codes) for codes, _ in read]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    odd: list[NDArray[np.int64]] = list(mixed)
    texts = [is_text(v.type) for v in values]
    # a piece without any id has no type to differ by
    held = [_holds_ids(v) for v in values]
    if any(t for t, h in zip(texts, held, strict=True) if h):
        numbers = [k for k, t in enumerate(texts) if not t and held[k]]
        fewer = sum(sizes[k] for k in numbers) * 2 <= sum(s for s, h in zip(sizes, held, strict=True) if h)
        if numbers:
            minor = numbers if fewer else [k for k, t in enumerate(texts) if t and held[k]]
            odd += [np.arange(starts[k], starts[k + 1]) for k in minor]
        values = [v.cast(pa.string()) for v in values]
    else:
        values = [v if not t else pa.nulls(len(v), pa.int64()) for v, t in zip(values, texts, strict=True)]
        if not any(held):
            values = [v.cast(pa.string()) for v in values]
    spaced_rows = np.zeros(0, np.int64)
    together = pa.concat_arrays(values) if values else pa.array([], pa.string())
    codes = read[0][0] if len(read) == 1 else scratch.empty(int(starts[-1]), np.int32)
    shift = 0
    for k, (own, _) in enumerate(read if len(read) > 1 else []):
        for some in scratch.blocks(len(own)):
            codes[starts[k] + some.start : starts[k] + some.stop] = np.where(
                own[some] < 0, -1, own[some] + np.int32(shift)
            )
        shift += len(values[k])
    if is_text(together.type):
        together, spaced = normal_text(together)
        if spaced.any():
            # a blank with spaces is missing, which is named by itself
            spaced &= together.is_valid().to_numpy(zero_copy_only=False)
            spaced_rows = np.flatnonzero(np.append(spaced, [False])[codes])
    known = together.dictionary_encode()
    renumbered(codes, known.indices)
    return Ids(
        codes,
        known.dictionary,
        spaced_rows,
        np.unique(np.concatenate(odd)).astype(np.int64) if odd else np.zeros(0, np.int64),
    )


def objects(values: Sequence[Any]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Turn Python objects into an arrow array; mixed types become text.

    The second result lists the rows whose type is not that of most others.
    """
    try:
        made = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        made = None
    if made is not None and not (pa.types.is_binary(made.type) or pa.types.is_timestamp(made.type)):
        return made, np.zeros(0, np.int64)
    if made is not None and pa.types.is_timestamp(made.type) and made.type.tz is None:
        return made, np.zeros(0, np.int64)
    texts = [_text(v) for v in values]
    kinds = np.array(["" if t is None else _kind(v) for v, t in zip(values, texts, strict=True)])
    present, counts = np.unique(kinds[kinds != ""], return_counts=True)
    most = present[np.argmax(counts)] if len(present) else ""
    odd = np.flatnonzero((kinds != "") & (kinds != most))
    return pa.array(texts, pa.string()), odd


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return "text"
    return "number" if isinstance(value, (int, float, np.number)) else type(value).__name__


def _text(value: Any) -> str | None:
    if value is None or value is getattr(value, "NaT", ...) or value != value:  # noqa: PLR0124 - NaN and NaT
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) < _INT64:
        return str(int(value))
    return str(value)
