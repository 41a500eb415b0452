"""Orders do not depend on where the lines came from, in what order, or how ids are spelled."""

from __future__ import annotations

import random

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nextbuy.orders import InputError, Orders, read_catalog, read_orders

ARRAYS = (
    "customer",
    "order",
    "item",
    "time",
    "quantity",
    "price",
    "customer_offsets",
    "order_offsets",
    "customer_hash",
)


def same(a, b, *, ids=True):
    """Assert that two Orders hold the same arrays, and the same ids as text."""
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    if ids:
        for name in ("customer_ids", "order_ids", "item_ids"):
            assert list(map(str, getattr(a, name).to_pylist())) == list(
                map(str, getattr(b, name).to_pylist())
            ), name


def history(rows):
    return pd.DataFrame(
        rows, columns=["customer_id", "order_id", "timestamp", "item_id", "quantity", "price"]
    ).assign(timestamp=lambda f: pd.Timestamp("2026-01-01") + pd.to_timedelta(f["timestamp"], unit="h"))


line = st.tuples(
    st.integers(1, 4).map(lambda k: f"c{k}"),
    st.integers(1, 6).map(lambda k: f"o{k}"),
    st.integers(0, 90),
    st.integers(1, 5).map(lambda k: f"i{k}"),
    st.integers(-3, 6),
    st.integers(0, 400).map(lambda k: k / 4),
)
# each line its own moment: what happened at one moment to two things alike can only be told apart by ids
moments = st.lists(line, min_size=1, max_size=40, unique_by=lambda row: row[2])


@settings(max_examples=40, deadline=None)
@example(
    rows=[("c1", "o1", 0, "i1", 0, 0.0), ("c1", "o1", 1, "i1", 0, 0.25)], seed=0
)  # two lines of an item, one without price
@given(rows=moments, seed=st.integers(0, 1000))
def test_shuffled_rows_change_nothing(rows, seed):
    """The order of the rows leaves no trace, not even in the codes."""
    frame = history(rows)
    a = read_orders(frame, as_of="2027-01-01")
    b = read_orders(frame.sample(frac=1, random_state=seed), as_of="2027-01-01")
    same(a, b)
    assert a.ledger == b.ledger
    columns = ["problem", "column", "rows", "kept", "merged", "set_aside"]
    pd.testing.assert_frame_equal(a.problems[columns], b.problems[columns])


@settings(max_examples=40, deadline=None)
@given(rows=moments, seed=st.integers(0, 1000))
def test_renamed_ids_change_only_the_ids(rows, seed):
    """Other spellings of customers, orders and items give the same arrays."""
    frame, other = history(rows), history(rows)
    names = [f"{k:02d}x" for k in range(60)]
    random.Random(seed).shuffle(names)
    spelled = {}
    for column in ("customer_id", "order_id", "item_id"):
        spelled[column] = {v: names.pop() for v in sorted(frame[column].unique())}
        other[column] = frame[column].map(spelled[column])
    a, b = read_orders(frame, as_of="2027-01-01"), read_orders(other, as_of="2027-01-01")
    same(a, b, ids=False)
    assert [spelled["customer_id"][c] for c in a.customer_ids.to_pylist()] == b.customer_ids.to_pylist()
    assert [spelled["item_id"][c] for c in a.item_ids.to_pylist()] == b.item_ids.to_pylist()
    assert a.ledger == b.ledger


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=moments)
def test_every_source_gives_the_same_orders(rows, tmp_path):
    """pandas, polars (also lazy), arrow, dicts, DuckDB, CSV, CSV.gz, Parquet: one and the same."""
    frame = history(rows)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    truth = read_orders(frame, as_of="2027-01-01")
    pq.write_table(table, tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    frame.to_csv(tmp_path / "semi.txt", index=False, sep=";", decimal=",")
    frame.to_csv(tmp_path / "tab.tsv", index=False, sep="\t", encoding="utf-16")
    half = len(frame) // 2
    frame[:half].to_csv(tmp_path / "part-1.csv", index=False)
    frame[half:].to_csv(tmp_path / "part-2.csv", index=False)
    duck = duckdb.connect()
    duck.register("t", table)
    sources = [
        pl.from_pandas(frame),
        pl.from_pandas(frame).lazy(),
        table,
        table.to_reader(),
        frame.to_dict("records"),
        frame.to_dict("list"),
        duck.sql("select * from t"),
        frame.astype(object),
        tmp_path / "a.parquet",
        str(tmp_path / "a.csv"),
        tmp_path / "a.csv.gz",
        tmp_path / "semi.txt",
        tmp_path / "tab.tsv",
        tmp_path / "part-*.csv",
        [tmp_path / "part-2.csv", str(tmp_path / "part-1.csv")],
    ]
    for source in sources:
        same(truth, read_orders(source, as_of="2027-01-01"))


@pytest.mark.parametrize(
    ("made", "kind"), [(pd.DataFrame, pd.DataFrame), (pl.DataFrame, pl.DataFrame), (pa.table, pa.Table)]
)
def test_frames_come_back_in_the_callers_kind(made, kind):
    """Whoever gives polars gets polars, and so on."""
    orders = read_orders(
        made({"customer_id": [1], "order_id": [1], "timestamp": ["2026-01-01"], "item_id": [1]})
    )
    assert isinstance(orders.problems, kind)
    assert isinstance(orders.frame(), kind)


def test_ids_keep_their_type_and_zeros():
    """Whole numbers stay numbers, "007" stays "007", and 17850.0 is 17850, as number and as text."""
    base = {"timestamp": ["2026-01-01"] * 2, "order_id": [1, 2]}
    numbers = read_orders(pd.DataFrame(base | {"customer_id": [17850.0, np.nan], "item_id": [7, 8]}))
    assert numbers.customer_ids.to_pylist() == [17850]
    assert pa.types.is_int64(numbers.customer_ids.type)
    texts = read_orders(pd.DataFrame(base | {"customer_id": ["17850.0", "1.0"], "item_id": ["007", "7"]}))
    assert sorted(texts.customer_ids.to_pylist()) == ["1", "17850"]
    assert sorted(texts.item_ids.to_pylist()) == ["007", "7"]
    versions = read_orders(pd.DataFrame(base | {"customer_id": ["a", "b"], "item_id": ["1.0", "v2"]}))
    assert sorted(versions.item_ids.to_pylist()) == ["1.0", "v2"]


def test_files_of_different_types_meet(tmp_path):
    """A customer that is a number in one file and text in the other is one customer, and it is named."""
    base = {"order_id": ["o"], "timestamp": ["2026-01-01"], "item_id": ["i"]}
    pq.write_table(pa.table(base | {"customer_id": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table(base | {"customer_id": ["1"]}), tmp_path / "b.parquet")
    orders = read_orders(tmp_path / "*.parquet")
    assert orders.customer_ids.to_pylist() == ["1"]
    found = {r["problem"]: r for r in orders.problems.to_dict("records")}
    assert found["mixed_ids"]["examples"][0].startswith("a.parquet row 1: customer_id=1")


def test_without_order_column_a_moment_is_an_order():
    """Lines of one customer and moment are one order, named by both."""
    orders = read_orders(
        [
            {"customer_id": "ann", "timestamp": "2026-01-01 10:00", "item_id": "a"},
            {"customer_id": "ann", "timestamp": "2026-01-01 10:00", "item_id": "b"},
            {"customer_id": "ann", "timestamp": "2026-01-01 11:00", "item_id": "a"},
            {"customer_id": "bob", "timestamp": "2026-01-01 10:00", "item_id": "a"},
        ]
    )
    assert orders.order_ids.to_pylist() == [
        "ann 2026-01-01 10:00:00",
        "ann 2026-01-01 11:00:00",
        "bob 2026-01-01 10:00:00",
    ]
    assert len(orders.problems) == 0


def test_orders_pass_through_and_take_a_catalog():
    """Orders come back themselves, or with the catalog given."""
    orders = read_orders([{"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": 1}])
    assert read_orders(orders) is orders
    catalog = read_catalog([{"item_id": "1", "category": "tap"}])
    with_one = read_orders(orders, catalog=catalog)
    assert isinstance(with_one, Orders)
    assert with_one.level("category").item_ids.to_pylist() == ["tap"]


def test_all_set_aside_is_no_crash():
    """When nothing is left there are no lines, the ledger adds up, and asking for the span says why."""
    orders = read_orders([{"customer_id": None, "order_id": 1, "timestamp": "2026-01-01", "item_id": 1}])
    assert len(orders) == orders.n_customers == orders.n_orders == 0
    assert orders.ledger == {"read": 1, "kept": 0, "merged": 0, "set_aside": 1}
    assert "empty" in repr(orders)
    with pytest.raises(InputError, match=r"orders\.problems"):
        _ = orders.start


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "empty list"),
        (42, "A int holds no order lines"),
        ("nowhere/*.csv", "No file matches"),
        (".", "is a directory"),
    ],
)
def test_sources_that_are_none(source, message):
    """What holds no lines is refused with the sources that do."""
    with pytest.raises(InputError, match=message):
        read_orders(source)


def test_bad_parquet_and_unknown_kinds(tmp_path):
    """A broken Parquet file, and a kind of file that is not read, are refused by name."""
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"cut\.parquet is no readable Parquet"):
        read_orders(tmp_path / "cut.parquet")
    with pytest.raises(InputError, match="Save the sheet as CSV"):
        read_orders(tmp_path / "sheet.xlsx")


def test_wrong_options_are_refused():
    """Unknown zones, formats and choices name what would work."""
    row = [{"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": 1}]
    with pytest.raises(InputError, match="Europe/Berlin"):
        read_orders(row, timezone="Europe/Berln")
    with pytest.raises(InputError, match="on_problem='keep'"):
        read_orders(row, on_problem="ignore")
    with pytest.raises(InputError, match="as_of='2026-06-01'"):
        read_orders(row, as_of="soon")
    with pytest.raises(InputError, match="database address"):
        read_orders(row, query="select 1")
