"""Tables written to a database: whole, or not at all."""

from __future__ import annotations

from typing import Any, Literal, get_args

import narwhals as nw
import pyarrow as pa

from nextbuy.orders.database import in_transaction, is_database, safe_address
from nextbuy.orders.errors import InputError

Mode = Literal["create", "append", "replace"]


def write_database(frame: Any, address: str, *, table: str, mode: Mode = "create") -> int:
    """Write a frame into a table of a database in one transaction: whole, or the database stays as it was.

    Parameters
    ----------
    frame : DataFrame or pyarrow.Table
        pandas, polars or pyarrow: `plan.offers`, predictions, rules. Its index is not written.
    address : str
        "sqlite:///shop.db" (an absolute path has four slashes) or "postgresql://user:password@host/name".
    table : str
        Name of the table, quoted as it stands.
    mode : {"create", "append", "replace"}, default "create"
        "create" refuses a table that exists; "append" needs one with these columns; "replace" drops it first.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    InputError
        When the frame is none, the driver is not installed (`pip install nextbuy[sql]`) or the database refuses. No
        message shows user, password or options of the address.

    Notes
    -----
    Through ADBC, column by column, without a row in Python. SQLite has no dates: they are written as ISO text.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> import nextbuy as nb
    >>> rows = pa.table({"customer_id": ["C-1", "C-2"], "item_id": ["sink", "tap"]})
    >>> with tempfile.TemporaryDirectory() as place:
    ...     nb.write_database(rows, f"sqlite:///{place}/shop.db", table="offers")
    2
    """
    if not is_database(address):
        raise InputError(
            f"{address!r} is no database address. Try 'sqlite:///shop.db' or 'postgresql://host/name'."
        )
    if mode not in get_args(Mode):
        raise InputError(f"mode={mode!r} is not known. Try mode='create', 'append' or 'replace'.")
    if not isinstance(table, str) or not table:
        raise InputError(f"table={table!r} must be the name of a table.")
    try:
        rows = nw.from_native(frame, eager_only=True).to_arrow()
    except TypeError as error:
        raise InputError(
            f"{safe_address(address)}: a {type(frame).__name__} is no frame that can be written."
        ) from error

    for number, field in enumerate(rows.schema):
        if pa.types.is_null(field.type):  # no database knows a column without a type
            rows = rows.set_column(number, field.name, pa.nulls(rows.num_rows, pa.string()))

    def work(cursor: Any) -> None:
        cursor.adbc_ingest(table, rows, mode=mode)

    in_transaction(address, work, doing=f"writing table {table!r}", create=True)
    return int(rows.num_rows)
