"""Rows go to a database whole, or not at all, and come back as they went."""

from __future__ import annotations

import traceback
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

import nextbuy as nb
from nextbuy.orders.database import read_database

ROWS = pa.table(
    {
        "customer_id": ["Ани", "Șerban", "Zoé"],
        "rank": pa.array([1, 2, 3], pa.int32()),
        "probability": [0.5, None, 0.25],
        "send_on": pa.array([date(2026, 6, 1), None, date(2026, 6, 3)]),
        "made": pa.array([datetime(2026, 6, 1, 12, tzinfo=UTC)] * 3, pa.timestamp("us", tz="UTC")),
        "control": [True, False, False],
    }
)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """Give an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.db"
    found = request.getfixturevalue("postgresql")
    nb.storage.database.in_transaction(
        found, lambda cursor: cursor.execute("DROP TABLE IF EXISTS offers"), doing="cleaning up"
    )
    return found


def rows(address):
    return read_database(address, "SELECT * FROM offers ORDER BY rank").to_pylist()


def test_what_was_written_is_read(address):
    """Names in three alphabets, missing values and numbers come back; appended rows are added, replaced ones gone."""
    assert nb.write_database(ROWS, address, table="offers") == 3
    made = rows(address)
    assert [row["customer_id"] for row in made] == ["Ани", "Șerban", "Zoé"]
    assert [row["probability"] for row in made] == [0.5, None, 0.25]
    assert str(made[0]["send_on"]) == "2026-06-01"
    assert str(made[0]["made"]).startswith("2026-06-01")
    assert nb.write_database(ROWS.slice(2), address, table="offers", mode="append") == 1
    assert [row["rank"] for row in rows(address)] == [1, 2, 3, 3]
    assert nb.write_database(ROWS.slice(1, 1).to_pandas(), address, table="offers", mode="replace") == 1
    assert [row["customer_id"] for row in rows(address)] == ["Șerban"]


@pytest.mark.parametrize("mode", ["create", "append", "replace"])
def test_a_failed_write_leaves_the_table_as_it_was(address, mode):
    """A row that the database refuses, a table that exists, or columns it does not know: nothing has changed."""
    nb.write_database(ROWS, address, table="offers")
    before = rows(address)
    wrong = ROWS.append_column("unknown", pa.array([1, 2, 3]))
    if mode == "replace":
        wrong = pa.table({"rank": [1], "also": [{"a": 1}]})
    with pytest.raises(nb.InputError, match="writing table 'offers' failed"):
        nb.write_database(wrong, address, table="offers", mode=mode)
    assert rows(address) == before


def test_a_constraint_broken_halfway_takes_all_rows_back(address):
    """The last of three rows breaks a unique key: none of them stays."""
    nb.write_database(ROWS, address, table="offers")
    nb.storage.database.in_transaction(
        address,
        lambda cursor: cursor.execute("CREATE UNIQUE INDEX one_rank ON offers (rank)"),
        doing="an index",
    )
    more = ROWS.set_column(1, "rank", pa.array([10, 11, 3], pa.int32()))
    with pytest.raises(nb.InputError, match="writing table"):
        nb.write_database(more, address, table="offers", mode="append")
    assert [row["rank"] for row in rows(address)] == [1, 2, 3]


def test_orders_are_read_from_a_database(address, small_world):
    """A SELECT gives the same orders as the frame it was written from."""
    nb.write_database(small_world.orders, address, table="offers")
    query = "SELECT customer_id, order_id, timestamp, item_id, quantity, price FROM offers"
    made, known = nb.read_orders(address, query=query), nb.read_orders(small_world.orders)
    assert (len(made), made.n_customers) == (len(known), known.n_customers)
    assert (made.time == known.time).all()
    assert made.item_ids.to_pylist() == known.item_ids.to_pylist()


def test_no_secret_is_told(postgresql):
    """A wrong server, table or mode names the database without its password, in the whole traceback."""
    address = postgresql.replace("postgres:", "postgresql:")
    nowhere = address.rsplit(":", 1)[0] + ":1/nowhere?sslpassword=hush"
    for tried in (
        lambda: nb.write_database(ROWS, nowhere, table="offers"),
        lambda: nb.write_database(ROWS, address, table="offers", mode="upsert"),
        lambda: nb.write_database(ROWS, address.replace("postgresql", "oracle"), table="offers"),
        lambda: read_database(address, "SELECT * FROM nowhere"),
    ):
        with pytest.raises(nb.InputError) as caught:
            tried()
        told = "".join(traceback.TracebackException.from_exception(caught.value).format())
        assert "s3cret" not in told
        assert "hush" not in told


@pytest.mark.parametrize(
    ("frame", "address", "options", "message"),
    [
        ([1, 2], "sqlite:///x.db", {"table": "offers"}, "no frame"),
        (ROWS, "offers.db", {"table": "offers"}, "no database address"),
        (ROWS, "sqlite:///no/such/place/x.db", {"table": "offers"}, "no directory"),
        (ROWS, "sqlite:///x.db", {"table": ""}, "name of a table"),
    ],
)
def test_what_cannot_be_written_is_refused(frame, address, options, message, tmp_path, monkeypatch):
    """No frame, no address, no directory or no name: one clear error, and no file is left behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nb.InputError, match=message):
        nb.write_database(frame, address, **options)
    assert not list(tmp_path.iterdir())
