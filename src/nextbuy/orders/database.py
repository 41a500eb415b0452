"""Rows of a database query, through ADBC."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

Result = TypeVar("Result")
_DRIVERS = {
    "sqlite": "adbc_driver_sqlite",
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
}
_ADDRESS = re.compile(r"^([A-Za-z][A-Za-z0-9+]*)://")


def is_database(source: Any) -> bool:
    """Say whether `source` is a database address rather than a path."""
    return isinstance(source, str) and _ADDRESS.match(source) is not None


def safe_address(address: str) -> str:
    """Give the address without user, password and options, fit for messages.

    Examples
    --------
    >>> safe_address("postgresql://me:secret@db.shop/orders?password=x")
    'postgresql://***@db.shop/orders'
    """
    bare = re.split(r"[?#]", address, maxsplit=1)[0]
    # the last @ ends the secret: a password may hold one
    return re.sub(r"^(\w[\w+]*://).*@", r"\1***@", bare)


def without_addresses(text: str) -> str:
    """Take users, passwords and secret options out of every address in a text, such as a message or a summary.

    Examples
    --------
    >>> without_addresses("Try: nextbuy check postgresql://me:secret@db.shop/orders?sslpassword=x --strict")
    'Try: nextbuy check postgresql://***@db.shop/orders?sslpassword=*** --strict'
    """
    text = re.sub(r"""(\w[\w+.-]*:/{1,3})[^\s'"<>]*@""", r"\1***@", text)
    return re.sub(
        r"""((?:password|passwd|secret|token|passfile)=)[^\s&'"]+""", r"\1***", text, flags=re.IGNORECASE
    )


def _without_secrets(message: str, address: str) -> str:
    hidden = message.replace(address, safe_address(address))
    secrets = re.findall(r"://([^/]*)@", address) + re.findall(r"=([^&]+)", address.partition("?")[2])
    for secret in secrets:
        for word in {secret, *secret.split(":")}:
            for form in {word, unquote(word)}:
                if form:
                    hidden = hidden.replace(form, "***")
    return hidden


def in_transaction(
    address: str, work: Callable[[Any], Result], *, doing: str, create: bool = False
) -> Result:
    """Do `work` with a cursor of the ADBC driver; committed at its end, rolled back on any error.

    Parameters
    ----------
    address : str
        "sqlite:///shop.db" or "postgresql://user:password@host/name".
    work : callable
        Takes the cursor; what it returns is given back.
    doing : str
        What fails, for the message, such as "the query".
    create : bool
        Let SQLite create the file.

    Raises
    ------
    InputError
        When the address is of no known kind, the driver is not installed or the database refuses. No message shows
        secrets.
    """
    shown = safe_address(address)
    scheme = address.split("://", 1)[0].lower().split("+")[0]
    if scheme not in _DRIVERS:
        raise InputError(
            f"{shown}: {scheme}:// is no known kind of database. Known: sqlite:///file, postgresql://host/name. "
            "Or read or write the rows yourself, as a frame."
        )
    try:
        driver = import_module(f"{_DRIVERS[scheme]}.dbapi")
    except ImportError as error:
        raise InputError(f"{shown} needs a database driver. Try: pip install nextbuy[sql]") from error
    target = address
    if scheme == "sqlite":
        target = unquote(address.partition("://")[2].partition("?")[0]).removeprefix("/")
        file = Path(target)
        # SQLite would create an empty database in its place
        if not (file.parent.is_dir() if create else file.is_file()):
            raise InputError(
                f"There is no {'directory' if create else 'file'} {str(file.parent if create else file)!r}. An "
                "absolute path has four slashes: sqlite:////data/shop.db."
            )
    failure = ""
    try:
        with driver.connect(target) as connection, connection.cursor() as cursor:
            result = work(cursor)
            connection.commit()
            return result
    except Exception as error:  # noqa: BLE001 - each driver has its own; its text may hold the address
        failure = _without_secrets(str(error), address)
    # raised outside of the except: the driver's own error, secrets and all, must not hang on as its context
    raise InputError(f"{shown}: {doing} failed: {failure}. Check the address and {doing}.")


def read_database(address: str, query: str | None) -> pa.Table:
    """Run `query` at a database and give its rows as an arrow table.

    Raises
    ------
    InputError
        When the query is missing, the driver is not installed or the database refuses. No message shows
        secrets.
    """
    if not query:
        raise InputError(f"{safe_address(address)} needs a query=, the SELECT that gives the order lines.")

    def rows(cursor: Any) -> pa.Table:
        cursor.execute(query)
        lines = cursor.fetch_record_batch()
        return scratch.table(lines, lines.schema)

    return in_transaction(address, rows, doing="the query")
