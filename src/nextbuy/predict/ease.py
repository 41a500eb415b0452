"""Item-item regression: what customers with a similar history also bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History


@dataclass(frozen=True)
class Ease:
    """Scores x B with B the closed-form ridge regression of every item on all others, zero diagonal.

    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019. Only the items with the most buyers take
    part, as many as `most_items`: the inverse costs items cubed.

    Attributes
    ----------
    items : ndarray of int64
        Codes of the items that take part.
    weights : (items, items) ndarray of float32
    half_life_days : float
    """

    items: NDArray[np.int64]
    weights: NDArray[np.float32]
    half_life_days: float

    @classmethod
    def fit(
        cls, history: History, *, ridge: float = 500.0, half_life_days: float = 180.0, most_items: int = 4_000
    ) -> Ease:
        """Invert the item-item matrix of decayed purchase days."""
        buyers = np.bincount(history.item, minlength=history.n_items)
        items = np.sort(np.argsort(-buyers, kind="stable")[:most_items])
        items = items[buyers[items] > 0]
        x = cls._matrix(history, items, half_life_days)
        gram = (x.T @ x).toarray()
        gram[np.diag_indices_from(gram)] += ridge
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False) if len(items) else gram
        weights = inverse / -np.diag(inverse)[None, :]
        weights[np.diag_indices_from(weights)] = 0.0
        return cls(items, weights.astype(np.float32), half_life_days)

    @staticmethod
    def _matrix(history: History, items: NDArray[np.int64], half_life_days: float) -> sparse.csr_array:
        return history.matrix(np.minimum(history.decayed(half_life_days), 3.0)).tocsc()[:, items].tocsr()

    def scores(self, x: sparse.csr_array) -> NDArray[np.float32]:
        """Score a block of customers over `items`: dense (customers, items)."""
        scores: NDArray[np.float32] = x.astype(np.float32) @ self.weights
        return scores

    def matrix(self, history: History) -> sparse.csr_array:
        """Customers by participating items, decayed."""
        return self._matrix(history, self.items, self.half_life_days)
