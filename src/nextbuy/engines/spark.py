"""Fit and predict over a Spark frame: each customer's orders in one place, counted and answered there."""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from nextbuy.engines.spark_lines import COLUMNS, by_customer, one_message
from nextbuy.engines.spark_parts import training_data
from nextbuy.orders import read_catalog, read_orders
from nextbuy.orders.table import to_us
from nextbuy.predict.asked import check_unseen
from nextbuy.storage import load, save

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame

    from nextbuy.predict import NextPurchase


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
        As for `read_orders`; `order_id`, `quantity` and `price` may be absent from the frame.

    Returns
    -------
    pyspark.sql.DataFrame
        The columns of `NextPurchase.predict`, lazily; in no order between customers.

    Raises
    ------
    InputError
        When a column is missing or its type says too little (moments as text or numbers), or `as_of` lies
        before the end of what the model was fitted on.

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
    mine, given = by_customer(frame, names, partitions)
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


def fit(
    model: NextPurchase,
    frame: DataFrame,
    *,
    as_of: Any = None,
    catalog: Any = None,
    partitions: int | None = None,
    customer: str = "customer_id",
    order: str = "order_id",
    time: str = "timestamp",
    item: str = "item_id",
    quantity: str = "quantity",
    price: str = "price",
    timezone: str = "UTC",
) -> NextPurchase:
    """Fit on all customers of a Spark frame; the model learns what it learns on one machine, whatever the partitions.

    The cluster counts, the driver concludes: to it come counts of items and pairs of items, the ids and hashes of
    customers, and the purchases of the sample of customers that the boosters learn from (at most 8,000).

    Parameters
    ----------
    model : NextPurchase
        With its parameters; what it was fitted on before is forgotten.
    frame : pyspark.sql.DataFrame
        Order lines; all lines of a customer are brought together (`repartition`).
    as_of : date, datetime or str, optional
        Learn from what was known before; default: all of it.
    catalog : source of a catalog, or Catalog, optional
        As for `read_orders`; read on the driver.
    partitions : int, optional
        Into how many parts the customers are divided; default: Spark's own (spark.sql.shuffle.partitions).
    customer, order, time, item, quantity, price, timezone
        As for `read_orders`; `order_id`, `quantity` and `price` may be absent from the frame.

    Returns
    -------
    NextPurchase
        The same object, fitted. It holds no purchases: ask it with orders, or by `predict` of this module.

    Raises
    ------
    InputError
        When a column is missing or its type says too little (moments as text or numbers), there is no order before
        `as_of`, or a task fails each time.

    Notes
    -----
    As for `predict`. A price far above the usual one of its item is judged within its partition, so clean prices first.

    Examples
    --------
    >>> model = fit(nb.NextPurchase(), spark.read.parquet("orders/"), as_of="2026-06-01")  # doctest: +SKIP
    """
    names = dict(zip(COLUMNS, (customer, order, time, item, quantity, price), strict=True))
    lines, given = by_customer(frame, names, partitions)
    items = None if catalog is None else read_catalog(catalog)
    with one_message():
        return model.fit_parts(training_data(lines, given, timezone=timezone, as_of=as_of, catalog=items))


def collect(rows: DataFrame) -> pa.Table:
    """Bring predictions here, customer by customer, best first: the same table whatever the partitions."""
    with one_message():
        table = rows.toArrow()
    return table.sort_by([("customer_id", "ascending"), ("rank", "ascending")])


def items_before(frame: DataFrame, as_of: Any, *, customer: str, time: str, item: str) -> list[Any]:
    """Give the distinct items, sorted, of the lines that have a customer, an item and a moment before `as_of`."""
    from pyspark.sql import functions as f

    moment = np.datetime64(to_us(as_of), "us").item().replace(tzinfo=UTC)
    known = frame.dropna(subset=[customer, time, item]).where(frame[time] < f.lit(moment))
    return sorted(row[0] for row in known.select(item).distinct().collect())


def checksum(frame: DataFrame, columns: Sequence[str]) -> str:
    """Give a checksum of some columns that does not depend on the order of the rows or on partitions."""
    from pyspark.sql import functions as f

    words = f.xxhash64(*(frame[name] for name in columns)).cast("decimal(38,0)")
    found = frame.select(words.alias("word")).agg(f.count("*"), f.sum("word")).collect()[0]
    return hashlib.sha256(f"{columns} {found[0]} {found[1]}".encode()).hexdigest()


def _answers(model: NextPurchase, customer: Any, asked: dict[str, Any]) -> pa.Schema:
    """Ask the model for its least, which also refuses wrong arguments before any executor starts."""
    from pyspark.sql.types import IntegralType

    check_unseen(asked["as_of"], model.as_of_, fit="fit(model, frame, as_of=...)")
    anybody = model.customer_ids_[:1].to_pylist() or ["nobody"]
    made = model.predict(customers=anybody, **(asked | {"k": 1}))
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
