"""Frames of any kind as arrow tables, and as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextbuy.cli.output import USAGE, Stopped
from nextbuy.storage.files import write_csv, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

    from nextbuy.orders import Orders


def to_arrow(frame: Any) -> pa.Table:
    """Give a frame of any backend as an arrow table; tuples become lists."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "__dataframe__") and type(frame).__module__.startswith("polars"):
        return frame.to_arrow()
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def check_out(path: str | None) -> None:
    """Refuse a file name that says no kind of file, before any work is done for it."""
    if path is not None and not path.endswith((".parquet", ".csv")):
        raise Stopped(f"--out {path} must end in .parquet or .csv.", USAGE)


def write_frame(path: str, table: pa.Table) -> int:
    """Write a table as .parquet or .csv, by the name of the file."""
    return write_csv(path, table) if path.endswith(".csv") else write_parquet(path, table)


def digest_of(orders: Orders) -> str:
    """Give a checksum of what was bought, by whom and when; the same however the rows were sorted."""
    import hashlib

    import numpy as np
    import pyarrow as pa

    found = hashlib.sha256()
    for values in (orders.customer, orders.order, orders.item, orders.time, orders.quantity, orders.price):
        found.update(np.ascontiguousarray(values).data)
    for ids in (orders.customer_ids, orders.item_ids):
        found.update("\x1f".join(map(str, ids.to_pylist())).encode())
    if orders.catalog is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, orders.catalog.table.schema) as writer:
            writer.write_table(orders.catalog.table.combine_chunks())
        found.update(sink.getvalue())
    return found.hexdigest()
