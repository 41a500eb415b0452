"""Predictions over a Spark frame: each customer's orders in one place, the model on every executor."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa

from nextbuy.orders import read_orders
from nextbuy.orders.columns import DEFAULTS
from nextbuy.orders.errors import InputError
from nextbuy.orders.table import to_us
from nextbuy.storage import load, save

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame

    from nextbuy.predict import NextPurchase

COLUMNS = ("customer", "order", "time", "item", "quantity", "price")


def predict(
    model: NextPurchase,
    frame: DataFrame,
    *,
    as_of: Any,
    kind: str = "all",
    k: int = 10,
    partitions: int | None = None,
    customer: str = "customer_id",
    order: str = "order_id",
    time: str = "timestamp",
    item: str = "item_id",
    quantity: str = "quantity",
    price: str = "price",
    timezone: str = "UTC",
) -> DataFrame:
    """Predict for all customers of a Spark frame; the rows are those of `model.predict`, whatever the partitions.

    Parameters
    ----------
    model : NextPurchase
        Fitted. Its bundle (no pickle) is sent to each executor once.
    frame : pyspark.sql.DataFrame
        Order lines; all lines of a customer are brought together (`repartition`).
    as_of : date, datetime or str
        Nothing from this moment on is used; not before the end of what the model was fitted on.
    kind, k
        As for `NextPurchase.predict`.
    partitions : int, optional
        Into how many parts the customers are divided; default: Spark's own (spark.sql.shuffle.partitions).
    customer, order, time, item, quantity, price, timezone
        As for `read_orders`; `quantity` and `price` may be absent from the frame.

    Returns
    -------
    pyspark.sql.DataFrame
        The columns of `NextPurchase.predict`, lazily; in no order between customers.

    Raises
    ------
    InputError
        When a column is missing, or `as_of` lies before the end of what the model was fitted on.

    Notes
    -----
    Ids are coded within a partition: give them in one type and spelling. Lines are checked among those of their
    partition; what is set aside is in no `problems` table, so check the source once with `read_orders`.

    Examples
    --------
    >>> from pyspark.sql import SparkSession                                            # doctest: +SKIP
    >>> spark = SparkSession.builder.getOrCreate()                                      # doctest: +SKIP
    >>> rows = predict(nb.load("model/"), spark.read.parquet("orders/"), as_of="2026-06-01")  # doctest: +SKIP
    >>> rows.write.parquet("predictions/")                                              # doctest: +SKIP
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    names = dict(zip(COLUMNS, (customer, order, time, item, quantity, price), strict=True))
    absent = [n for role, n in names.items() if n not in frame.columns]
    needed = [n for n in absent if n not in (quantity, price)]
    if needed:
        raise InputError(
            f"The frame has no column {needed[0]!r}; it has {', '.join(frame.columns)}. "
            f"Try {next(r for r, n in names.items() if n == needed[0])}='your_column'."
        )
    _check_moments(frame, time)
    given: dict[str, Any] = {role: n for role, n in names.items() if n not in absent}
    given |= {role: None for role, n in names.items() if n in absent and n != DEFAULTS[role]}
    mine = frame.select(*(n for n in names.values() if n not in absent))
    mine = mine.repartition(customer) if partitions is None else mine.repartition(partitions, customer)
    asked: dict[str, Any] = {"as_of": str(as_of), "kind": kind, "k": k}
    schema = _answers(model, mine.schema[customer].dataType, asked)
    bundle = mine.sparkSession.sparkContext.broadcast(_bundle(model))

    def part(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = [batch for batch in batches if batch.num_rows]
        if not found:
            return
        orders = read_orders(pa.Table.from_batches(found), **given, timezone=timezone)
        orders = orders.before(asked["as_of"])
        if len(orders):
            yield from _model(*bundle.value).predict(orders, **asked).cast(schema).to_batches()

    return mine.mapInArrow(part, from_arrow_schema(schema))


def read_parquet(source: Sequence[str]) -> DataFrame:
    """Open Parquet files, directories or globs of them on the Spark that PySpark is set up for.

    Raises
    ------
    InputError
        When a source is no Parquet or is not there.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    for one in source:
        if "." in one.rsplit("/", 1)[-1] and not one.endswith((".parquet", ".pq", "/")):
            raise InputError(
                f"Spark reads the orders from Parquet here, and {one!r} is none. Convert it once, so that numbers and "
                "moments have types: each machine sees a part of a text, too little to find out how dates are written."
            )
    # workers run the Python that runs here, unless told otherwise
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = SparkSession.builder.appName("nextbuy").getOrCreate()
    try:
        return session.read.parquet(*source)
    except PySparkException as error:
        told = str(error).strip().splitlines()[0]
        raise InputError(f"Spark cannot read {', '.join(source)}: {told}") from error


def collect(rows: DataFrame) -> pa.Table:
    """Bring predictions here, customer by customer, best first: the same table whatever the partitions."""
    from pyspark.errors import PySparkException

    try:
        table = rows.toArrow()
    except PySparkException as error:
        told = [line for line in str(error).splitlines() if "Error" in line] or [str(error)[:500]]
        raise InputError(f"A Spark task failed each time that it was tried: {told[-1].strip()}") from error
    return table.sort_by([("customer_id", "ascending"), ("rank", "ascending")])


def distinct(frame: DataFrame, column: str) -> list[Any]:
    """Give the distinct values of a column, without nulls, sorted."""
    return sorted(row[0] for row in frame.select(column).distinct().dropna().collect())


def checksum(frame: DataFrame, columns: Sequence[str]) -> str:
    """Give a checksum of some columns that does not depend on the order of the rows or on partitions."""
    from pyspark.sql import functions as f

    words = f.xxhash64(*(frame[name] for name in columns)).cast("decimal(38,0)")
    found = frame.select(words.alias("word")).agg(f.count("*"), f.sum("word")).collect()[0]
    return hashlib.sha256(f"{columns} {found[0]} {found[1]}".encode()).hexdigest()


def _check_moments(frame: DataFrame, time: str) -> None:
    from pyspark.sql.types import StringType

    if isinstance(frame.schema[time].dataType, StringType):
        raise InputError(
            f"The column {time!r} is text. Each part of it would be read by itself, and 03/04 might be a day in March "
            f"here and in April there. Try frame.withColumn({time!r}, to_timestamp({time!r}, 'yyyy-MM-dd HH:mm:ss'))."
        )


def _answers(model: NextPurchase, customer: Any, asked: dict[str, Any]) -> pa.Schema:
    """Ask the model for its least, which also refuses wrong arguments before any executor starts."""
    from pyspark.sql.types import IntegralType

    if to_us(asked["as_of"]) < to_us(model.as_of_):
        raise InputError(
            f"as_of={asked['as_of']!r} lies before {model.as_of_}, up to which the model was fitted: it has seen what "
            "it would predict. Fit one as of then."
        )
    made = model.predict(customers=model.customer_ids_[:1].to_pylist(), **(asked | {"k": 1}))
    schema = nw.from_native(made, eager_only=True).to_arrow().schema
    return schema.set(
        0, schema.field(0).with_type(pa.int64() if isinstance(customer, IntegralType) else pa.string())
    )


def _bundle(model: NextPurchase) -> tuple[str, dict[str, bytes]]:
    """Give the files of the model's bundle, and a checksum that names it."""
    with tempfile.TemporaryDirectory() as place:
        files = {f.name: f.read_bytes() for f in sorted(save(model, Path(place) / "model").iterdir())}
    return hashlib.sha256(files["manifest.json"]).hexdigest(), files


_loaded: dict[str, NextPurchase] = {}  # by checksum: an executor serves many partitions


def _model(checksum: str, files: dict[str, bytes]) -> NextPurchase:
    if checksum not in _loaded:
        with tempfile.TemporaryDirectory() as place:
            for name, content in files.items():
                (Path(place) / name).write_bytes(content)
            _loaded[checksum] = load(place)
    return _loaded[checksum]
