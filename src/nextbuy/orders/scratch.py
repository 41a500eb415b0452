"""Large arrays: in memory, or in files while memory is bounded.

A file has no name: it is gone with the last array in it, also when the process is killed.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import re
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.atomic import told_when_full

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import IO

    import pyarrow as pa
    from numpy.typing import DTypeLike, NDArray

SMALL = 1 << 20  # bytes of an array that stays in memory whatever the bound
BLOCK = 1 << 20  # rows looked at at once
LEAST = 1_000_000  # bytes that a bound can say; a bare "2" is no 2 GB
_BYTES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_bound: ContextVar[int | None] = ContextVar("bound", default=None)


@contextmanager
def bounded(max_memory: int | None) -> Iterator[None]:
    """Bound the memory of what is done inside, in bytes; None: what an outer block says."""
    token = _bound.set(_bound.get() if max_memory is None else max_memory)
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> int | None:
    """Give the bound in bytes; None where there is none."""
    return _bound.get()


def fitting(most: int, each: int) -> int:
    """Give how many things of `each` bytes an eighth of the bound holds: at most `most`, one at least."""
    found = _bound.get()
    return most if found is None else int(np.clip(found // 8 // each, 1, most))


def to_bytes(max_memory: int | str | None) -> int | None:
    """Read a size: bytes as a number, or text such as "2GB", "500 MB", "1.5GiB".

    Examples
    --------
    >>> to_bytes("2GB"), to_bytes("512 MiB")
    (2000000000, 536870912)
    """
    from nextbuy.orders.errors import InputError

    if max_memory is None:
        return None
    found = _BYTES.fullmatch(str(max_memory))
    size = 0
    if found and not isinstance(max_memory, bool):
        number, unit, binary = found.groups()
        size = int(float(number) * (1024 if binary else 1000) ** " kmgt".index(unit.lower() or " "))
    if not size:
        raise InputError(f"{max_memory!r} is no size of memory. Try read_orders(source, max_memory='2GB').")
    if size < LEAST:
        raise InputError(
            f"{max_memory!r} is {size:,} bytes, too little memory for anything. "
            "Try read_orders(source, max_memory='2GB')."
        )
    return size


def empty(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Give an array to be filled; while memory is bounded a large one lies in a file.

    Raises
    ------
    OSError
        When the temporary directory has no room for it.
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize if isinstance(shape, tuple) else shape * kind.itemsize
    if _bound.get() is None or size < SMALL:
        return np.empty(shape, kind)
    return np.frombuffer(_file(size), kind).reshape(shape)


def _file(size: int) -> mmap.mmap:
    with room(f"{size / 1e6:,.0f} MB"), _unnamed() as file:
        # a file with holes would end the process when the disk is full, without a word
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            for at in range(0, size, BLOCK):
                file.write(bytes(min(BLOCK, size - at)))
            file.flush()
        return mmap.mmap(file.fileno(), size)


_ELSE = "set TMPDIR to a directory on a disk with room, or do without max_memory and n_jobs"


def _unnamed() -> IO[bytes]:
    """Open a file without a name in the temporary directory."""
    asked = os.environ.get("TMPDIR")
    # without a word the files would lie where the system keeps them, which may be memory
    if asked and not (Path(asked).is_dir() and os.access(asked, os.W_OK | os.X_OK)):
        raise OSError(errno.ENOENT, f"TMPDIR={asked} is no directory that can be written to; {_ELSE}")
    try:
        return tempfile.TemporaryFile(prefix="nextbuy-")
    except OSError as error:
        raise OSError(error.errno, f"no temporary file can be made ({error.strerror}); {_ELSE}") from error


def room(what: str) -> AbstractContextManager[None]:
    """Say what there was no room for in the temporary directory, and what to do."""
    return told_when_full(f"{what} in {tempfile.gettempdir()}", _ELSE)


class Growing:
    """An array that is put together piece by piece; while memory is bounded in a file."""

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._pieces: list[NDArray[Any]] = []
        self._file = None if _bound.get() is None else _unnamed()

    def add(self, values: NDArray[Any]) -> None:
        """Put values to its end."""
        values = np.ascontiguousarray(values, self.dtype)
        self.size += len(values)
        if self._file is None:
            self._pieces.append(values)
        else:
            with room(f"{self.size * self.dtype.itemsize / 1e6:,.0f} MB"):
                self._file.write(values.data)

    def array(self) -> NDArray[Any]:
        """Give all that was added; nothing can be added any more."""
        if self._file is None:
            made = np.concatenate([np.zeros(0, self.dtype), *self._pieces])
            self._pieces = []
            return made
        with room(f"{self.size * self.dtype.itemsize / 1e6:,.0f} MB"), self._file as file:
            file.flush()
            if not self.size:
                return np.zeros(0, self.dtype)
            return np.frombuffer(mmap.mmap(file.fileno(), 0), self.dtype)


def table(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Give a table of what a stream brings: over a file while memory is bounded."""
    import pyarrow as pa

    if _bound.get() is None:
        return pa.Table.from_batches(batches, schema)
    # the outermost sees what closing says too: it writes what is left
    with room("the lines of the source"), _unnamed() as file:
        with pa.ipc.new_stream(file, schema) as out:
            for batch in batches:
                out.write_batch(batch)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(mapped))).read_all()


def blocks(rows: int) -> Iterator[slice]:
    """Cut rows into slices of at most `BLOCK`."""
    for at in range(0, rows, BLOCK):
        yield slice(at, min(at + BLOCK, rows))


def moved(values: NDArray[Any]) -> NDArray[Any]:
    """Give the same values where `empty` would have put them."""
    if _bound.get() is None or values.nbytes < SMALL:
        return values
    out = empty(values.shape, values.dtype)
    out[...] = values
    return out


def marked(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the marked rows, rising."""
    if _bound.get() is None:
        return np.flatnonzero(mask)
    out, filled = empty(int(np.count_nonzero(mask)), np.int64), 0
    for some in blocks(len(mask)):
        rows = np.flatnonzero(mask[some])
        out[filled : filled + len(rows)] = rows
        out[filled : filled + len(rows)] += some.start
        filled += len(rows)
    return out


def taken(values: NDArray[Any], rows: NDArray[Any] | slice) -> NDArray[Any]:
    """Give the values of some rows."""
    if _bound.get() is None or isinstance(rows, slice):
        return values[rows]
    out = empty(len(rows), values.dtype)
    for some in blocks(len(rows)):
        np.take(values, rows[some], out=out[some])
    return out
