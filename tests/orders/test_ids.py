"""Ids come out as the caller wrote them, but for spaces, types and needless decimals."""

from __future__ import annotations

import decimal
import uuid

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nextbuy.orders import read_orders
from nextbuy.orders.ids import read_ids

BASE = {"order_id": [1, 2], "timestamp": ["2026-01-01"] * 2, "item_id": ["x", "y"]}
SOME = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([1, 2], [1, 2]),
        ([1.0, 2.0], [1, 2]),
        ([1.5, 2.0], ["1.5", "2"]),
        ([True, False], ["true", "false"]),
        ([b"a", 1], ["a", "1"]),
        ([SOME, "z"], [str(SOME), "z"]),
        (["1.0", "2"], ["1", "2"]),
        (["1.0", "2.5"], ["1.0", "2.5"]),
        (["001", "1"], ["001", "1"]),
        ([2**63, 1], [str(2**63), "1"]),
        ([decimal.Decimal("7.00"), decimal.Decimal(8)], [7, 8]),
        (["é ", "\u00a0e"], ["é", "e"]),
    ],
)
def test_values_of_all_kinds(values, want):
    """Whole numbers stay whole, text stays text, and a column has one type."""
    orders = read_orders({**BASE, "customer_id": values})
    frame = orders.frame().sort_values("item_id")
    assert frame["customer_id"].tolist() == want


def test_uuids_and_categories_of_frames():
    """Extension and coded columns are ids too."""
    column = pa.array([SOME.bytes] * 2, pa.uuid())
    assert read_orders(pa.table({**BASE, "customer_id": column})).customer_ids.to_pylist() == [str(SOME)]
    coded = pd.DataFrame({**BASE, "customer_id": ["a", "b"]}).astype({"customer_id": "category"})
    assert sorted(read_orders(coded).customer_ids.to_pylist()) == ["a", "b"]
    enum = pl.DataFrame({**BASE, "customer_id": ["a", "b"]}).cast({"customer_id": pl.Enum(["b", "a"])})
    assert sorted(read_orders(enum).customer_ids.to_pylist()) == ["a", "b"]


def test_an_empty_frame_of_any_kind():
    """No rows are no error, whatever the columns' types; that there are none is named."""
    for empty in (
        pd.DataFrame(columns=["customer_id", *BASE]),
        pl.DataFrame(schema=["customer_id", *BASE]),
        pl.DataFrame(schema=dict.fromkeys(["customer_id", *BASE], pl.String)),
    ):
        orders = read_orders(empty)
        assert len(orders) == 0
        assert "no_lines" in list(orders.problems["problem"])


def test_a_piece_without_ids_has_no_type():
    """A file whose column is empty makes the others' numbers no mixture."""
    ids = read_ids(
        [pa.chunked_array([[1, 2]]), pa.chunked_array([pa.nulls(2)]), pa.chunked_array([["", "nan"]])]
    )
    assert ids.values.to_pylist() == [1, 2]
    assert ids.codes.tolist() == [0, 1, -1, -1, -1, -1]
    assert len(ids.mixed) == 0


def test_codes_find_ids_of_any_spelling():
    """Whoever asks for 17850, "17850" or 17850.0 means one customer, whatever type the column had."""
    for column in ([17850, 3], ["17850", "3"]):
        orders = read_orders({**BASE, "customer_id": column})
        codes = orders.codes([17850, "17850", 17850.0, "nobody"], of="customer")
        assert [orders.customer_ids[int(c)].as_py() for c in codes[:3]] == [column[0]] * 3
        assert codes[3] == -1
