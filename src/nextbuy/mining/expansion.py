"""Pairs of a customer's purchases, expanded some items at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.levels import Pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Occurrence, Purchases

CHUNK = 500_000  # pair events expanded at once: about 30 MB


def pairs(
    rows: NDArray[np.int64],
    *,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    chunk: int | None = None,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Expand each row i into (i, j) for j in low..high, in chunks of about `chunk` (default `CHUNK`) pairs."""
    chunk = CHUNK if chunk is None else chunk
    size = high - low
    total = np.concatenate([[0], np.cumsum(size)])
    at = 0
    while at < len(rows):
        until = max(at + 1, int(np.searchsorted(total, total[at] + chunk, side="right")) - 1)
        n = size[at:until]
        left = np.repeat(rows[at:until], n)
        right = np.arange(total[until] - total[at]) + np.repeat(
            low[at:until] - (total[at:until] - total[at]), n
        )
        at = until
        if len(left):
            yield left, right


def by_item(item: NDArray, size: NDArray) -> Iterator[NDArray[np.int64]]:
    """Give the rows in parts of about `CHUNK` pairs and of whole items: each part has all pairs of its items."""
    by = np.argsort(item.astype(np.uint16) if len(item) and item.max() < 1 << 16 else item, kind="stable")
    by = by[size[by] > 0]
    total = np.concatenate([[0], np.cumsum(size[by])])
    last = np.append(np.flatnonzero(np.diff(item[by])) + 1, len(by))  # where an item's rows end
    low = 0
    while low < len(by):
        within = int(np.searchsorted(total[last], total[low] + CHUNK, side="right")) - 1
        high = int(last[max(within, int(np.searchsorted(last, low, side="right")))])
        yield by[low:high]
        low = high


class Behind:
    """Pairs of some rows with a run of the same customer's events each, given by its first event and its size."""

    def __init__(self, events: Purchases, rows: NDArray, low: NDArray, size: NDArray) -> None:
        self.events, self.rows = events, rows
        self.pairs = Pairs((low - 1).astype(np.int32), size.astype(np.int32))
        self.base = int(events.item[rows].min()) * events.n_items

    def keys(self) -> NDArray:
        """Give the cell of each pair in the table of antecedents by consequents, counted from `base`."""
        cell = self.events.item[self.rows] * np.int64(self.events.n_items) - self.base
        return self.pairs.keys(self.events.item, cell)

    def lags(self) -> NDArray:
        """Give the days between the two."""
        return self.pairs.keys(self.events.day, -self.events.day[self.rows])

    def once(self) -> NDArray[np.bool_]:
        """Mark the first such purchase after the row's; A after A is a repurchase, not a rule."""
        own = -self.events.item[self.rows]
        again = self.pairs.keys(self.events.previous, -self.events.day[self.rows])
        other = self.pairs.keys(self.events.item, own)
        return np.asarray((other != 0) & (again <= 0), np.bool_)


def runs(ascending: NDArray) -> NDArray[np.int64]:
    """Give where each run of equal values starts."""
    new = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=new[1:])
    return np.flatnonzero(new)


def later_pairs(
    events: Purchases, rows: NDArray, after: NDArray, until: NDArray, occurrence: Occurrence
) -> Iterator[tuple[Behind, NDArray, NDArray]]:
    """Give the pairs within the window: by part the pairs' cells (see `Behind.keys`) and lags in days."""
    for part in by_item(events.item[rows], until - after):
        later = Behind(events, rows[part], after[part], until[part] - after[part])
        key, lag = later.keys(), later.lags()
        if occurrence == "any":
            once = later.once()
            key, lag = key[once], lag[once]
        yield later, key, lag
