"""Rows that repeat another row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.orders import scratch
from nextbuy.orders.lines import mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


def _bits(values: NDArray[Any]) -> NDArray[np.uint64]:
    if values.dtype.kind == "f":
        # 0.0 and -0.0 are one number, and so are all NaN
        values = np.where(np.isnan(values), np.inf, values + 0.0).astype(np.float64).view(np.uint64)
    return values.astype(np.uint64)


def repeated(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Rows whose values in all columns stand in another row too, in rising order, but for one in 2**64.

    One sort of 64-bit numbers; where nothing repeats, nothing else is done.
    """
    rows = len(columns[0])
    key = scratch.empty(rows, np.uint64)
    for some in scratch.blocks(rows):
        made = np.zeros(some.stop - some.start, np.uint64)
        for values in columns:
            made = mix(made + _bits(values[some]) + np.uint64(0x9E3779B97F4A7C15))
        key[some] = made
    by_key = scratch.empty(rows, np.uint64)
    by_key[:] = key
    by_key.sort()
    twice = np.unique(by_key[1:][by_key[1:] == by_key[:-1]])
    if not len(twice):
        return np.zeros(0, np.int64)
    found = [np.zeros(0, np.int64)]
    for some in scratch.blocks(rows):
        place = np.minimum(np.searchsorted(twice, key[some]), len(twice) - 1)
        found.append(np.flatnonzero(twice[place] == key[some]) + some.start)
    return np.concatenate(found)


def later_copies(rows: NDArray[np.int64], columns: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    """Of `rows`, all but the first of each set that agrees in all columns (given for those rows only)."""
    if not len(rows):
        return rows
    group = np.zeros(len(rows), np.int64)
    for values in columns:
        _, code = np.unique(_bits(values), return_inverse=True)
        _, group = np.unique(group * (int(code.max()) + 1) + code, return_inverse=True)
    _, first = np.unique(group, return_index=True)
    return np.delete(rows, first)
