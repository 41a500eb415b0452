"""Order lines from strangers: bytes of CSV and Parquet files, frames of any type."""

from __future__ import annotations

import contextlib
import gzip
import io
import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile.mutate import mutated
from hostile.reading import read

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("customer_id", "order_id", "timestamp", "item_id", "quantity", "price")
HEADER = ",".join(NAMES) + "\n"
LINES = [
    f"C-{k % 3},{1000 + k // 2},2026-0{1 + k % 9}-1{k % 9} 10:0{k % 10}:00,I-{k % 4},{1 + k % 3},{k}.5\n"
    for k in range(12)
]
TEXTS = (
    HEADER + "".join(LINES),
    HEADER.replace(",", ";") + "".join(LINES).replace(",", ";").replace(".", ","),
    "customer_id\ttimestamp\titem_id" + '\n1\t31/12/2025\tbanana\n2\t01/02/2026\t"a\tb"\n',
    HEADER + 'Зоя,1,2026-03-01,"плочки, бели",-1,1.234,50\n"a""b",2,1767225600,x,,\n',
)
CSVS = (
    *(t.encode() for t in TEXTS),
    TEXTS[0].replace("\n", "\r\n").encode("utf-16"),
    TEXTS[3].encode("cp1251"),
    b"\xef\xbb\xbf" + TEXTS[0].encode(),
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {}, {"encoding": "utf-8"}, {"encoding": "utf-16"}, {"encoding": "cp1252"},
    {"time_format": "%d/%m/%Y"},
    {"time_format": "s"}, {"time_format": "ns"}, {"timezone": "Europe/Berlin"},
    {"timezone": "America/New_York"},
    {"on_problem": "raise"}, {"quantity": None, "price": None}, {"order": None}, {"customer": None},
    {"as_of": "2026-05-01"},
)  # fmt: skip


def _plain(body: bytes) -> bool:
    """Say whether bytes are text in which each line break is one byte."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


class Csv:
    """Bytes of a text file."""

    seeds = CSVS

    def __init__(self, place: Path) -> None:
        self.place = place

    def case(self, draw: random.Random) -> bytes:
        """Give the bytes of one case: the first two choose options and the name of the file."""
        return draw.randbytes(2) + mutated(draw.choice(self.seeds), draw, others=self.seeds)

    def run(self, content: bytes) -> str:
        """Read them."""
        options = OPTIONS[content[0] % len(OPTIONS)] if content else {}
        kind = content[1] % 16 if len(content) > 1 else 0
        body = content[2:]
        path = self.place / ("orders.csv.gz" if kind == 0 else "orders.tsv" if kind == 1 else "orders.csv")
        # now and then what is unpacked is whole, else what is packed is broken
        if kind == 0 and len(body) % 2:
            body = gzip.compress(body * (1, 200)[len(body) % 4 // 2], 1)
            body = body[: -len(body) // 3] if len(body) % 8 == 1 else body
        path.write_bytes(body)
        if kind == 0 or b'"' in body:
            lines = None  # a quoted value may hold several lines
        else:
            lines = sum(map(bool, body.replace(b"\r", b"\n").split(b"\n"))) - 1 if _plain(body) else None
        # some bytes at once, so that a file of this size is one of several pieces
        small = {"csv_block": 400} if kind % 4 == 2 else {}
        return read(path, self.place, lines=lines, **small, **options)


def table(draw: random.Random, names: list[str] | None = None) -> pa.Table:
    """Give a table that means orders but is made of odd types."""
    rows = draw.choice((0, 1, 2, 5, 9, 40))
    names = names or draw.choice(
        (
            [*NAMES],
            ["customer_id", "timestamp", "item_id"],
            ["order_id", "timestamp", "item_id", "quantity"],
            ["customer_id", "timestamp", "item_id", "item_id"],
        )
    )
    return pa.Table.from_arrays([column(draw, rows, name) for name in names], names)


def column(draw: random.Random, rows: int, name: str) -> pa.Array:
    """Give a column, most often of the type that it should have."""
    usual = {"timestamp": _times, "quantity": _numbers, "price": _numbers}.get(name, _texts)
    kind = draw.choice((usual, usual, usual, _texts, _numbers, _times, _odd))
    values, arrow = kind(draw, rows)
    try:
        made = pa.array(values, arrow)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([None] * rows, pa.string())
    if draw.random() < 0.2:
        with contextlib.suppress(pa.ArrowException):
            made = made.dictionary_encode()
    return made


def _texts(draw: random.Random, rows: int) -> tuple[list[Any], Any]:
    pool = [
        "a",
        " b ",
        "",
        "1",
        "1.0",
        "001",
        "nan",
        "=cmd()",
        "\0",
        "é" * 50,
        "плочки",
        None,
        "2026-01-01",
        "1e5",
        "\ud83d\ude00",
    ]
    return [draw.choice(pool) for _ in range(rows)], draw.choice(
        (pa.string(), pa.large_string(), pa.string_view())
    )


def _numbers(draw: random.Random, rows: int) -> tuple[list[Any], Any]:
    kind = draw.choice(
        (
            pa.int8(),
            pa.int32(),
            pa.int64(),
            pa.uint64(),
            pa.float16(),
            pa.float32(),
            pa.float64(),
            pa.decimal128(20, 3),
        )
    )
    if pa.types.is_integer(kind):
        pool: list[Any] = [0, 1, 2, 3, 100, None] + (
            [2**63 - 1, 20260101, 1767225600, -1] if kind == pa.int64() else []
        )
        pool += [2**64 - 1] if kind == pa.uint64() else []
    elif pa.types.is_decimal(kind):
        pool = [Decimal("1.5"), Decimal(2), Decimal("-3.001"), None]
    else:
        pool = [
            np.float16(v) if kind == pa.float16() else v
            for v in (0.0, 1.0, 1.5, -1.0, float("nan"), float("inf"))
        ] + [None]
        pool += [1e300, -1e300, 1.7e18] if kind == pa.float64() else []
    return [draw.choice(pool) for _ in range(rows)], kind


def _times(draw: random.Random, rows: int) -> tuple[list[Any], Any]:
    kind = draw.choice(
        (pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us",
        "UTC"),
         pa.timestamp("ns", "Asia/Tokyo"), pa.date32(), pa.date64(), pa.timestamp("us", "+05:30"))
    )  # fmt: skip
    if pa.types.is_date(kind):
        days = [date(2026, 1, 1), date(1, 1, 1), date(9999, 12, 31), date(2025, 5, 5), None]
        return [draw.choice(days) for _ in range(rows)], kind
    pool = [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2025, 3, 30, 2, 30, tzinfo=UTC),
        -(2**62),
        2**62,
        0,
        None,
    ]
    if kind.tz is None:
        pool = [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in pool]
    return [draw.choice(pool) for _ in range(rows)], kind


def _odd(draw: random.Random, rows: int) -> tuple[list[Any], Any]:
    value, kind = draw.choice(
        (
            (True, pa.bool_()), (b"\xff\0", pa.binary()), (b"abcd", pa.binary(4)), ([1, 2],
            pa.list_(pa.int64())),
            ({"a": 1}, pa.struct([("a", pa.int64())])), (time(1, 2), pa.time64("us")), (timedelta(1),
            pa.duration("us")),
            ([("a", 1)], pa.map_(pa.string(), pa.int64())), (None, pa.null()), (b"x", pa.large_binary()),
            (b"v", pa.binary_view()),
            ([1.0], pa.list_(pa.float64(), 1)), (Decimal(1), pa.decimal256(40, 2)), (5,
            pa.month_day_nano_interval()),
        )
    )  # fmt: skip
    return [draw.choice((value, value, None)) for _ in range(rows)], kind


class Parquet:
    """Bytes of a Parquet file, broken in any place; and whole files of odd types."""

    def __init__(self, place: Path) -> None:
        self.place = place
        draw = random.Random(7)  # noqa: S311 - no secret
        self.seeds = tuple(self.file(draw) for _ in range(60))

    @staticmethod
    def file(draw: random.Random, names: list[str] | None = None) -> bytes:
        """Give a whole file of odd types; types that Parquet does not know fall away."""
        while True:
            sink = io.BytesIO()
            try:
                pq.write_table(
                    table(draw, names),
                    sink,
                    compression=draw.choice(("none", "snappy", "zstd")),
                    use_dictionary=draw.random() < 0.5,
                    row_group_size=draw.choice((2, 1000)),
                )
            except (pa.ArrowException, ValueError):
                continue
            return sink.getvalue()

    def case(self, draw: random.Random) -> bytes:
        """Give the bytes of one case."""
        head = draw.randbytes(1)
        return head + (self.file(draw) if draw.random() < 0.3 else mutated(draw.choice(self.seeds), draw))

    def run(self, content: bytes) -> str:
        """Read them."""
        path = self.place / "orders.parquet"
        path.write_bytes(content[1:])
        return read(path, self.place, **OPTIONS[content[0] % len(OPTIONS)] if content else {})


class Frames:
    """Frames in memory: arrow, pandas, polars and lists of dicts of odd types."""

    seeds = (bytes(range(64)), b"frames")

    def __init__(self, place: Path) -> None:
        self.place = place

    def case(self, draw: random.Random) -> bytes:
        """Give what the frame is drawn from."""
        return draw.randbytes(8)

    def run(self, content: bytes) -> str:
        """Make the frame and read it."""
        return self.drawn(random.Random(content))  # noqa: S311 - no secret

    def drawn(self, draw: random.Random) -> str:
        """Draw a frame and read it."""
        made: Any = table(draw)
        kind = draw.randrange(4)
        try:
            if kind == 1:
                made = made.to_pandas()
            elif kind == 2:
                import polars as pl

                made = pl.from_arrow(made)
                made.to_arrow()
            elif kind == 3:
                names = made.column_names
                columns = [c.to_pylist() for c in made.columns]
                made = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
                if made and draw.random() < 0.5:
                    made[0][draw.choice(names)] = draw.choice(
                        (object(), {1}, 1j, b"\xff", [], float("nan"), 2**70, "x" * 1000)
                    )
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return "not made"
        return read(made, self.place, **draw.choice(OPTIONS))


class Several:
    """Two or three files of text and Parquet read as one: columns in pieces of different types."""

    seeds = (bytes(range(64)), b"several")

    def __init__(self, place: Path) -> None:
        self.place = place

    def case(self, draw: random.Random) -> bytes:
        """Give what the files are drawn from."""
        return draw.randbytes(8)

    def run(self, content: bytes) -> str:
        """Make the files and read them."""
        draw = random.Random(content)  # noqa: S311 - no secret
        paths = []
        for number in range(draw.choice((2, 2, 3))):
            if draw.random() < 0.5:
                path, body = self.place / f"{number}.csv", draw.choice((CSVS[0], CSVS[1], CSVS[3], CSVS[6]))
                if draw.random() < 0.3:
                    body = mutated(body, draw, others=CSVS)
            else:
                path, body = self.place / f"{number}.parquet", Parquet.file(draw, [*NAMES])
            path.write_bytes(body)
            paths.append(path)
        return read(paths, self.place, **draw.choice(OPTIONS))
