"""Frames of any kind as arrow tables, and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextbuy.cli.output import USAGE, Stopped
from nextbuy.storage.files import write_csv, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa


def to_arrow(frame: Any) -> pa.Table:
    """Give a frame of any backend as an arrow table; tuples become lists."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "__dataframe__") and type(frame).__module__.startswith("polars"):
        return frame.to_arrow()
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def write_frame(path: str, table: pa.Table) -> int:
    """Write a table as .parquet or .csv, by the name of the file."""
    if path.endswith(".csv"):
        return write_csv(path, table)
    if path.endswith(".parquet"):
        return write_parquet(path, table)
    raise Stopped(f"--out {path} must end in .parquet or .csv.", USAGE)
