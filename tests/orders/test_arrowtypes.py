"""Columns of any arrow type come in as what they mean, or are refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nextbuy as nb

TIMES = ["2026-03-01", "2026-03-02", "2026-03-03"]


def lines(**columns):
    return pa.table(
        {"customer_id": ["a", "b", "a"], "timestamp": TIMES, "item_id": ["x", "y", "x"]} | columns
    )


def as_view(values):
    return pa.array(values, pa.string()).cast(pa.string_view())


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(1)])
def test_bytes_are_text(kind):
    """Ids and numbers that some writers store as plain bytes are read as the text that they are."""
    items = pa.array([b"x", b"y", b"x"], kind)
    orders = nb.read_orders(lines(item_id=items, quantity=pa.array([b"1", b"2", b"3"], kind)))
    assert orders.item_ids.to_pylist() == ["x", "y"]
    assert sorted(orders.quantity.tolist()) == [1, 2, 3]


def test_views_and_coded_views_are_text():
    """Strings in arrow's newer layout, coded or not, are ids like any."""
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), as_view(["x", "y"]))
    for items in (as_view(["x", "y", "x"]), coded):
        assert nb.read_orders(lines(item_id=items)).item_ids.to_pylist() == ["x", "y"]


def test_a_file_of_coded_text_without_rows_is_empty(tmp_path):
    """A Parquet file that holds no row group at all is an empty history, not an error of types."""
    pq.write_table(lines().slice(0, 0), tmp_path / "none.parquet")
    orders = nb.read_orders(tmp_path / "none.parquet")
    assert len(orders) == 0
    assert orders.problems["problem"].tolist() == ["no_lines"]


def test_text_that_is_no_text_is_spelled_out(tmp_path):
    """Bytes that are no UTF-8 under a text type stay apart and are shown, whichever file holds them."""
    broken = pa.array([b"caf\xe9", b"caf\xe8", b"caf\xe9"]).view(pa.string())
    orders = nb.read_orders(lines(item_id=broken))
    assert orders.item_ids.to_pylist() == ["caf\\xe9", "caf\\xe8"]
    pq.write_table(lines(item_id=broken), tmp_path / "orders.parquet")
    assert nb.read_orders(tmp_path / "orders.parquet").item_ids.equals(orders.item_ids)


def test_years_that_python_does_not_know_are_named():
    """A moment in the year 14000 is set aside as unreadable, and shown."""
    far = pa.array([1_700_000_000, 380_000_000_000, None], pa.timestamp("s"))
    orders = nb.read_orders(lines(timestamp=far))
    assert orders.ledger == {"read": 3, "kept": 1, "merged": 0, "set_aside": 2}
    assert "14011-09-21" in str(orders.problem_table["examples"].to_pylist())


def test_an_unknown_zone_keeps_the_instant():
    """A zone that this machine does not know changes no moment."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    stamps = pa.array([noon] * 3, pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Mars/Olympus"))
    orders = nb.read_orders(lines(timestamp=stamps))
    assert f"{orders.start:%Y-%m-%d %H}" == "2026-03-01 12"


def test_structures_are_unreadable_as_numbers_and_text_as_ids():
    """A list or a structure is an id by its text, and no quantity."""
    nested = pa.array([{"a": 1}, {"a": 2}, {"a": 1}])
    orders = nb.read_orders(lines(item_id=nested, quantity=nested))
    assert orders.n_items == 2
    assert "quantity" in orders.problem_table["column"].to_pylist()


def test_a_column_shorter_than_its_file_is_refused(tmp_path, monkeypatch):
    """A file whose footer promises more rows than a column holds is broken, and says which column."""
    pq.write_table(lines(), tmp_path / "orders.parquet")
    one = pa.array(["x"])
    monkeypatch.setattr(
        pq.ParquetFile, "iter_batches", lambda _, __, columns: [pa.record_batch({columns[0]: one})]
    )
    with pytest.raises(nb.InputError, match="column 'item_id' has 1 of its 3 values"):
        nb.read_orders(tmp_path / "orders.parquet")
