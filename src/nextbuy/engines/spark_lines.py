"""Order lines in a Spark frame: which columns they are, and all of a customer in one partition."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nextbuy.mining.parameters import check_whole
from nextbuy.orders.columns import DEFAULTS, likely
from nextbuy.orders.database import safe_address, without_addresses
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame

MEMORY = (
    "Where it is short of memory, give it more before it starts: "
    "PYSPARK_SUBMIT_ARGS='--driver-memory 4g pyspark-shell', and --executor-memory on a cluster."
)
ADVICE = {
    "TIMESTAMP(NANOS": "Spark has no nanoseconds. Write moments in microseconds: "
    "frame.to_parquet(file, coerce_timestamps='us', allow_truncated_timestamps=True).",
    "UNABLE_TO_INFER_SCHEMA": "There is no Parquet file, or only such as hold nothing at all.",
    "No FileSystem for scheme": "Give Parquet files; a database is read by --engine local, and a store of files "
    "needs its package, such as --packages org.apache.hadoop:hadoop-aws in PYSPARK_SUBMIT_ARGS.",
    "FAILED_READ_FILE": "The file is damaged, or its columns have other types than those of the files beside it: "
    "write it again.",
    "OutOfMemory": MEMORY,
}
COLUMNS = ("customer", "order", "time", "item", "quantity", "price")
NEEDED = ("customer", "time", "item")


def by_customer(
    frame: DataFrame, names: Mapping[str, str], partitions: int | None
) -> tuple[DataFrame, dict[str, Any]]:
    """Give the named columns with all lines of a customer in one partition, and the roles for `read_orders`.

    Raises
    ------
    InputError
        When a column is missing, or moments or numbers are of a type that says too little.
    """
    absent = [role for role, name in names.items() if name not in frame.columns]
    wrong = [role for role in absent if role in NEEDED or names[role] != DEFAULTS[role]]
    if wrong:
        role, close = wrong[0], likely(wrong[0], frame.columns) or ["your_column"]
        raise InputError(
            f"The frame has no column {names[role]!r} for {role}=; it has {', '.join(frame.columns)}. "
            f"Try {role}={close[0]!r}."
            + ("" if role in NEEDED else f" Leave {role}= out if there is no such column.")
        )
    given = {role: name for role, name in names.items() if role not in absent}
    _check_types(frame, given)
    mine = frame.select(*dict.fromkeys(given.values()))
    if partitions is None:
        return mine.repartition(given["customer"]), given
    check_whole("partitions", partitions, least=1)
    return mine.repartition(partitions, given["customer"]), given


def read_parquet(source: Sequence[str]) -> DataFrame:
    """Open Parquet files, directories or globs of them on the Spark that PySpark is set up for.

    Raises
    ------
    InputError
        When a source is no Parquet or is not there, or Spark is not there or does not start.
    """
    try:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise InputError("Spark needs PySpark 4. Try: pip install 'nextbuy[spark]'") from error

    for one in map(safe_address, source):
        if "." in one.rsplit("/", 1)[-1] and not one.endswith((".parquet", ".pq", "/")):
            raise InputError(
                f"Spark reads the orders from Parquet here, and {one!r} is none. Convert it once, so that numbers and "
                "moments have types: each machine sees a part of a text, too little to find out how dates are written."
            )
    # workers run the Python that runs here, unless told otherwise
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        session = SparkSession.builder.appName("nextbuy").getOrCreate()
    except (PySparkException, Py4JJavaError) as error:
        raise InputError(
            f"Spark does not start: {_told(error)} It needs Java 17 (on the PATH, or JAVA_HOME), and its settings end "
            "in pyspark-shell, such as PYSPARK_SUBMIT_ARGS='--driver-memory 4g pyspark-shell'. More is said above."
        ) from error
    try:
        return session.read.parquet(*source)
    except (PySparkException, Py4JJavaError) as error:
        names = ", ".join(map(safe_address, source))
        raise InputError(f"Spark cannot read {names}: {_told(error)}") from error


@contextmanager
def one_message() -> Iterator[None]:
    """Turn whatever Spark raises, or its own process leaves when it dies, into one `InputError`."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        raise InputError(f"A Spark task failed each time that it was tried: {_told(error)}") from error
    except (Py4JError, ConnectionError) as error:
        told = _told(error)
        if told:
            raise InputError(f"Spark failed: {told}") from error
        raise InputError(
            f"Spark's driver has ended ({type(error).__name__}); its log says why. {MEMORY}"
        ) from error


def _told(error: Exception) -> str:
    """Give what an error of Spark or Java says, without traces, and what to do; nothing when Java is gone."""
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark.errors import PySparkException

    if not isinstance(error, (PySparkException, Py4JJavaError)):
        return ""
    try:
        text = str(error)  # Java is asked for it
    except (Py4JError, OSError):
        return ""
    if isinstance(error, Py4JJavaError):
        said = text.partition("\n: ")[2].partition("\n\tat ")[0]
        told = re.sub(r"^[\w.$]+: ", "", " ".join(said.split()))[:500]
    else:
        found = [line for line in text.splitlines() if "Error: " in line]
        told = (found[-1] if found else text.strip().splitlines()[0]).strip()[:500]
    advice = next((f" {more}" for word, more in ADVICE.items() if word in text), "")
    return without_addresses(told) + advice


def _check_types(frame: DataFrame, given: Mapping[str, str]) -> None:
    """Refuse what each part of the frame would have to guess at by itself."""
    from pyspark.sql.types import DateType, NullType, NumericType, StringType, TimestampNTZType, TimestampType

    kinds, time = {role: frame.schema[name].dataType for role, name in given.items()}, given["time"]
    if isinstance(kinds["time"], StringType):
        raise InputError(
            f"The column {time!r} is text. Each part of it would be read by itself, and 03/04 might be a day in March "
            f"here and in April there. Try frame.withColumn({time!r}, to_timestamp({time!r}, 'yyyy-MM-dd HH:mm:ss'))."
        )
    if not isinstance(kinds["time"], (DateType, TimestampType, TimestampNTZType)):
        raise InputError(
            f"The column {time!r} is {kinds['time'].simpleString()}, neither a date nor a timestamp. If it counts "
            f"seconds since 1970, try frame.withColumn({time!r}, timestamp_seconds({time!r}))."
        )
    for role in ("quantity", "price"):
        if role in given and not isinstance(kinds[role], (NumericType, NullType)):
            name = given[role]
            raise InputError(
                f"The column {name!r} is {kinds[role].simpleString()}, not a number. Each part of it would be read by "
                "itself, and 1,234 might be a thousand here and a little more than one there. "
                f"Try frame.withColumn({name!r}, frame[{name!r}].cast('double'))."
            )
