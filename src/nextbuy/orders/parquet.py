"""Parquet files, read a column at a time, whole or piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nextbuy.orders import scratch
from nextbuy.orders.arrowtypes import check_codes, usual
from nextbuy.orders.errors import InputError
from nextbuy.orders.ids import one_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# what arrow raises for a file whose bytes lie: names that are no text, sizes beyond all memory
BROKEN = (pa.ArrowException, OSError, ValueError, MemoryError)


@dataclass(frozen=True, eq=False)
class Column:
    """A column that is read some rows at a time, whenever it is looked through; like a `pyarrow.ChunkedArray`."""

    type: pa.DataType
    rows: int
    read: Callable[[], Iterator[pa.Array]]

    def __len__(self) -> int:
        return self.rows

    @property
    def chunks(self) -> Iterator[pa.Array]:
        """Give the column piece by piece."""
        return self.read()


@dataclass(frozen=True, eq=False)
class Parquet:
    """One file: where it lies, its columns, and how many rows each of its groups has."""

    path: Path
    schema: pa.Schema
    sizes: tuple[int, ...]

    @classmethod
    def at(cls, path: Path) -> Self:
        """Look at a file.

        Raises
        ------
        InputError
            When it is broken.
        """
        try:
            with pq.ParquetFile(path) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
                groups = range(file.metadata.num_row_groups)
                sizes = tuple(file.metadata.row_group(g).num_rows for g in groups)
            if rows != sum(sizes) or rows < 0:
                raise ValueError(f"{rows} rows in groups of {sizes[:3]}")
            made = cls(path, schema, sizes)
            _ = made.names
        except BROKEN as error:
            raise broken(path, error) from error
        return made

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the row groups begin and end."""
        return np.cumsum([0, *self.sizes])

    def load(self, name: str, group: int | None = None) -> pa.ChunkedArray:
        """Read a column, of one row group or of all."""
        try:
            with self._open(name) as file:
                every = file.read(columns=[name]) if group is None else file.read_row_group(group, [name])
                column = every.column(0)
            check_codes(column)
        except BROKEN as error:
            raise broken(self.path, error) from error
        self._check(name, len(column), sum(self.sizes) if group is None else self.sizes[group])
        return column

    def stream(self, name: str) -> Column:
        """Give a column to be read piece by piece."""
        none = one_array(usual(pa.chunked_array([], self.schema.types[self.names.index(name)])))
        return Column(none.type, sum(self.sizes), lambda: self._pieces(name, none))

    def _pieces(self, name: str, none: pa.Array) -> Iterator[pa.Array]:
        yield none
        seen = 0
        try:
            with self._open(name) as file:
                for batch in file.iter_batches(scratch.BLOCK, columns=[name]):
                    some = pa.chunked_array([batch.column(0)])
                    check_codes(some)
                    seen += len(some)
                    yield from usual(some).chunks
        except BROKEN as error:
            raise broken(self.path, error) from error
        self._check(name, seen, sum(self.sizes))

    def _open(self, name: str) -> pq.ParquetFile:
        kind = self.schema.types[self.names.index(name)]
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        # columns stored as codes stay codes
        return pq.ParquetFile(self.path, read_dictionary=[name] if text else None)

    def _check(self, name: str, seen: int, rows: int) -> None:
        if seen != rows:
            raise broken(self.path, f"column {name!r} has {seen:,} of its {rows:,} values")


def broken(path: Path, why: object) -> InputError:
    """Give the error for a file that cannot be read."""
    return InputError(
        f"{path.name} is no readable Parquet file: {str(why).rstrip('.')}. Check that it is complete."
    )
