"""What goes with what is owned: EASE, basket rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse

from nextbuy.evaluate.baselines.scored import Scored, by_event, visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.evaluate.baselines.asked import Asked
    from nextbuy.predict.history import History


class EaseRegression(Scored):
    """EASE: every item regressed on all others over decayed histories.

    Parameters
    ----------
    horizon_days : int, default 30
    ridge : float, default 500
    half_life_days : float, default 90
    most : float, default 2
        The decayed purchases of one item count at most so much.
    most_items : int, default 8000
        Items with the most buyers; the inverse takes 8 bytes times their square.

    References
    ----------
    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        ridge: float = 500.0,
        half_life_days: float = 90.0,
        most: float = 2.0,
        most_items: int = 8_000,
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.ridge = ridge
        self.half_life_days = half_life_days
        self.most = most
        self.most_items = most_items

    def _learn(self) -> None:
        h = self._known.history
        buyers = np.bincount(h.item, minlength=h.n_items)
        self._items = np.sort(np.argsort(-buyers, kind="stable")[: self.most_items])
        known = self._profile(h)
        gram = (known.T @ known).toarray()
        gram[np.diag_indices_from(gram)] += self.ridge
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
        self._weights = inverse / -np.diag(inverse)
        np.fill_diagonal(self._weights, 0.0)

    def _profile(self, h: History) -> sparse.csr_array:
        decayed = h.matrix(np.minimum(h.decayed(self.half_life_days), self.most))
        return decayed.tocsc()[:, self._items].tocsr()

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:
        scores = np.zeros((stop - start, asked.history.n_items))
        scores[:, self._items] = profile[start:stop] @ self._weights
        return scores


class BasketRules(Scored):
    """Confidence of the rules from what was in the last order, summed.

    Parameters
    ----------
    horizon_days : int, default 30
    """

    def _learn(self) -> None:
        h = self._known.history
        _, visit = visits(h)
        basket = (np.cumsum(h.customers.visits) - h.customers.visits)[h.events.customer] + visit
        shape = (int(h.customers.visits.sum()), h.n_items)
        baskets = sparse.csr_array((np.ones(len(basket)), (basket, h.events.item)), shape=shape)
        together = (baskets.T @ baskets).tocsr()
        often = np.maximum(np.asarray(baskets.sum(axis=0)).ravel(), 1.0)
        self._confidence = sparse.csr_array(sparse.diags_array(1 / often) @ together)

    def _profile(self, h: History) -> sparse.csr_array:
        n, visit = visits(h)
        return by_event(h, (visit == n - 1).astype(np.float64))

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:  # noqa: ARG002
        scores: NDArray[np.float64] = (profile[start:stop] @ self._confidence).toarray()
        return scores
