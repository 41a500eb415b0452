"""Rows that repeat another row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
    key = np.zeros(len(columns[0]), np.uint64)
    for values in columns:
        key = mix(key + _bits(values) + np.uint64(0x9E3779B97F4A7C15))
    by_key = np.sort(key)
    twice = by_key[1:][by_key[1:] == by_key[:-1]]
    if not len(twice):
        return np.zeros(0, np.int64)
    twice = np.unique(twice)
    place = np.minimum(np.searchsorted(twice, key), len(twice) - 1)
    return np.flatnonzero(twice[place] == key)


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
