"""The catalog answers by the ids of the orders, whatever their type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from nextbuy.orders import InputError, read_catalog, read_orders


def test_ids_meet_whatever_their_type():
    """1, "1", " 1 " and 1.0 are one item."""
    for ids in ([1, 2], ["1", " 2 "], [1.0, 2.0], ["1.0", "2.0"]):
        catalog = read_catalog(pd.DataFrame({"item_id": ids, "category": ["floor", "wall"]}))
        for asked in (pa.array([2, 9]), pa.array(["2", "9"])):
            assert catalog.column("category", asked).to_pylist() == ["wall", None]


def test_the_first_of_two_rows_stays_and_it_is_named():
    """A second row of an id is set aside, with its place."""
    catalog = read_catalog(
        [{"item_id": "a", "price": 1}, {"item_id": "b", "price": 2}, {"item_id": "a ", "price": 3}]
    )
    assert catalog.column("price", pa.array(["a", "b"])).to_pylist() == [1.0, 2.0]
    found = catalog.problems.to_pylist()
    assert [(p["problem"], p["rows"], p["set_aside"]) for p in found if p["problem"] == "duplicate_item"] == [
        ("duplicate_item", 1, 1)
    ]
    assert len(catalog) == 2


def test_numbers_flags_and_any_other_column(tmp_path):
    """Numbers and flags are read from text; blanks are unknown; other columns come as they are."""
    (tmp_path / "items.csv").write_text(
        "item_id,name,price,unit_margin,durable,shelf\n007,tap,19.90,,yes,A\n8,,x,3,no,\n9,bath,250,90,,C\n"
    )
    catalog = read_catalog(tmp_path / "items.csv")
    assert catalog.columns == ["item_id", "name", "price", "unit_margin", "durable", "shelf"]
    assert catalog.table.to_pylist() == [
        {"item_id": "007", "name": "tap", "price": 19.9, "unit_margin": None, "durable": True, "shelf": "A"},
        {"item_id": "8", "name": None, "price": None, "unit_margin": 3.0, "durable": False, "shelf": None},
        {"item_id": "9", "name": "bath", "price": 250.0, "unit_margin": 90.0, "durable": None, "shelf": "C"},
    ]


BAD = [
    {"item_id": "a", "price": "x", "stock": "many", "durable": "ja", "unit_margin": "1"},
    {"item_id": "b", "price": "-5", "stock": "-2", "durable": "?", "unit_margin": "-1"},
    {"item_id": "c", "price": "10", "stock": "1e400", "durable": "yes", "unit_margin": "40"},
    {"item_id": "d", "price": "", "stock": None, "durable": "n/a", "unit_margin": ""},
    {"item_id": "d", "price": "again", "stock": "1", "durable": "0", "unit_margin": ""},
]


def test_values_that_cannot_be_are_named():
    """Each bad number, flag, negative and margin has its column, count and place; blanks are no problem."""
    catalog = read_catalog(BAD)
    found = {(p["problem"], p["column"]): p for p in catalog.problems.to_pylist()}
    assert {k: p["rows"] for k, p in found.items()} == {
        ("duplicate_item", "item_id"): 1,
        ("bad_number", "price"): 1,
        ("bad_number", "stock"): 2,
        ("bad_flag", "durable"): 2,
        ("negative_value", "price"): 1,
        ("negative_value", "stock"): 1,
        ("margin_above_price", "unit_margin"): 1,
    }
    assert found["bad_number", "price"]["examples"] == ["row 1: item_id='a', price='x'"]
    assert found["bad_flag", "durable"]["examples"][0] == "row 1: item_id='a', durable='ja'"
    assert all(p["action"] and p["change"] for p in found.values())
    assert catalog.table.column("price").to_pylist() == [None, None, 10.0, None]
    assert catalog.table.column("stock").to_pylist() == [None, 0.0, None, None]
    assert catalog.table.column("unit_margin").to_pylist() == [1.0, -1.0, 40.0, None]


def test_problems_of_the_catalog_reach_the_orders():
    """Whoever reads orders with a catalog sees its problems, marked as the catalog's, beside the lines'."""
    lines = [{"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": "a"}]
    orders = read_orders(lines, catalog=BAD)
    for found in (orders, read_orders(read_orders(lines), catalog=BAD)):
        columns = found.problems.set_index("problem")["column"]
        assert columns["bad_flag"] == "catalog.durable"
        assert sorted(columns["bad_number"]) == ["catalog.price", "catalog.stock"]
    assert orders.ledger == {"read": 1, "kept": 1, "merged": 0, "set_aside": 0}
    with pytest.raises(InputError, match=r"bad_flag in catalog\.durable: 2 rows"):
        read_orders(lines, catalog=BAD, on_problem="raise")
    with pytest.raises(InputError, match=r"bad_flag in catalog\.durable: 2 rows"):
        read_orders(read_orders(lines), catalog=BAD, on_problem="raise")


def test_absent_columns_are_told():
    """A column the catalog lacks, and a catalog without ids, say what is there."""
    catalog = read_catalog([{"item_id": 1, "category": "tap"}])
    with pytest.raises(
        InputError, match=r"no column 'categry'. Did you mean 'category'\? Columns seen: item_id, category"
    ):
        catalog.column("categry", pa.array([1]))
    with pytest.raises(InputError, match=r"read_catalog\(source, item='StockCode'\)"):
        read_catalog([{"StockCode": 1}])


def test_levels_group_items_and_lose_none():
    """At category level, items without category stand for themselves."""
    lines = [
        {"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": i} for i in ("a", "b", "c")
    ]
    orders = read_orders(
        lines, catalog=[{"item_id": "a", "category": "tap"}, {"item_id": "b", "category": "tap"}]
    )
    by = orders.level("category")
    assert sorted(zip(by.item_ids.to_pylist(), by.quantity[np.argsort(by.item)], strict=True)) == [
        ("c", 1.0),
        ("tap", 2.0),
    ]
    with pytest.raises(InputError, match="no column 'brand'"):
        orders.level("brand")
