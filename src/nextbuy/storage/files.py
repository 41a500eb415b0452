"""Files that are either whole or not there."""

from __future__ import annotations

import codecs
import hashlib
import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from nextbuy.atomic import atomic
from nextbuy.cells import harmless

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa

_CHUNK = 1 << 20
_DAYS = ("date", "_on", "_start", "_end", "_from", "_until", "_before")  # columns of whole days


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def to_json(content: Any) -> bytes:
    """Spell `content` the one way that this house writes JSON: two spaces, keys as given, no NaN."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as JSON, whole or not at all."""
    write_bytes(path, to_json(content))


def write_parquet(path: str | os.PathLike[str], tables: pa.Table | Iterable[pa.Table]) -> int:
    """Write tables of one schema as one Parquet file, whole or not at all.

    Parameters
    ----------
    path : path
    tables : pyarrow.Table, or several of them
        Several are written one after the other, so that only one is in memory.

    Returns
    -------
    int
        Rows written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = iter([tables] if isinstance(tables, pa.Table) else tables)
    first, rows = next(parts), 0
    with atomic(path) as temporary, pq.ParquetWriter(temporary, first.schema, compression="zstd") as writer:
        for table in chain([first], parts):
            writer.write_table(table.cast(first.schema))
            rows += table.num_rows
        # the footer must be on disk before the file takes its place
        writer.close()
    return rows


def write_csv(
    path: str | os.PathLike[str], tables: pa.Table | Iterable[pa.Table], *, bom: bool = False
) -> int:
    """Write tables of one schema as one CSV file, whole or not at all.

    UTF-8 with a header; days as 2026-06-01 (columns named ...date, ..._on, ..._start, ..._end, ..._from, ..._until,
    ..._before), other times as 2026-06-01T13:05:00; unknown values empty; a text that begins with = + - @, a tab or
    a line break gets a leading apostrophe, so that no spreadsheet runs it.

    Parameters
    ----------
    path : path
    tables : pyarrow.Table, or several of them
    bom : bool, default False
        Begin with a byte order mark, for spreadsheets.

    Returns
    -------
    int
        Rows written.
    """
    import pyarrow as pa
    from pyarrow import csv

    parts = (plain_text(t) for t in ([tables] if isinstance(tables, pa.Table) else tables))
    first, rows = next(parts), 0
    options = csv.WriteOptions(quoting_style="needed")
    with atomic(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        if bom:
            sink.write(codecs.BOM_UTF8)
        with csv.CSVWriter(sink, first.schema, write_options=options) as writer:
            for table in chain([first], parts):
                writer.write_table(table)
                rows += table.num_rows
    return rows


def plain_text(table: pa.Table) -> pa.Table:
    """Turn columns into what a CSV file holds: ISO dates, lists joined by " + ", no text that runs."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for name, values in zip(table.column_names, table.columns, strict=True):
        column = values
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            joined = [None if v is None else " + ".join(map(str, v)) for v in column.to_pylist()]
            column = pa.chunked_array([pa.array(joined, pa.string())])
        if pa.types.is_timestamp(column.type):
            is_day = name.endswith(_DAYS)
            column = pc.strftime(
                column.cast(pa.timestamp("s"), safe=False), "%Y-%m-%d" if is_day else "%Y-%m-%dT%H:%M:%S"
            )
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = harmless(column)
        columns[name] = column
    return pa.table(columns)


def digest(path: Path) -> tuple[str, int]:
    """Give the SHA-256 of a file and its size in bytes."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
            size += len(chunk)
    return found.hexdigest(), size
