"""A fitted model's state as plain files, and back: no pickle, no code.

A state is a dict, nested as deep as one likes, of numpy arrays (.npy), arrow arrays and tables (.parquet), and
numbers, texts, booleans, None and lists of these (state.json).
"""

from __future__ import annotations

import io
import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nextbuy.storage.files import to_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from nextbuy.storage.sealed import Content

TREE = "state.json"
_MOST_HEADER = 1 << 14  # more than numpy reads
_SCALARS = (bool, int, float, str, type(None))


def encode(state: dict[str, Any], write: Callable[[str, bytes], None]) -> None:
    """Hand each file of `state` to `write` as name and content, state.json last.

    Raises
    ------
    TypeError
        For a value of another kind, named by its place.
    """
    write(TREE, to_json(_Writer(write).node(state, "")))


class _Writer:
    """Walks a state, writes its leaves as files, and gives the tree that names them."""

    def __init__(self, write: Callable[[str, bytes], None]) -> None:
        self.write, self.used = write, {TREE}

    def node(self, value: Any, place: str) -> dict[str, Any]:
        """Give the tree of `value`."""
        if isinstance(value, dict):
            if not all(isinstance(k, str) for k in value):
                raise TypeError(f"{place or 'the state'} has keys that are no text: {list(value)[:3]}")
            return {"dict": {k: self.node(v, f"{place}.{k}" if place else k) for k, v in value.items()}}
        if isinstance(value, (list, tuple)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [self.node(v, f"{place}.{i}") for i, v in enumerate(value)]}
        if type(value) in _SCALARS:
            # JSON knows neither NaN nor infinity
            special = isinstance(value, float) and not np.isfinite(value)
            return {"float": repr(value)} if special else {"value": value}
        kind, suffix, content = _leaf(value, place)
        name = self.name(place, suffix)
        self.write(name, content)
        return {kind: name}

    def name(self, place: str, suffix: str) -> str:
        """Name a file after its place; some file systems do not tell A from a."""
        stem = re.sub(r"[^A-Za-z0-9_.]+", "-", place).strip("-.")[:150] or "value"
        found, number = f"{stem}.{suffix}", 1
        while found.lower() in self.used:
            found, number = f"{stem}-{number}.{suffix}", number + 1
        self.used.add(found.lower())
        return found


def _leaf(value: Any, place: str) -> tuple[str, str, bytes]:
    if isinstance(value, np.ndarray):
        return "npy", "npy", _npy(value, place)
    if isinstance(value, np.generic):
        return "scalar", "npy", _npy(np.asarray(value), place)
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return "array", "parquet", _parquet(pa.table({"values": value}))
    if isinstance(value, pa.Table):
        return "table", "parquet", _parquet(value)
    raise TypeError(
        f"{place} is a {type(value).__module__}.{type(value).__qualname__}, which has no place in a bundle"
    )


def decode(read: Callable[[str], Content]) -> tuple[dict[str, Any], set[str]]:
    """Give the state back, and the names of the files that it is made of.

    Raises
    ------
    Exception
        Of any kind, where a file is not what it should be; the caller turns it into one error.
    """
    used = {TREE}

    def of(name: str) -> Content:
        used.add(name)
        return read(name)

    def value(node: dict[str, Any]) -> Any:
        ((kind, content),) = node.items()
        if kind == "dict":
            return {k: value(v) for k, v in content.items()}
        if kind == "value":
            if type(content) not in _SCALARS:
                raise ValueError("a value that is none")
            return content
        if kind in {"list", "tuple"}:
            values = [value(v) for v in content]
            return values if kind == "list" else tuple(values)
        return _LEAVES[kind](content if kind == "float" else of(content))

    state = value(json.loads(read(TREE)[:]))
    if not isinstance(state, dict):
        raise TypeError("the state is no dict")
    return state, used


def _npy(values: np.ndarray, place: str) -> bytes:
    if values.dtype.hasobject:
        raise TypeError(f"state.{place} is an array of Python objects, which only pickle could store")
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _from_npy(content: Content) -> np.ndarray:
    """Read an array over the memory of `content`, which nobody may write to."""
    stream = io.BytesIO(content[:_MOST_HEADER])
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects")
    size, start = math.prod(shape), stream.tell()
    if len(content) - start != size * dtype.itemsize:
        raise ValueError(f"{len(content) - start} bytes for {size} values of {dtype}")
    flat = np.frombuffer(content, dtype, size, start) if size and dtype.itemsize else np.empty(size, dtype)
    found: np.ndarray = flat.reshape(shape, order="F" if by_column else "C")
    return found


def _table(content: Content) -> pa.Table:
    # without threads: a process that ends while arrow still starts some is aborted ("terminate called")
    return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)


def _from_array(content: Content) -> pa.Array:
    column = _table(content).column("values")
    return (
        column.chunk(0)
        if column.num_chunks == 1
        else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    )


def _from_float(content: str) -> float:
    if content not in {"nan", "inf", "-inf"}:
        raise ValueError("a float that is none")
    return float(content)


_LEAVES: dict[str, Callable[[Any], Any]] = {
    "npy": _from_npy,
    "scalar": lambda content: _from_npy(content)[()],
    "array": _from_array,
    "table": _table,
    "float": _from_float,
}
