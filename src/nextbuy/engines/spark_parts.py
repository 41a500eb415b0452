"""Parts of the customers on a Spark cluster: counted there, added up, concluded from here."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from operator import add
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.mining.exposures import Purchases, from_lines
from nextbuy.orders import read_orders
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.lines import (
    id_rank,
    in_customer_order,
    in_item_order,
    mix,
    own_hash,
    paid_hash,
    sum_by,
    tie_hash,
)
from nextbuy.orders.table import to_us
from nextbuy.predict.training import TrainingData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from pyspark import RDD
    from pyspark.sql import DataFrame

    from nextbuy.orders import Catalog, Orders

    Number = tuple[int, int]  # of a part: its partition, and its place there

MOST_LINES = 500_000  # read and counted at once: Spark holds what comes of it, about 50 MB, in one piece


class SparkParts:
    """Parts that Spark keeps; see `nextbuy.mining.parts.Parts`."""

    def __init__(self, rdd: RDD[Any]) -> None:
        self.rdd = rdd

    def total(self, count: Callable[..., Any], **given: Any) -> Any:
        """Give the sum of `count(part, **given)` over all parts; they are added on the cluster, in no order."""
        work = self.rdd.context.broadcast(partial(count, **given))

        def counted(part: Any) -> Any:
            return work.value(part)

        try:
            return self.rdd.map(counted).treeReduce(add)
        finally:
            work.unpersist()

    def each(self, change: Callable[..., Any], **given: Any) -> Self:
        """Give the parts that `change(part, **given)` makes of these."""
        return type(self)(self.rdd.map(partial(change, **given)))

    def kept(self) -> Self:
        """Give the same parts, made once and kept, on disk where there is no memory."""
        return type(self)(kept(self.rdd))


def training_data(
    lines: DataFrame, given: dict[str, Any], *, timezone: str, as_of: Any, catalog: Catalog | None
) -> TrainingData:
    """Code the lines of a frame whose customers are whole within partitions.

    Codes go by what the whole table says (how often an item sells, when a customer came, hashes of the rest), which
    takes two rounds of sums; ids and hashes of items and customers come to the driver, lines do not.
    """
    known_before = None if as_of is None else to_us(as_of)
    read = partial(_read, given=given, timezone=timezone, known_before=known_before, most=MOST_LINES)
    orders = kept(lines.mapInArrow(_as_streams, "content binary").rdd.mapPartitionsWithIndex(read))
    first = orders.values().map(_first_sums).collect()
    if not first:
        raise InputError(
            "There is no order to learn from"
            + (f" before as_of={str(as_of)!r}" if as_of else "")
            + ". What read_orders says of a sample of the source (problems) tells which lines it cannot use."
        )
    every = pa.concat_arrays([p.item_ids for p in first]).dictionary_encode()
    at, ids = np.asarray(every.indices), every.dictionary

    def over_items(name: str) -> NDArray[np.uint64]:
        return sum_by(at, np.concatenate([getattr(p, name) for p in first]), len(ids))

    item_hash = over_items("item_hash")
    count, merged = (over_items(name).astype(np.int64) for name in ("count", "merged"))
    second = orders.map(partial(_second_sums, item_ids=ids, item_hash=item_hash)).collect()
    tie = np.zeros(len(ids), np.uint64)
    for part in second:
        np.add.at(tie, part.item, part.item_tie)
    items = in_item_order(count, tie, ids)
    item_ids = ids.take(pa.array(items))
    of_all = pa.concat_arrays([p.customer_ids for p in second])
    by = in_customer_order(
        np.concatenate([p.first for p in second]), np.concatenate([p.customer_tie for p in second]), of_all
    )
    code = np.empty(len(of_all), np.int32)
    code[by] = np.arange(len(by), dtype=np.int32)
    codes = np.split(code, np.cumsum([len(p.first) for p in second])[:-1])
    until = 0 if known_before is None else -(-known_before // DAY_US)
    none = np.zeros(0, np.int32)
    start, end = min(p.start for p in first), max(until, *(p.end for p in first))
    span = Purchases(
        none, none, none, none, none, np.zeros(0, dtype=bool), len(of_all), len(item_ids), start, end
    )
    numbered = dict(zip((p.number for p in second), codes, strict=True))
    known = orders.context.broadcast((numbered, item_ids, span))
    parts = SparkParts(orders.map(lambda part: _purchases(part, *known.value)))
    return TrainingData(parts, span, item_ids, merged[items], known_before, catalog)


def kept(rdd: RDD[Any]) -> RDD[Any]:
    """Have Spark keep what it makes once, on disk where there is no memory."""
    from pyspark import StorageLevel

    return rdd.persist(StorageLevel.MEMORY_AND_DISK)


def _as_streams(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give each batch of lines as an arrow stream: Spark copies whatever stands in one row several times at once."""
    for batch in batches:
        if batch.num_rows:
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield pa.record_batch({"content": pa.array([sink.getvalue()], pa.binary())})


def _read(
    partition: int,
    rows: Iterator[Any],
    *,
    given: dict[str, Any],
    timezone: str,
    known_before: int | None,
    most: int,
) -> Iterator[tuple[Number, Orders]]:
    """Read the lines of a partition, some whole customers at a time, and number what comes of them."""
    streams = [pa.ipc.open_stream(row.content).read_all() for row in rows]
    if not streams:
        return
    lines = pa.concat_tables(streams)
    customer = lines[given["customer"]].combine_chunks().dictionary_encode()
    many = -(-len(lines) // most)
    # by the ids alone: a partition that is made again, after a worker died, may bring its rows in another order
    of_id = np.append(id_rank(customer.dictionary) % many, 0)
    group = of_id[np.asarray(pc.fill_null(customer.indices, len(customer.dictionary)))]
    for number in range(many):
        orders = read_orders(lines.filter(pa.array(group == number)), **given, timezone=timezone)
        if known_before is not None:
            orders = orders.before(np.datetime64(known_before, "us"))
        if len(orders):
            yield (partition, number), orders


@dataclass(frozen=True)
class _First:
    """What one part says of its items: hash of their lines, their lines as they came and merged; and its days."""

    item_ids: pa.Array
    item_hash: NDArray[np.uint64]
    count: NDArray[np.uint64]
    merged: NDArray[np.uint64]
    start: int
    end: int


@dataclass(frozen=True)
class _Second:
    """What one part, by its number, says of its customers in its own order, and more of its items."""

    number: Number
    customer_ids: pa.Array
    first: NDArray[np.int64]
    customer_tie: NDArray[np.uint64]
    item: NDArray[np.int64]
    item_tie: NDArray[np.uint64]


def _lines(orders: Orders) -> tuple[NDArray[Any], ...]:
    """Give customer, item, time, quantity and price of the known lines, as they came."""
    lines = orders._lines  # noqa: SLF001 - the codes of the whole are made of lines as they came
    rows, quantity = lines.known_before(orders.known_before)
    return lines.customer[rows], lines.item[rows], lines.time[rows], quantity, lines.price[rows]


def _places(ids: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.index_in(ids, value_set=among).to_numpy(zero_copy_only=False), np.int64)


def _first_sums(orders: Orders) -> _First:
    _, item, time, quantity, _ = _lines(orders)
    ids = orders._ids[2]  # noqa: SLF001 - same
    merged = np.zeros(len(ids), np.uint64)
    merged[_places(orders.item_ids, ids)] = np.bincount(orders.item, minlength=orders.n_items)
    return _First(
        ids,
        sum_by(item, own_hash(time, quantity), len(ids)),
        np.bincount(item, minlength=len(ids)).astype(np.uint64),
        merged,
        int(orders.day.min()),
        int(orders.day.max()) + 1,
    )


def _second_sums(
    part: tuple[Number, Orders], *, item_ids: pa.Array, item_hash: NDArray[np.uint64]
) -> _Second:
    number, orders = part
    customer, item, time, quantity, price = _lines(orders)
    customer_ids, _, ids = orders._ids  # noqa: SLF001 - same
    at = _places(ids, item_ids)
    customer_hash = sum_by(customer, mix(own_hash(time, quantity)), len(customer_ids))
    both = tie_hash(paid_hash(time, quantity, price), customer_hash[customer], item_hash[at][item])
    first = np.full(len(customer_ids), np.iinfo(np.int64).max)
    np.minimum.at(first, customer, time)
    mine = _places(orders.customer_ids, customer_ids)
    return _Second(
        number,
        orders.customer_ids,
        first[mine],
        sum_by(customer, both, len(customer_ids))[mine],
        at,
        sum_by(item, both, len(ids)),
    )


def _purchases(
    part: tuple[Number, Orders],
    codes: dict[Number, NDArray[np.int32]],
    item_ids: pa.Array,
    span: Purchases,
) -> Purchases:
    """Give the purchases of a part in the codes of the whole."""
    number, orders = part
    code = codes[number]
    half = np.zeros(span.n_customers, dtype=bool)
    half[code] = (orders.customer_hash >> np.uint64(17)) & np.uint64(1) == 1
    item = _places(orders.item_ids, item_ids).astype(np.int32)[orders.item]
    found = from_lines(code[orders.customer], orders.day, item, half=half, n_items=span.n_items)
    return replace(found, start=span.start, end=span.end)
