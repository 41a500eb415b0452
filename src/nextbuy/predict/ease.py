"""Item-item regression: what customers with a similar history also bought."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import linalg, sparse

from nextbuy.mining.parts import GRAIN, in_grains

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.parts import Parts
    from nextbuy.predict.history import History, Timeline

HALF_LIFE_DAYS = 180.0  # tastes last: with 60 days a tenth of the new items is lost (docs/decisions)
RECENT_HALF_LIFE_DAYS = 60.0
RIDGE = 300.0
COARSE = float(np.sqrt(GRAIN))  # a product of two is whole in grains
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
    def matrix(history: History) -> sparse.csr_array:
        """Customers by items: decayed purchase days, at most one, so that taste counts and not amount."""
        return history.matrix(np.minimum(history.decayed(HALF_LIFE_DAYS), 1.0).astype(np.float32))

    @staticmethod
    def recent(history: History) -> sparse.csr_array:
        """Customers by items: what they bought lately and often, for items that come again."""
        return history.matrix(np.minimum(history.decayed(RECENT_HALF_LIFE_DAYS), 3.0).astype(np.float32))

    def scores(self, x: sparse.csr_array) -> NDArray[np.float32]:
        """Score a block of customers: dense (customers, items)."""
        scores: NDArray[np.float32] = (x @ self.weights).toarray()
        return scores

    @cached_property
    def by_scored(self) -> sparse.csr_array:
        """The weights with a row for each item to score."""
        return self.weights.T.tocsr()

    def strongest(self, x: sparse.csr_array, row: NDArray, item: NDArray) -> NDArray[np.int64]:
        """Give the owned item that speaks most for `item`, for each (row of x, item); -1 where none does."""
        out = np.full(len(item), -1, np.int64)
        for start in range(0, len(item), 20_000):
            part = slice(start, start + 20_000)
            share = sparse.csr_array(x[row[part]].multiply(self.by_scored[item[part]])).tocoo()
            line, owned = share.coords
            by = np.lexsort((owned, -share.data, line))
            first = np.ones(len(by), dtype=bool)
            first[1:] = line[by][1:] != line[by][:-1]
            best = by[first]
            best = best[share.data[best] > 0]
            out[start + line[best]] = owned[best]
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


def _count_buyers(timeline: Timeline, *, cut: int) -> NDArray[np.int64]:
    known = timeline.events.first & (timeline.events.day < cut)
    return np.bincount(timeline.events.item[known], minlength=timeline.events.n_items)


def _count_gram(timeline: Timeline, *, cut: int, items: NDArray[np.int64]) -> sparse.csc_array:
    """Sum over customers the products of decayed purchase days, in grains: sums of the products are exact."""
    history = timeline.before(cut)
    weight = in_grains(np.minimum(history.decayed(HALF_LIFE_DAYS), 1.0), COARSE)
    x = history.matrix(weight).tocsc()[:, items]
    return sparse.csc_array(x.T @ x)
