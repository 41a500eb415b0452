"""Item-item regression: what customers with a similar history also bought."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import linalg, sparse

from nextbuy.mining.parts import GRAIN, in_grains
from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.mining.parts import Parts
    from nextbuy.predict.history import History, Timeline

HALF_LIFE_DAYS = 180.0  # tastes last: with 60 days a tenth of the new items is lost (docs/decisions)
RECENT_HALF_LIFE_DAYS = 60.0
RIDGE = 300.0
COARSE = float(np.sqrt(GRAIN))  # a product of two is whole in grains
BLOCK = 512  # customers scored at once: block x items floats
NEIGHBOURS = 100  # weights kept per item; more of them change no figure (docs/decisions)


@dataclass(frozen=True)
class Ease:
    """Scores x B with B the closed-form ridge regression of every item on all others, zero diagonal.

    Only the items with the most buyers take part (the inverse costs items cubed), and of each item's weights only
    the largest are kept.

    Attributes
    ----------
    weights : (items, items) sparse array of float32
        Row: item owned; column: item to score.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    weights: sparse.csr_array

    @classmethod
    def fit(cls, timelines: Parts, cut: int, *, most_items: int = 4_000) -> Self:
        """Invert the item-item matrix of decayed purchase days. Memory: 16 bytes times `most_items` squared."""
        buyers = timelines.total(_count_buyers, cut=cut)
        items = np.argsort(-buyers, kind="stable")[:most_items]
        items = np.sort(items[buyers[items] > 0])
        gram = timelines.total(_count_gram, cut=cut, items=items).toarray().astype(np.float32)
        gram += np.triu(gram, 1).T
        gram[np.diag_indices_from(gram)] += RIDGE
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False) if len(items) else gram
        weights = inverse / -np.diag(inverse)[None, :]
        weights[np.diag_indices_from(weights)] = 0.0
        if len(items) > NEIGHBOURS:
            size = np.abs(weights)
            least = -np.partition(-size, NEIGHBOURS, axis=0)[NEIGHBOURS]
            weights[size <= least] = 0.0
        row, column = np.nonzero(weights)
        values = weights[row, column].astype(np.float32)
        n = len(buyers)
        return cls(sparse.csr_array((values, (items[row], items[column])), shape=(n, n)))

    @staticmethod
    def taste(history: History) -> NDArray[np.float32]:
        """Decayed purchase days of each pair, at most one, so that taste counts and not amount."""
        return np.minimum(history.decayed(HALF_LIFE_DAYS), 1.0).astype(np.float32)

    @staticmethod
    def recent(history: History) -> NDArray[np.float32]:
        """What customers bought lately and often, for items that come again: a number of each pair."""
        return np.minimum(history.decayed(RECENT_HALF_LIFE_DAYS), 3.0).astype(np.float32)

    def scores(
        self, history: History, weight: NDArray[np.float32]
    ) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
        """Score all items for every customer, `weight` of each owned pair, block by block.

        Yields
        ------
        slice, slice, ndarray of float32
            The customers of the block, their pairs in `history`, and (customers, items).
        """
        h = history
        if h.n_customers == 1:  # scipy takes longer to prepare the product than to make it
            yield slice(0, 1), slice(0, len(h)), self._of_one(h.item, weight)
            return
        x = h.matrix(weight)
        some = scratch.fitting(BLOCK, 32 * max(h.n_items, 1))
        for start in range(0, h.n_customers, some):
            stop = min(start + some, h.n_customers)
            made = (x[start:stop] @ self.weights).toarray()
            yield slice(start, stop), slice(*h.offsets[[start, stop]]), made

    def _of_one(self, item: NDArray, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score all items for one customer; the sums are made in the order in which the product makes them."""
        entry, many = _entries(self.weights, item)
        out = np.zeros(self.weights.shape[1], np.float32)
        np.add.at(out, self.weights.indices[entry], np.repeat(weight, many) * self.weights.data[entry])
        return out[None, :]

    @cached_property
    def by_scored(self) -> sparse.csr_array:
        """The weights with a row for each item to score."""
        return self.weights.T.tocsr()

    def strongest(self, history: History, customer: NDArray, item: NDArray) -> NDArray[np.int64]:
        """Give the owned item that speaks most for `item`, for each (customer, item); -1 where none does.

        `customer` rises.
        """
        h, out = history, np.full(len(item), -1, np.int64)
        weight = self.taste(h)
        for start in range(0, h.n_customers, BLOCK):
            rows = slice(*np.searchsorted(customer, (start, start + BLOCK)))
            if rows.start == rows.stop:
                continue
            own = slice(*h.offsets[[start, min(start + BLOCK, h.n_customers)]])
            owned = np.zeros((min(BLOCK, h.n_customers - start), h.n_items), np.float32)
            owned[h.customer[own] - start, h.item[own]] = weight[own]
            entry, many = _entries(self.by_scored, item[rows])
            line = np.repeat(np.arange(len(many)), many)
            other = self.by_scored.indices[entry]
            share = owned[customer[rows][line] - start, other] * self.by_scored.data[entry]
            best = np.zeros(len(many), np.float32)
            np.maximum.at(best, line, share)
            # of equal ones the lowest code: the first, since the others rise
            found = np.flatnonzero((share == best[line]) & (share > 0))[::-1]
            out[rows.start + line[found]] = other[found]
        return out

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays."""
        w = self.weights
        return {"data": w.data, "indices": w.indices.astype(np.int32), "indptr": w.indptr.astype(np.int64)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from `state`."""
        n = len(state["indptr"]) - 1
        weights = sparse.csr_array((state["data"], state["indices"], state["indptr"]), shape=(n, n))
        weights.check_format(full_check=True)  # scipy writes to wherever an index points
        return cls(weights)


def _entries(matrix: sparse.csr_array, rows: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give where the entries of some rows of a sparse matrix stand, row after row, and how many each has."""
    low = matrix.indptr[rows]
    many = matrix.indptr[rows + 1] - low
    first = np.repeat(low - (np.cumsum(many) - many), many)
    return np.arange(len(first)) + first, many


def _count_buyers(timeline: Timeline, *, cut: int) -> NDArray[np.int64]:
    known = timeline.events.first & (timeline.events.day < cut)
    return np.bincount(timeline.events.item[known], minlength=timeline.events.n_items)


def _count_gram(timeline: Timeline, *, cut: int, items: NDArray[np.int64]) -> sparse.csc_array:
    """Sum over customers the products of decayed purchase days, in grains: sums of the products are exact.

    The half above the diagonal, and the diagonal: parts hand it over.
    """
    history = timeline.before(cut)
    weight = in_grains(np.minimum(history.decayed(HALF_LIFE_DAYS), 1.0), COARSE)
    x = history.matrix(weight).tocsc()[:, items]
    return sparse.csc_array(sparse.triu(x.T @ x, format="csc"))
