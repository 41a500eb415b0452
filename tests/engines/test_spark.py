"""Spark gives the rows that one machine gives, however the customers are divided."""

from __future__ import annotations

import os
import shutil
import sys

import pandas as pd
import pyarrow as pa
import pytest

import nextbuy as nb

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]
AS_OF = "2025-06-01"


@pytest.fixture(scope="module")
def spark():
    """Start Spark on this machine: two executor threads, each task may fail thrice."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2, 4]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.sql.session.timeZone", "America/New_York")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def shop():
    """Generate a shop, and a model of its past."""
    data = nb.datasets.make_orders(customers=800, days=400, seed=3, backend="pyarrow")
    # a time without a zone is Spark's own session's
    lines = data.orders.set_column(
        2, "timestamp", data.orders["timestamp"].cast(pa.timestamp("us", tz="UTC"))
    )
    orders = nb.read_orders(lines, catalog=data.catalog)
    return lines, orders, nb.NextPurchase().fit(orders, as_of=AS_OF)


def same(frame, local):
    """Say whether both have the same rows, to the bit."""
    made = frame.toArrow().to_pandas().sort_values(["customer_id", "rank"], ignore_index=True)
    known = local.to_pandas() if isinstance(local, pa.Table) else local
    known = known.sort_values(["customer_id", "rank"], ignore_index=True)
    pd.testing.assert_frame_equal(made, known, check_exact=True, check_dtype=False)
    return len(made)


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_rows_are_those_of_one_machine(spark, shop, partitions):
    """One, three or eight partitions: every row and every bit is that of `model.predict`."""
    from nextbuy.engines.spark import predict

    lines, orders, model = shop
    local = model.predict(orders, as_of=AS_OF, k=3)
    frame = spark.createDataFrame(lines)
    assert same(predict(model, frame, as_of=AS_OF, k=3, partitions=partitions), local) > 1_000


def test_a_failing_task_is_tried_again(spark, shop, tmp_path):
    """A worker that dies halfway through its partition is replaced; no row is lost or doubled."""
    from nextbuy.engines.spark import predict

    lines, orders, model = shop
    mark = str(tmp_path / "died")

    def die_once(batches):
        for batch in batches:
            yield batch
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os._exit(1)

    frame = spark.createDataFrame(lines)
    rows = predict(model, frame, as_of=AS_OF, k=2, partitions=3)
    dying = rows.mapInArrow(die_once, rows.schema)
    assert same(dying, model.predict(orders, as_of=AS_OF, k=2)) > 1_000
    assert os.path.exists(mark)  # noqa: PTH110 - a plain name, as the workers have it


def test_other_columns_and_whole_numbers(spark, shop):
    """Customers numbered 1, 2, 3 and columns of other names are read as `read_orders` reads them."""
    from nextbuy.engines.spark import predict

    lines, _, model = shop
    lines = lines.to_pandas().drop(columns="price")
    lines["buyer"] = lines.pop("customer_id").str.removeprefix("C-").astype(int)
    orders = nb.read_orders(lines, customer="buyer")
    frame = spark.createDataFrame(pa.Table.from_pandas(lines))
    made = predict(model, frame, as_of=AS_OF, k=1, kind="new", customer="buyer")
    assert same(made, model.predict(orders, as_of=AS_OF, k=1, kind="new")) > 300


def test_what_cannot_work_is_said_before_any_task(spark, shop):
    """A missing column, a moment that the model has seen beyond, a wrong argument: one clear error each."""
    from nextbuy.engines.spark import predict

    lines, _, model = shop
    frame = spark.createDataFrame(lines.slice(0, 10))
    with pytest.raises(nb.InputError, match=r"no column 'client'.*customer='your_column'"):
        predict(model, frame, as_of=AS_OF, customer="client")
    with pytest.raises(nb.InputError, match="has seen what it would predict"):
        predict(model, frame, as_of="2025-01-01")
    with pytest.raises(nb.InputError, match="kind='soon'"):
        predict(model, frame, as_of=AS_OF, kind="soon")
