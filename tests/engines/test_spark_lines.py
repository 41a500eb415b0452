"""Frames and files that Spark cannot be asked about are refused with what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nextbuy as nb
from nextbuy.cli.app import run
from nextbuy.engines.spark_lines import read_parquet

pytest.importorskip("pyspark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]
AS_OF = "2025-06-01"


def cast(lines, name, kind):
    """Give the same lines with one column of another type."""
    return lines.set_column(lines.schema.get_field_index(name), name, lines[name].cast(kind))


def write(lines, place):
    """Write the same orders in ways that Spark cannot use, and one that it can."""
    lines = lines.slice(0, 500)
    pq.write_table(lines, place / "orders.parquet")
    pq.write_table(cast(lines, "timestamp", pa.timestamp("ns", tz="UTC")), place / "nanoseconds.parquet")
    pq.write_table(cast(lines, "timestamp", pa.int64()), place / "epoch.parquet")
    pq.write_table(cast(lines, "price", pa.string()), place / "text_price.parquet")
    pq.write_table(lines.slice(0, 0), place / "empty.parquet")
    nobody = pa.nulls(len(lines), pa.string())
    pq.write_table(lines.set_column(0, "customer_id", nobody), place / "nobody.parquet")
    (place / "cut.parquet").write_bytes((place / "orders.parquet").read_bytes()[:-50])
    (place / "mixed").mkdir()
    pq.write_table(lines, place / "mixed" / "a.parquet")
    numbered = pa.array(range(len(lines)))
    pq.write_table(lines.set_column(0, "customer_id", numbered), place / "mixed" / "b.parquet")
    (place / "nothing").mkdir()


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("orders.csv", 3, "from Parquet here, and '{}/orders.csv' is none"),
        ("nowhere.parquet", 3, "Spark cannot read {}/nowhere.parquet: [PATH_NOT_FOUND]"),
        ("nothing", 3, "There is no Parquet file"),
        ("cut.parquet", 3, "The file is damaged"),
        ("mixed", 3, "its columns have other types than those of the files beside it"),
        ("nanoseconds.parquet", 3, "Write moments in microseconds: frame.to_parquet"),
        ("epoch.parquet", 3, "timestamp_seconds('timestamp')"),
        ("text_price.parquet", 3, "frame['price'].cast('double')"),
        ("empty.parquet", 3, "No line has a customer, an item and a moment before --as-of 2025-06-01"),
        ("nobody.parquet", 3, "No line has a customer, an item and a moment before --as-of 2025-06-01"),
        ("postgresql://me:secret@127.0.0.1:1/shop", 3, "a database is read by --engine local"),
        ("orders.parquet --strict", 2, "--strict goes with --engine local"),
        ("orders.parquet --time-format s", 2, "--time-format goes with --engine local"),
        ("orders.parquet --item order_id", 3, "knows none of the"),
        ("orders.parquet --item sku", 3, "no column 'sku' for --item; it has"),
        ("orders.parquet --price cost", 3, "Try --price price. Leave --price out if there is no such"),
    ],
)
def test_what_the_command_cannot_do_on_spark(shop, tmp_path, monkeypatch, capsys, words, code, message):
    """Whatever Spark cannot read or would have to guess at ends in one message that says what to do, in options."""
    lines, _, model = shop
    monkeypatch.chdir(tmp_path)
    write(lines, tmp_path)
    nb.save(model, "model")
    # Spark's own process stays where it was started
    source, *more = words.split()
    source = source if "://" in source else str(tmp_path / source)
    asked = ["score", source, *more, "--model", "model", "--as-of", AS_OF, "--out", "out"]
    asked += ["--engine", "spark"]
    assert run(asked) == code
    told = capsys.readouterr().err
    assert message.format(tmp_path) in told
    assert "\tat " not in told
    assert "secret" not in told
    assert not os.path.exists("out")  # noqa: PTH110 - a plain name, as the command line has it


@pytest.mark.parametrize(
    "setting",
    [
        {"JAVA_HOME": "/nowhere"},
        {"PYSPARK_SUBMIT_ARGS": "--driver-memory 1g"},
        {"PYSPARK_SUBMIT_ARGS": "--master moon pyspark-shell"},
    ],
)
def test_a_spark_that_does_not_start_says_what_it_needs(setting):
    """Without Java, or with settings that Spark cannot take, a command ends in one message and no trace."""
    command = [
        sys.executable,
        "-m",
        "nextbuy.cli",
        "fit",
        "orders.parquet",
        "--model",
        "m",
        "--engine",
        "spark",
    ]
    ended = subprocess.run(command, env=os.environ | setting, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    told = ended.stderr[ended.stderr.index("nextbuy: Spark does not start: ") :]
    assert told.count("\n") == 1
    assert "It needs Java 17" in told
    assert "end in pyspark-shell" in told


def test_a_missing_pyspark_says_how_to_get_it(monkeypatch):
    """Without the extra, the message is how to install it."""
    monkeypatch.setitem(sys.modules, "pyspark.errors", None)
    with pytest.raises(nb.InputError, match=r"pip install 'nextbuy\[spark\]'"):
        read_parquet(["orders.parquet"])


def test_a_task_that_fails_is_not_the_end_of_spark(spark, shop, tmp_path):
    """A file that breaks a count is told from a process that has ended: its name, and what to do."""
    from nextbuy.engines.spark import fit

    write(shop[0], tmp_path)
    frame = spark.read.parquet(str(tmp_path / "mixed"))
    with pytest.raises(nb.InputError, match=r"Spark failed: .*[ab]\.parquet.* write it again") as raised:
        fit(nb.NextPurchase(), frame)
    assert "has ended" not in str(raised.value)


def test_orders_without_a_number_are_those_of_one_moment(spark, shop):
    """A frame without a column of orders is read as `read_orders` reads it: one order a customer and moment."""
    from nextbuy.engines.spark import predict

    lines, _, model = shop
    lines = lines.drop(["order_id"])
    local = model.predict(nb.read_orders(lines), as_of=AS_OF, k=1).to_pandas()
    made = predict(model, spark.createDataFrame(lines), as_of=AS_OF, k=1, partitions=2).toArrow().to_pandas()
    assert len(made) > 300
    pd.testing.assert_frame_equal(
        made.sort_values("customer_id", ignore_index=True),
        local.sort_values("customer_id", ignore_index=True),
        check_exact=True,
        check_dtype=False,
    )


def test_text_for_moments_is_refused(spark, shop):
    """A column of dates as text would be guessed at part by part: it has to be cast first."""
    from nextbuy.engines.spark import predict

    lines, _, model = shop
    frame = spark.createDataFrame(lines.slice(0, 10)).selectExpr("*", "string(timestamp) AS day")
    with pytest.raises(nb.InputError, match=r"'day' is text.*to_timestamp"):
        predict(model, frame, as_of=AS_OF, time="day")


def test_what_cannot_work_is_said_before_any_task(spark, shop):
    """A missing column, a moment that the model has seen beyond, a wrong argument: one clear error each."""
    from nextbuy.engines.spark import predict

    lines, _, model = shop
    frame = spark.createDataFrame(lines.slice(0, 10))
    with pytest.raises(nb.InputError, match=r"no column 'client' for customer=.*Try customer='customer_id'"):
        predict(model, frame, as_of=AS_OF, customer="client")
    with pytest.raises(nb.InputError, match="has seen what it would predict"):
        predict(model, frame, as_of="2025-01-01")
    with pytest.raises(nb.InputError, match="kind='soon'"):
        predict(model, frame, as_of=AS_OF, kind="soon")
    with pytest.raises(nb.InputError, match="partitions=0 must be a whole number of at least 1"):
        predict(model, frame, as_of=AS_OF, partitions=0)
