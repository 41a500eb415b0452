"""UCI Online Retail, as published: 541,909 lines of a real shop, with all that is wrong with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nextbuy.orders import read_orders
from nextbuy.orders.lines import Lines
from nextbuy.orders.table import Orders

NAMES = {
    "customer": "CustomerID", "order": "InvoiceNo", "time": "InvoiceDate",
    "item": "StockCode", "quantity": "Quantity", "price": "UnitPrice",
}  # fmt: skip


@pytest.fixture(scope="module")
def orders(shared_data):
    return read_orders(str(shared_data / "online_retail_raw" / "*.csv"), **NAMES)


@pytest.fixture(scope="module")
def raw(shared_data):
    files = sorted((shared_data / "online_retail_raw").glob("*.csv"))
    return pd.concat([pd.read_csv(f, dtype=str, keep_default_na=False) for f in files], ignore_index=True)


def test_every_line_has_one_fate(orders):
    """Lines kept, merged and set aside are all lines, and the lines kept are those of the arrays."""
    ledger = orders.ledger
    assert ledger["read"] == ledger["kept"] + ledger["merged"] + ledger["set_aside"] == 541_909
    assert ledger["kept"] == len(orders)


def test_what_is_wrong_is_counted_as_pandas_counts_it(orders, raw):
    """Missing customers, cancellations, copies and impossible prices are those of the raw files."""
    found = orders.problems.set_index("problem")
    quantity, price = raw["Quantity"].astype(float), raw["UnitPrice"].astype(float)
    cancelled = raw["InvoiceNo"].str.startswith("C")
    want = {
        "missing_customer": (raw["CustomerID"] == "").sum(), "cancellation": cancelled.sum(),
        "return": (~cancelled & (quantity < 0)).sum(), "duplicate": raw.duplicated().sum(),
        "zero_price": (price == 0).sum(), "negative_price": (price < 0).sum(),
    }  # fmt: skip
    assert {k: found.loc[k, "rows"] for k in want} == want
    assert (want["missing_customer"], want["cancellation"], want["duplicate"]) == (135_080, 9_288, 5_268)
    assert (found["kept"] + found["merged"] + found["set_aside"] == found["rows"]).all()
    assert found.loc["missing_customer", "set_aside"] == 135_080


def by_line(orders):
    frame = orders.frame().rename(columns=lambda c: c.removesuffix("_id"))
    return frame.set_index(["customer", "order", "item"])


def test_agrees_with_the_cleaned_history(orders, raw, shared_data):
    """Every line of the published cleaning is here and no other, but for what either throws away.

    The cleaning leaves out item codes that are no goods (postage, manual entries, carriage, bank charges),
    lines without price, and all returns without taking them off their purchases.
    """
    clean = read_orders(shared_data / "online_retail_1.parquet")
    ours, theirs = by_line(orders), by_line(clean)
    more = ours.loc[ours.index.difference(theirs.index)]
    goods = more.index.get_level_values("item").str.match(r"^\d{5}")
    assert set(more.index.get_level_values("item")[~goods]) == {
        "POST",
        "M",
        "C2",
        "DOT",
        "BANK CHARGES",
        "PADS",
    }
    assert more["price"][goods].isna().all()

    # before its returns, ours has every line of theirs, with the same moment, quantity and price
    lines = orders._lines
    whole = by_line(Orders(
        Lines(lines.customer, lines.order, lines.item, lines.time, lines.quantity, lines.price),
        customer_ids=orders._ids[0], order_ids=orders._ids[1], item_ids=orders._ids[2],
    ))  # fmt: skip
    assert len(theirs.index.difference(whole.index)) == 0
    same = whole.loc[theirs.index]
    differ = (same["quantity"] != theirs["quantity"]) | (same["timestamp"] != theirs["timestamp"])
    differ |= (same["price"] - theirs["price"]).abs() > 1e-9
    # but for five where free pieces lie beside paid ones: we count them, the cleaning does not
    assert differ.sum() == 5
    free = raw[raw["UnitPrice"].astype(float) == 0]
    free = free.groupby(["InvoiceNo", "StockCode"])["Quantity"].agg(lambda q: q.astype(float).sum())
    for row, extra in (same["quantity"] - theirs["quantity"])[differ].items():
        assert free[row[1:]] == extra
    # what they have beyond ours went back, wholly
    back = whole.index.difference(ours.index)
    assert set(theirs.index.difference(ours.index)) <= set(back)
    fewer = theirs.index.intersection(ours.index)
    assert (ours.loc[fewer, "quantity"] <= whole.loc[fewer, "quantity"]).all()


def test_returns_take_off_what_was_bought(orders, raw):
    """Pieces kept and pieces returned are the pieces bought, over all lines of named customers."""
    raw = raw[(raw["CustomerID"] != "")].drop_duplicates()
    quantity = raw["Quantity"].astype(float)
    bought = quantity[quantity > 0].sum()
    lines = orders._lines
    assert lines.quantity.sum() == bought
    assert orders.quantity.sum() == pytest.approx(bought - lines.return_quantity.sum())
    assert lines.return_quantity.sum() <= -quantity[quantity < 0].sum()
    assert (lines.return_time >= lines.time[lines.return_line]).all()
    taken = np.bincount(lines.return_line, lines.return_quantity, minlength=len(lines.quantity))
    assert (taken <= lines.quantity + 1e-6).all()


def test_shuffled_and_renamed_the_arrays_are_the_same(orders, raw):
    """Half a million real lines, ties and all: row order and spelling of ids leave no trace in the arrays."""
    other = raw.sample(frac=1, random_state=3)
    rng = np.random.default_rng(0)
    for column in ("CustomerID", "StockCode"):
        names = [n for n in other[column].unique() if n]
        spelled = {n: f"z{k}" for n, k in zip(names, rng.permutation(len(names)), strict=True)}
        other[column] = other[column].map(spelled).fillna("")
    again = read_orders(other, **NAMES)
    for name in ("customer", "order", "item", "time", "quantity", "price", "customer_hash"):
        np.testing.assert_array_equal(getattr(orders, name), getattr(again, name), err_msg=name)
    assert orders.ledger == again.ledger
