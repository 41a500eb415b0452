"""Columns in, the caller's own kind of frame out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow as pa

from nextbuy.orders.arrays import to_arrow

if TYPE_CHECKING:
    from collections.abc import Mapping

Backend = Literal["pandas", "polars", "pyarrow"]
BACKENDS: tuple[str, ...] = get_args(Backend)
ROWS = "rows"  # a list of dicts, for callers who came with one
DAY_US = 86_400_000_000


def to_table(columns: Mapping[str, Any]) -> pa.Table:
    """Gather arrays of one length, numpy or arrow, into an arrow table in the given order."""
    return pa.table(
        {
            name: values if isinstance(values, (pa.Array, pa.ChunkedArray)) else to_arrow(np.asarray(values))
            for name, values in columns.items()
        }
    )


def to_frame(columns: Mapping[str, Any] | pa.Table, backend: str) -> Any:
    """Give `columns` as a frame of `backend`: "pandas", "polars" or "pyarrow"; or as `ROWS`."""
    table = columns if isinstance(columns, pa.Table) else to_table(columns)
    if backend == "polars":
        import polars as pl

        return pl.from_arrow(table)
    if backend == ROWS:
        return table.to_pylist()
    return table if backend == "pyarrow" else table.to_pandas()


def dates(days: np.ndarray) -> pa.Array:
    """Whole days since 1970-01-01 as an arrow timestamp column; NaN and negative infinity become null."""
    days = np.asarray(days, dtype=np.float64)
    known = np.isfinite(days)
    us = np.where(known, np.floor(np.where(known, days, 0)), 0).astype(np.int64) * DAY_US
    return pa.array(us, mask=~known).cast(pa.timestamp("us"))


def moments(us: np.ndarray) -> pa.Array:
    """Microseconds since 1970-01-01 UTC as an arrow timestamp column without zone."""
    return pa.array(np.asarray(us, dtype=np.int64)).cast(pa.timestamp("us"))


def take(ids: pa.Array, codes: np.ndarray) -> pa.Array:
    """Give the caller's own ids of `codes`; a negative code becomes null."""
    codes = np.asarray(codes, dtype=np.int64)
    return ids.take(pa.array(codes, mask=codes < 0))
