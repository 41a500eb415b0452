"""Order lines in a Spark frame: which columns they are, and all of a customer in one partition."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nextbuy.orders.columns import DEFAULTS
from nextbuy.orders.database import safe_address
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame

MEMORY = (
    "Where it is short of memory, give it more before it starts: "
    "PYSPARK_SUBMIT_ARGS='--driver-memory 4g pyspark-shell', and --executor-memory on a cluster."
)
COLUMNS = ("customer", "order", "time", "item", "quantity", "price")


def by_customer(
    frame: DataFrame, names: Mapping[str, str], partitions: int | None
) -> tuple[DataFrame, dict[str, Any]]:
    """Give the named columns with all lines of a customer in one partition, and the roles for `read_orders`.

    Raises
    ------
    InputError
        When a column is missing, or moments are text.
    """
    absent = [n for role, n in names.items() if n not in frame.columns]
    needed = [n for n in absent if n not in (names["quantity"], names["price"])]
    if needed:
        raise InputError(
            f"The frame has no column {needed[0]!r}; it has {', '.join(frame.columns)}. "
            f"Try {next(r for r, n in names.items() if n == needed[0])}='your_column'."
        )
    _check_moments(frame, names["time"])
    given: dict[str, Any] = {role: n for role, n in names.items() if n not in absent}
    given |= {role: None for role, n in names.items() if n in absent and n != DEFAULTS[role]}
    mine, customer = frame.select(*(n for n in names.values() if n not in absent)), names["customer"]
    return (
        mine.repartition(customer) if partitions is None else mine.repartition(partitions, customer)
    ), given


def read_parquet(source: Sequence[str]) -> DataFrame:
    """Open Parquet files, directories or globs of them on the Spark that PySpark is set up for.

    Raises
    ------
    InputError
        When a source is no Parquet or is not there.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    for one in map(safe_address, source):
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
        raise InputError(f"Spark cannot read {', '.join(map(safe_address, source))}: {told}") from error


@contextmanager
def one_message() -> Iterator[None]:
    """Turn whatever Spark raises, or its own process leaves when it dies, into one `InputError`."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        told = [line for line in str(error).splitlines() if "Error" in line] or [str(error)[:500]]
        more = f" {MEMORY}" if "OutOfMemory" in str(error) else ""
        raise InputError(
            f"A Spark task failed each time that it was tried: {told[-1].strip()}{more}"
        ) from error
    except (Py4JError, ConnectionError) as error:
        raise InputError(
            f"Spark's driver has ended ({type(error).__name__}); its log says why. {MEMORY}"
        ) from error


def _check_moments(frame: DataFrame, time: str) -> None:
    from pyspark.sql.types import StringType

    if isinstance(frame.schema[time].dataType, StringType):
        raise InputError(
            f"The column {time!r} is text. Each part of it would be read by itself, and 03/04 might be a day in March "
            f"here and in April there. Try frame.withColumn({time!r}, to_timestamp({time!r}, 'yyyy-MM-dd HH:mm:ss'))."
        )
