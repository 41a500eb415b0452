"""Spark gives the rows that one machine gives, however the customers are divided."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nextbuy as nb
from nextbuy.cli.app import run

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]
AS_OF = "2025-06-01"


@pytest.fixture(scope="module")
def dunnhumby(shared_data):
    """Give the file of a grocer's history, a model of a fifth of its customers, and what it says of all."""
    file = shared_data / "dunnhumby_lgsr5k.parquet"
    orders = nb.read_orders(file)
    some = orders.of(orders.customer_ids.to_pylist()[::5])
    model = nb.NextPurchase().fit(some, as_of="2008-05-01")
    return file, model, model.predict(orders, as_of="2008-05-01", k=5)


@pytest.fixture(scope="module")
def sample_model(sample_orders):
    """Fit on the shipped sample on one machine."""
    return nb.NextPurchase().fit(sample_orders)


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


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_a_grocers_history_is_answered_as_on_one_machine(spark, dunnhumby, partitions):
    """Two years of 4,965 customers, 2.4 million lines: the same rows to the bit, however they are divided."""
    from nextbuy.engines.spark import predict

    file, model, local = dunnhumby
    frame = spark.read.parquet(str(file))
    assert same(predict(model, frame, as_of="2008-05-01", k=5, partitions=partitions), local) > 20_000


@pytest.mark.usefixtures("spark")
def test_the_command_gives_what_it_gives_on_one_machine(shop, tmp_path, capsys):
    """`nextbuy score --engine spark` writes the predictions, offers and suppressed of --engine local."""
    lines, orders, model = shop
    pq.write_table(lines, tmp_path / "orders.parquet")
    pq.write_table(orders.catalog.table, tmp_path / "items.parquet")
    nb.save(model, tmp_path / "model")
    words = ["score", str(tmp_path / "orders.parquet"), "--catalog", str(tmp_path / "items.parquet")]
    words += ["--model", str(tmp_path / "model"), "--as-of", AS_OF, "-k", "3", "--csv", "--json"]
    for engine in ("local", "spark"):
        assert run([*words, "--engine", engine, "--out", str(tmp_path / engine)]) == 0
        assert json.loads(capsys.readouterr().out)["manifest"]["counts"]["predictions"] > 1_000
    for name in ("predictions", "offers", "suppressed"):
        local, made = (
            pq.read_table(tmp_path / engine / f"{name}.parquet")
            .to_pandas()
            .drop(columns=["offer_id", "coupon_code"], errors="ignore")
            .sort_values(["customer_id", "item_id"], ignore_index=True)
            for engine in ("local", "spark")
        )
        pd.testing.assert_frame_equal(made, local, check_exact=True)
    # the run is known by its inputs: the same again is refused as finished
    assert run([*words, "--engine", "spark", "--out", str(tmp_path / "spark")]) == 3
    assert "already holds a finished run" in capsys.readouterr().err


def test_the_checksum_of_a_frame_knows_no_order(spark, shop):
    """Rows in any order and partitions have one checksum; one value more or less has another."""
    from nextbuy.engines.spark import checksum

    lines, _, _ = shop
    frame = spark.createDataFrame(lines)
    known = checksum(frame, frame.columns)
    assert checksum(frame.orderBy("item_id").repartition(5), frame.columns) == known
    assert checksum(frame.limit(lines.num_rows - 1), frame.columns) != known
    assert (
        checksum(spark.createDataFrame(lines.take([0, *range(1, lines.num_rows), 0])), frame.columns) != known
    )


def dying_once(mark):
    """Give a step of `mapInArrow` that passes everything on; the first worker there leaves a file and dies."""

    def step(batches):
        for batch in batches:
            yield batch
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os._exit(1)

    return step


def learned(model):
    """Give all that a model holds but the purchases and their customers, as bytes and texts."""

    def leaves(value, place):
        if isinstance(value, dict):
            for name, part in value.items():
                yield from leaves(part, (*place, name))
        elif isinstance(value, np.ndarray):
            yield place, (value.shape, value.dtype.str, value.tobytes())
        else:
            yield place, value.to_pylist() if hasattr(value, "to_pylist") else repr(value)

    own = {"events", "customer_ids", "backend"}
    return dict(leaves({k: v for k, v in model.get_state().items() if k not in own}, ()))


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_a_model_is_learned_as_on_one_machine(spark, shop, partitions):
    """Fitted on one, three or eight partitions: every array of the model is, to the bit, that of one machine."""
    from nextbuy.engines.spark import fit, predict

    lines, orders, model = shop
    frame = spark.createDataFrame(lines)
    made = fit(nb.NextPurchase(), frame, as_of=AS_OF, catalog=orders.catalog, partitions=partitions)
    assert learned(made) == learned(model)
    assert len(learned(made)) > 60
    if partitions == 3:  # it holds no purchases: it is asked with orders
        local = model.predict(orders, as_of=AS_OF, k=3)
        assert made.predict(orders, as_of=AS_OF, k=3).equals(local)
        assert same(predict(made, frame, as_of=AS_OF, k=3, partitions=2), local) > 1_000


def test_a_worker_that_dies_while_counting_counts_once(spark, shop, tmp_path):
    """A task that fails amid a count is counted again, and once: the model is that of one machine."""
    from nextbuy.engines.spark import fit

    lines, orders, model = shop
    mark = str(tmp_path / "died")

    frame = spark.createDataFrame(lines)
    dying = frame.repartition(3, "customer_id").mapInArrow(dying_once(mark), frame.schema)
    made = fit(nb.NextPurchase(), dying, as_of=AS_OF, catalog=orders.catalog, partitions=3)
    assert os.path.exists(mark)  # noqa: PTH110 - a plain name, as the workers have it
    assert learned(made) == learned(model)


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_the_sample_is_learned_as_on_one_machine(spark, sample_orders, sample_model, partitions, monkeypatch):
    """The shipped sample from its file: what is learned and what is answered are those of one machine to the bit."""
    from nextbuy.engines import spark_parts
    from nextbuy.engines.spark import fit, predict

    monkeypatch.setattr(spark_parts, "MOST_LINES", 20_000)  # a large partition is read in several goes
    place = nb.datasets.sample_path()
    frame = spark.read.parquet(str(place / "orders.parquet"))
    made = fit(nb.NextPurchase(), frame, catalog=place / "items.parquet", partitions=partitions)
    assert learned(made) == learned(sample_model)
    local = sample_model.predict(sample_orders, k=5)
    assert same(predict(made, frame, as_of=sample_model.as_of_, k=5, partitions=partitions), local) > 10_000


@pytest.mark.usefixtures("spark")
def test_the_command_fits_on_spark(shop, tmp_path, capsys):
    """`nextbuy fit --engine spark` stores a model that `nextbuy score` takes; an empty past is refused."""
    lines, orders, model = shop
    pq.write_table(lines, tmp_path / "orders.parquet")
    pq.write_table(orders.catalog.table, tmp_path / "items.parquet")
    source = [str(tmp_path / "orders.parquet"), "--catalog", str(tmp_path / "items.parquet")]
    words = ["fit", *source, "--engine", "spark", "--model", str(tmp_path / "model"), "--as-of"]
    assert run([*words, "2010-01-01"]) == 3
    assert "no order to learn from before" in capsys.readouterr().err
    assert run([*words, AS_OF]) == 0
    assert learned(nb.load(tmp_path / "model")) == learned(model)
    asked = ["score", *source, "--model", str(tmp_path / "model"), "--as-of", AS_OF]
    assert run([*asked, "--out", str(tmp_path / "out")]) == 0


def test_a_failing_task_is_tried_again(spark, shop, tmp_path):
    """A worker that dies halfway through its partition is replaced; no row is lost or doubled."""
    from nextbuy.engines.spark import predict

    lines, orders, model = shop
    mark = str(tmp_path / "died")

    frame = spark.createDataFrame(lines)
    rows = predict(model, frame, as_of=AS_OF, k=2, partitions=3)
    dying = rows.mapInArrow(dying_once(mark), rows.schema)
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
