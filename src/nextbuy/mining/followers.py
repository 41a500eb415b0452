"""Sparse tables of who follows what, some rows at a time: of large ones no second copy is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ENTRIES = 1 << 22  # looked at at once: some 100 MB


def by_rows(
    cells: NDArray, columns: NDArray[np.int32], start: NDArray[np.int64], size: int
) -> sparse.csr_array:
    """Give a table of `size` columns without a copy: where rows start in 64 bits, scipy makes columns so wide too."""
    narrow = start.astype(np.int32) if start[-1] < 1 << 31 else start
    return sparse.csr_array((cells, columns, narrow), shape=(len(start) - 1, size))


def few_rows(table: sparse.csr_array) -> Iterator[tuple[slice, sparse.csr_array]]:
    """Cut a table into rows with about `ENTRIES` entries, one row at least."""
    at, n = 0, table.shape[0]
    while at < n:
        stop = max(int(np.searchsorted(table.indptr, table.indptr[at] + ENTRIES, side="right")) - 1, at + 1)
        cells = slice(table.indptr[at], table.indptr[min(stop, n)])
        inside = table.indptr[at : stop + 1] - cells.start
        part = (table.data[cells], table.indices[cells], inside)
        yield slice(at, min(stop, n)), sparse.csr_array(part, shape=(len(inside) - 1, table.shape[1]))
        at = stop


def added(one: sparse.csr_array, other: sparse.csr_array) -> sparse.csr_array:
    """Add two tables."""
    if scratch.bound() is None:
        return one + other
    columns, counts = scratch.Growing(np.int32), scratch.Growing(np.int32)
    start = [np.zeros(1, np.int64)]
    for rows, part in few_rows(one):
        both = part + other[rows]
        columns.add(both.indices)
        counts.add(both.data)
        start.append(both.indptr[1:] + start[-1][-1])
    return by_rows(counts.array(), columns.array(), np.concatenate(start), one.shape[0])


def margins(table: sparse.csr_array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the sums of the rows and of the columns, without the diagonal."""
    rows, columns = np.zeros((2, table.shape[0]))
    for some, part in few_rows(table):
        rows[some] = part.sum(axis=1)
        columns += np.bincount(part.indices, part.data, table.shape[1])
    own = table.diagonal()
    return rows - own, columns - own


def turned(table: sparse.csr_array) -> sparse.csr_array:
    """Give what lies below the diagonal, rows and columns swapped."""
    n = table.shape[0]
    size = np.zeros(n, np.int64)
    for rows, part in few_rows(table):
        size += np.bincount(_below(part, rows.start).indices, minlength=n)
    start = np.concatenate([[0], np.cumsum(size)])
    index, data = scratch.empty(int(start[-1]), np.int32), scratch.empty(int(start[-1]), np.int32)
    filled = start[:-1].copy()
    for rows, part in few_rows(table):
        some = _below(part, rows.start).tocsc()
        many = np.diff(some.indptr)
        place = np.repeat(filled - some.indptr[:-1], many) + np.arange(some.nnz)
        index[place], data[place] = some.indices + rows.start, some.data
        filled += many
    return by_rows(data, index, start, n)


def _below(part: sparse.csr_array, first: int) -> sparse.csr_array:
    return sparse.csr_array(sparse.tril(part, first - 1, format="csr"))
