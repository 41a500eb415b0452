"""Databases are read through ADBC, and their secrets stay secret."""

from __future__ import annotations

import sys
import traceback
import types

import pyarrow as pa
import pytest

from nextbuy.orders import InputError, read_orders
from nextbuy.orders.database import is_database, safe_address

ADDRESS = "postgresql://shop:s3cr%40t@db.example/orders?sslpassword=hush"


def test_what_is_an_address():
    """Addresses have a scheme; paths, also of other drives, have none."""
    assert is_database("sqlite:///a.db")
    assert not is_database("orders/*.csv")
    assert not is_database("C:\\orders.csv")


def test_a_missing_driver_says_what_to_install(monkeypatch):
    """Without the driver the error is the command that installs it."""
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    with pytest.raises(InputError, match=r"pip install nextbuy\[sql\]") as caught:
        read_orders(ADDRESS, query="SELECT 1")
    assert "s3cr" not in str(caught.value)


class Cursor:
    """A driver's cursor that gives one row, or refuses as drivers do: with the address in the message."""

    def __init__(self, address):
        self.address = address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def cursor(self):
        """Give itself."""
        return self

    def commit(self):
        """Have nothing to keep."""

    def execute(self, query):
        """Run, or refuse as drivers do."""
        if "nowhere" in query:
            raise RuntimeError(f"{self.address}: no table for shop with password s3cr@t (hush)")

    def fetch_record_batch(self):
        """Give one row."""
        row = {"customer_id": [1], "order_id": [1], "timestamp": ["2026-01-01"], "item_id": [7]}
        return pa.table(row).to_reader()


@pytest.fixture
def driver(monkeypatch):
    module = types.ModuleType("adbc_driver_postgresql.dbapi")
    module.connect = Cursor
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", types.ModuleType("adbc_driver_postgresql"))
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", module)


@pytest.mark.usefixtures("driver")
def test_rows_of_a_query_are_orders():
    """What the query gives is read as any other source."""
    assert read_orders(ADDRESS, query="SELECT * FROM lines").item_ids.to_pylist() == [7]


@pytest.mark.usefixtures("driver")
def test_no_secret_in_any_error():
    """Neither the message nor its traceback shows user, password or options."""
    with pytest.raises(InputError) as caught:
        read_orders(ADDRESS, query="SELECT * FROM nowhere")
    assert "the query failed" in str(caught.value)
    assert "postgresql://***@db.example/orders" in str(caught.value)
    whole = (
        "".join(traceback.format_exception_only(caught.value))
        + str(caught.value.__cause__)
        + str(caught.value.__context__)
    )
    for secret in ("s3cr", "hush"):
        assert secret not in whole


def test_a_query_is_needed_and_unknown_schemes_are_refused():
    """Each mistake has its own remedy."""
    with pytest.raises(InputError, match="query=, the SELECT"):
        read_orders("sqlite:///shop.db")
    with pytest.raises(InputError, match=r"oracle:// is no known kind"):
        read_orders("oracle://a:b@c/d", query="SELECT 1")
    assert safe_address("postgresql://a:p@ss@c/d") == "postgresql://***@c/d"


def test_sqlite(tmp_path):
    """A real SQLite file gives its rows."""
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.execute("CREATE TABLE lines (customer_id, order_id, timestamp, item_id, quantity)")
        db.execute("INSERT INTO lines VALUES ('ann', 1, '2026-01-01', 'tiles', 3)")
    orders = read_orders(f"sqlite:///{tmp_path / 'shop.db'}", query="SELECT * FROM lines")
    assert orders.quantity.tolist() == [3.0]
