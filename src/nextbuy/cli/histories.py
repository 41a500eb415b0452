"""Whom `nextbuy score` answers, and where: in this process or on a Spark cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nextbuy.cli.output import USAGE, Output, Stopped, complain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from nextbuy.cli.source import Reading
    from nextbuy.orders import Catalog, Orders

QUIET_DAYS = 45


@dataclass(frozen=True)
class Histories:
    """The customers of a run, in blocks that are answered one after the other.

    Attributes
    ----------
    inputs : dict
        What the answers depend on beside the model, as JSON values: for the run's manifest.
    catalog : Catalog or None
    blocks : sequence
        What `answer` is called with.
    answer : callable
        Gives the predictions of one block.
    """

    inputs: dict[str, Any]
    catalog: Catalog | None
    blocks: Sequence[Any]
    answer: Callable[[Any], pa.Table]


def in_process(
    estimator: Any, orders: Orders, *, as_of: str, kind: str, k: int, block_customers: int, output: Output
) -> Histories:
    """Answer from orders in memory."""
    from nextbuy.cli.frames import digest_of, to_arrow
    from nextbuy.orders.errors import InputError

    known = orders.before(as_of)
    if not len(known):
        raise InputError(
            f"There are no orders before --as-of {as_of}; they begin on {orders.start:%Y-%m-%d}."
        )
    _check_moment(estimator, as_of)
    _note_strange(estimator, known.item_ids, output)
    _note_quiet(known, as_of, output)
    # one schema whatever a block holds: pandas has no text column of nothing but unknowns
    known.backend = "pyarrow"
    customers = known.customer_ids.to_pylist()
    blocks = [customers[i : i + block_customers] for i in range(0, len(customers), block_customers)]

    def answer(block: list[Any]) -> pa.Table:
        own = known.of(block)  # everybody's orders would be coded anew for each block
        return to_arrow(estimator.predict(own, as_of=as_of, customers=block, kind=kind, k=k))

    inputs = {"orders": digest_of(known), "block_customers": block_customers}
    return Histories(inputs, orders.catalog, blocks, answer)


def on_spark(
    estimator: Any, source: Sequence[str], reading: Reading, *, as_of: str, kind: str, k: int, output: Output
) -> Histories:
    """Answer from Parquet files that a cluster reads; the predictions come here, the orders do not."""
    import pyarrow as pa

    from nextbuy.engines import spark
    from nextbuy.engines.spark_lines import one_message
    from nextbuy.orders import read_catalog
    from nextbuy.orders.errors import InputError

    _check_moment(estimator, as_of)
    with output.busy("Asking Spark what there is"):
        lines, names = lines_on_spark(source, reading, output)
    with output.busy("Asking Spark what there is"), one_message():
        rows = spark.predict(estimator, lines, as_of=as_of, kind=kind, k=k, **names)
        items = spark.items_before(
            lines, as_of, customer=reading.customer, time=reading.time, item=reading.item
        )
        if not items:
            raise InputError(
                f"No line has a customer, an item and a moment before --as-of {as_of}. What the lines "
                "lack, a sample of them shows: nextbuy check SOURCE"
            )
        _note_strange(estimator, pa.array(items), output)
        checksum = spark.checksum(lines, [n for n in names.values() if n in lines.columns])

    def answer(_: None) -> pa.Table:
        with output.busy("Scoring customers on Spark"):
            return spark.collect(rows)

    catalog = None if reading.catalog is None else read_catalog(reading.catalog)
    return Histories({"orders": checksum, "engine": "spark"}, catalog, [None], answer)


def lines_on_spark(
    source: Sequence[str], reading: Reading, output: Output
) -> tuple[DataFrame, dict[str, Any]]:
    """Open the source on a cluster; give its frame, and its columns and zone as the engine's functions take them."""
    from nextbuy.engines.spark_lines import COLUMNS, read_parquet

    unused = [name for name in ("query", "encoding", "time_format") if getattr(reading, name) is not None]
    if unused:
        raise Stopped(
            f"--{unused[0].replace('_', '-')} goes with --engine local: Spark reads Parquet, whose columns have types.",
            USAGE,
        )
    if reading.max_memory is not None:
        raise Stopped("--max-memory goes with --engine local: on Spark the cluster's settings decide.", USAGE)
    if output.strict:
        raise Stopped(
            "--strict goes with --engine local: on Spark each part of the orders is checked where it is, and nobody "
            "sees all findings. Check a sample first: nextbuy check SOURCE --strict",
            USAGE,
        )
    return read_parquet(source), {name: getattr(reading, name) for name in (*COLUMNS, "timezone")}


def _check_moment(estimator: Any, as_of: str) -> None:
    """Refuse a model that has seen what it would predict."""
    from nextbuy.predict.asked import check_unseen

    check_unseen(as_of, estimator.as_of_, fit=f"nextbuy fit SOURCE --model DIR --as-of {as_of}")


def _note_strange(estimator: Any, item_ids: pa.Array, output: Output) -> None:
    """Say how many items the model does not know; refuse when it knows none."""
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.table import codes_of

    unknown = int((codes_of(estimator.item_ids_, item_ids.to_pylist()) < 0).sum())
    if unknown == len(item_ids):
        raise InputError(
            f"The model knows none of the {unknown:,} items of these orders, such as {item_ids[0].as_py()!r}; it was "
            f"fitted on such as {estimator.item_ids_[0].as_py()!r}. Is --item the column it was fitted with?"
        )
    if unknown and not output.quiet:
        complain(f"{unknown:,} of {len(item_ids):,} items are not known to the model; they are left out.")


def _note_quiet(known: Orders, as_of: str, output: Output) -> None:
    """Say when as_of lies long after the last order."""
    from nextbuy.orders.table import to_us

    days = (to_us(as_of) - to_us(known.end)) // 86_400_000_000
    if days > QUIET_DAYS and not output.quiet:
        complain(
            f"--as-of {as_of} lies {days:,} days after the last order: nothing is known of the time between."
        )
