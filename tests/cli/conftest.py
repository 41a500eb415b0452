"""A small shop in files, and a model of it."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

import nextbuy as nb
from nextbuy.cli.app import run


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """Give a directory with orders.parquet, raw.csv (other column names, some of it dirty) and items.parquet."""
    place = tmp_path_factory.mktemp("shop")
    data = nb.datasets.make_orders(customers=400, days=400, seed=3, return_share=0)
    pq.write_table(pa.Table.from_pandas(data.orders, preserve_index=False), place / "orders.parquet")
    pq.write_table(pa.Table.from_pandas(data.catalog, preserve_index=False), place / "items.parquet")
    raw = pa.Table.from_pandas(data.orders.head(400), preserve_index=False).rename_columns(
        ["CustomerID", "InvoiceNo", "InvoiceDate", "StockCode", "Quantity", "UnitPrice"]
    )
    csv.write_csv(raw, place / "raw.csv")
    with (place / "raw.csv").open("a", encoding="utf-8") as stream:
        stream.write('"","X-1","2025-01-05 10:00:00","A-1",1,2.5\n')
    return place


@pytest.fixture(scope="session")
def names():
    """Give the options that map the columns of raw.csv."""
    mapping = {
        "customer": "CustomerID",
        "order": "InvoiceNo",
        "time": "InvoiceDate",
        "item": "StockCode",
        "quantity": "Quantity",
        "price": "UnitPrice",
    }
    return [word for option, column in mapping.items() for word in (f"--{option}", column)]


@pytest.fixture(scope="session")
def orders(shop):
    return nb.read_orders(shop / "orders.parquet", catalog=shop / "items.parquet")


@pytest.fixture(scope="session")
def model(shop):
    """Give the directory of a model that the command line fitted."""
    files = [str(shop / "orders.parquet"), "--catalog", str(shop / "items.parquet")]
    (shop / "fit.toml").write_text("[NextPurchase]\nhorizon_days = 14\n")
    words = ["fit", *files, "--config", str(shop / "fit.toml"), "--as-of", "2025-06-20", "--quiet"]
    assert run([*words, "--model", str(shop / "model")]) == 0
    return shop / "model"


@pytest.fixture
def nextbuy(capsys):
    """Run a command line in this process: gives exit code, stdout (parsed where --json is given) and stderr."""

    def call(*words):
        words = [str(w) for w in words]
        code = run(words)
        out, err = capsys.readouterr()
        return code, json.loads(out) if "--json" in words and out else out, err

    return call
