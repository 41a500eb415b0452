"""Spark on this machine, and a shop whose past a model knows."""

from __future__ import annotations

import os
import sys

import pyarrow as pa
import pytest

import nextbuy as nb

AS_OF = "2025-06-01"


@pytest.fixture(scope="package")
def spark():
    """Start Spark on this machine: two executor threads, each task may fail thrice."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2, 4]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.sql.session.timeZone", "America/New_York")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="package")
def shop():
    """Generate a shop, and a model of its past."""
    data = nb.datasets.make_orders(customers=800, days=400, seed=3, backend="pyarrow")
    # a time without a zone is Spark's own session's
    lines = data.orders.set_column(
        2, "timestamp", data.orders["timestamp"].cast(pa.timestamp("us", tz="UTC"))
    )
    orders = nb.read_orders(lines, catalog=data.catalog)
    return lines, orders, nb.NextPurchase().fit(orders, as_of=AS_OF)
