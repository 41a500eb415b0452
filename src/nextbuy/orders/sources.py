"""Where order lines come from: files, frames, queries; opened as parts whose columns are read when asked."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders import scratch
from nextbuy.orders.arrowtypes import python_value, usual
from nextbuy.orders.database import is_database, read_database
from nextbuy.orders.delimited import read_delimited
from nextbuy.orders.errors import InputError
from nextbuy.orders.ids import objects
from nextbuy.orders.parquet import Parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from nextbuy.orders.parquet import Column

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.bz2", ".csv.zst")
PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(eq=False)
class Part:
    """One file or frame: its columns by name, read when asked."""

    names: list[str]
    rows: int
    load: Callable[[str], pa.ChunkedArray]
    groups: NDArray[np.int64] | None = None  # where the row groups of a Parquet file begin and end
    load_group: Callable[[str, int], pa.ChunkedArray] | None = None
    stream: Callable[[str], Column] | None = None  # the column some rows at a time
    label: str = ""
    encoding: str = "utf-8"
    malformed: list[tuple[int, str]] = field(default_factory=list)
    mixed: dict[str, NDArray[np.int64]] = field(
        default_factory=dict
    )  # rows whose type differs, by column read

    def __post_init__(self) -> None:
        given, of_group = self.load, self.load_group
        self.load = lambda name: usual(given(name))
        if of_group is not None:
            self.load_group = lambda name, group: usual(of_group(name, group))

    def column(self, name: str) -> Column | pa.ChunkedArray:
        """Give a column to be looked through piece by piece, or nothing but nulls where it is not there."""
        if name not in self.names:
            return pa.chunked_array([pa.nulls(self.rows)])
        return self.load(name) if self.stream is None else self.stream(name)

    def value(self, name: str, row: int) -> Any:
        """Give one value, reading no more of a file than it must."""
        if self.groups is None or self.load_group is None:
            return python_value(self.load(name)[row])
        group = int(np.searchsorted(self.groups, row, side="right")) - 1
        return python_value(self.load_group(name, group)[row - int(self.groups[group])])

    def row_number(self, row: int) -> int:
        """1-based number of a row in its source, malformed lines counted."""
        number = row + 1
        for line, _ in self.malformed:
            number += line - 1 <= number  # the header is line 1
        return number


def open_source(
    source: Any, *, wanted: Collection[str], query: str | None = None, encoding: str | None = None
) -> tuple[list[Part], str]:
    """Open whatever holds rows.

    Returns
    -------
    parts : list of Part
    backend : {"pandas", "polars", "pyarrow"}
        The kind of frame the caller uses.

    Raises
    ------
    InputError
        When there is no such file, or it is not one that can be read.
    """
    if is_database(source):
        return [_table_part(read_database(str(source), query))], "pandas"
    if query is not None:
        raise InputError(
            "query= goes with a database address, like 'sqlite:///shop.db'. Leave it out for files."
        )
    if isinstance(source, (str, Path)):
        return _files([source], wanted, encoding), "pandas"
    if isinstance(source, (list, tuple)):
        if not source:
            raise InputError(
                "The source is an empty list: there is nothing to read. Give at least one order line."
            )
        if all(isinstance(s, (str, Path)) for s in source):
            return _files(list(source), wanted, encoding), "pandas"
        if all(isinstance(s, dict) for s in source):
            names = list(dict.fromkeys(str(k) for row in source for k in row))
            columns = {n: [row.get(n) for row in source] for n in names}
            return [_object_part(columns, len(source))], "pandas"
    if isinstance(source, dict):
        sizes = {len(v) for v in source.values() if hasattr(v, "__len__")}
        if len(sizes) == 1:
            return [_object_part({str(k): v for k, v in source.items()}, sizes.pop())], "pandas"
    return _frame(source)


def _files(sources: list[str | Path], wanted: Collection[str], encoding: str | None) -> list[Part]:
    paths: list[Path] = []
    for one in sources:
        path = Path(one).expanduser()
        if path.is_dir():
            raise InputError(
                f"{str(one)!r} is a directory. Try read_orders({str(path / '*.parquet')!r}) or '*.csv'."
            )
        if path.exists():
            paths.append(path)
            continue
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]  # noqa: PTH207 - takes absolute patterns
        if not found:
            beside = (
                sorted(p.name for p in path.parent.glob("*") if p.is_file())[:5]
                if path.parent.is_dir()
                else []
            )
            hint = f" In that directory: {', '.join(beside)}." if beside else ""
            raise InputError(
                f"No file matches {str(one)!r}.{hint} Check the path; globs are written 'orders/*.csv'."
            )
        paths += found
    return [_file(p, wanted, encoding) for p in paths]


def _file(path: Path, wanted: Collection[str], encoding: str | None) -> Part:
    name = path.name.lower()
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"PAR1" or name.endswith(PARQUET_SUFFIXES):
        return _parquet(path)
    if not name.endswith(TEXT_SUFFIXES):
        excel = " Save the sheet as CSV." if name.endswith((".xlsx", ".xls", ".ods")) else ""
        raise InputError(
            f"{path.name} is none of the files that can be read: "
            f"{', '.join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))}.{excel} "
            "Or read it yourself and give the frame."
        )
    read = read_delimited(path, wanted=wanted, encoding=encoding)
    part = _table_part(read.table)
    part.label, part.encoding, part.malformed = path.name, read.encoding, sorted(read.malformed)
    return part


def _parquet(path: Path) -> Part:
    file = Parquet.at(path)
    return Part(
        file.names, sum(file.sizes), file.load, file.starts, file.load, stream=file.stream, label=path.name
    )


def _table_part(table: pa.Table) -> Part:
    names = table.column_names
    return Part(names, table.num_rows, lambda name: table.column(names.index(name)))


def _object_part(columns: dict[str, Any], rows: int) -> Part:
    part = Part(list(columns), rows, lambda name: _column(part, name, columns[name]))
    return part


def _column(part: Part, name: str, values: Any) -> pa.ChunkedArray:
    made, odd = objects(values)
    if len(odd):
        part.mixed[name] = odd
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])


def _frame(source: Any) -> tuple[list[Part], str]:
    module = type(source).__module__.split(".")[0]
    if module == "pandas" and hasattr(source, "columns"):
        names = [str(c) for c in source.columns]

        def load(name: str) -> pa.ChunkedArray:
            series = source.iloc[:, names.index(name)]
            if series.dtype == object:
                return _column(part, name, series.tolist())
            made = pa.array(series, from_pandas=True)
            return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])

        part = Part(names, len(source), load)
        return [part], "pandas"
    if module == "polars" and hasattr(source, "collect"):
        source = source.collect()
    if isinstance(source, pa.Table):
        return [_table_part(source)], "pyarrow"
    backend = {"polars": "polars", "pyarrow": "pyarrow"}.get(module, "pandas")
    try:
        if hasattr(source, "__arrow_c_stream__"):
            if backend == "polars":  # in memory as it is
                return [_table_part(pa.table(source))], backend
            lines = pa.RecordBatchReader.from_stream(source)
            return [_table_part(scratch.table(lines, lines.schema))], backend
        import narwhals as nw

        return [_table_part(nw.from_native(source, eager_only=True).to_arrow())], backend
    except (TypeError, pa.ArrowException) as error:
        raise InputError(
            f"A {type(source).__name__} holds no order lines. Give a path or glob of .csv or .parquet files, "
            "a pandas, polars or pyarrow frame, a DuckDB relation, a list of dicts, "
            "or a database address with query=."
        ) from error
