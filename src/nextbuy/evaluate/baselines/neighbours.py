"""What similar customers bought: TIFU-KNN, UP-CF, user kNN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from nextbuy.evaluate.baselines.scored import Scored, by_event, visits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.evaluate.baselines.asked import Asked
    from nextbuy.predict.history import History


class TifuKnn(Scored):
    """TIFU-KNN: baskets decayed within groups and over groups, averaged with the nearest customers'.

    Parameters
    ----------
    horizon_days : int, default 30
    neighbours : int, default 300
    within, between : float, default 0.9, 0.7
        Decay a basket within its group, and a group.
    own : float, default 0.7
        Weight of the customer's own vector; the rest is the mean of the neighbours'.
    groups : int, default 7

    References
    ----------
    Hu, He, Gao and Zhang, "Modeling Personalized Item Frequency Information for Next-basket Recommendation", SIGIR
    2020.
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        neighbours: int = 300,
        within: float = 0.9,
        between: float = 0.7,
        own: float = 0.7,
        groups: int = 7,
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.neighbours = neighbours
        self.within = within
        self.between = between
        self.own = own
        self.groups = groups

    def _learn(self) -> None:
        h = self._known.history
        self._people = np.flatnonzero(h.customers.visits > 0)
        self._vectors = self._profile(h)[self._people]
        self._square = np.asarray(self._vectors.multiply(self._vectors).sum(axis=1)).ravel()

    def _profile(self, h: History) -> sparse.csr_array:
        n, visit = visits(h)
        size = -(-n // self.groups)  # of a group; the first one may be smaller
        many = -(-n // size)
        group, place = np.divmod(visit + many * size - n, size)
        weight = self.within ** (size - 1 - place) / size * self.between ** (many - 1 - group) / many
        return by_event(h, weight)

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:
        mine = profile[start:stop]
        scores: NDArray[np.float64] = self.own * mine.toarray()
        far = self._square - 2 * (mine @ self._vectors.T).toarray()
        far[self._people[None, :] == asked.known[start:stop, None]] = np.inf
        most = min(self.neighbours, len(self._people) - 1)
        if most < 1:
            return scores
        near = np.argpartition(far, most - 1, axis=1)[:, :most]
        mean = sparse.csr_array(
            (np.full(near.size, 1 / most), near.ravel(), np.arange(stop - start + 1) * most), shape=far.shape
        )
        scores += (1 - self.own) * (mean @ self._vectors).toarray()
        return scores


class UserPopularity(Scored):
    """UP-CF: how often similar customers, and the customer, bought an item in their last baskets.

    Parameters
    ----------
    horizon_days : int, default 30
    recent_orders : int, default 42
        Baskets that count.
    alpha : float, default 0.3
        0: similarity is the share of the other's items, 1: of the customer's own.
    locality : float, default 5
        Power of the similarity.
    neighbours : int, default 100
        The customer is one of them.

    References
    ----------
    Faggioli, Polato and Aiolli, "Recency Aware Collaborative Filtering for Next Basket Recommendation", UMAP 2020.
    """

    def __init__(
        self,
        *,
        horizon_days: int = 30,
        recent_orders: int = 42,
        alpha: float = 0.3,
        locality: float = 5.0,
        neighbours: int = 100,
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.recent_orders = recent_orders
        self.alpha = alpha
        self.locality = locality
        self.neighbours = neighbours

    def _learn(self) -> None:
        self._share, self._owned, self._size = self._profile(self._known.history)

    def _profile(self, h: History) -> tuple[sparse.csr_array, sparse.csr_array, NDArray[np.float64]]:
        """Share of the last baskets that hold each item; what is owned; how much."""
        n, visit = visits(h)
        weight = np.where(visit >= n - self.recent_orders, 1 / np.minimum(n, self.recent_orders), 0.0)
        size = np.maximum(h.customers.items, 1).astype(np.float64)
        return by_event(h, weight), h.matrix(np.ones(len(h))), size

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:
        share, owned, size = (part[start:stop] for part in profile)
        alike = (owned @ self._owned.T).toarray()
        alike /= size[:, None] ** self.alpha * self._size[None, :] ** (1 - self.alpha)
        alike **= self.locality
        forget(alike, asked, start)  # what is known of the customer here and now comes instead, fully alike
        near = nearest(alike, self.neighbours - 1)
        scores: NDArray[np.float64] = (near @ self._share + share).toarray()
        return scores


class UserKnn(Scored):
    """What the customers with the most similar decayed purchases bought (cosine).

    Parameters
    ----------
    horizon_days : int, default 30
    half_life_days : float, default 70
    neighbours : int, default 100

    References
    ----------
    Herlocker, Konstan, Borchers and Riedl, "An algorithmic framework for performing collaborative filtering", SIGIR
    1999.
    """

    def __init__(
        self, *, horizon_days: int = 30, half_life_days: float = 70.0, neighbours: int = 100
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _learn(self) -> None:
        h = self._known.history
        self._bought, self._unit = h.matrix(h.decayed(self.half_life_days)), self._profile(h)

    def _profile(self, h: History) -> sparse.csr_array:
        bought = h.matrix(h.decayed(self.half_life_days))
        length = np.sqrt(np.asarray(bought.multiply(bought).sum(axis=1)).ravel())
        return sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-300)) @ bought)

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:
        alike = (profile[start:stop] @ self._unit.T).toarray()
        forget(alike, asked, start)
        scores: NDArray[np.float64] = (nearest(alike, self.neighbours) @ self._bought).toarray()
        return scores


def forget(alike: NDArray[np.float64], asked: Asked, start: int) -> None:
    """Take from each customer the similarity to the own past self."""
    known = asked.known[start : start + len(alike)]
    line = np.flatnonzero(known >= 0)
    alike[line, known[line]] = 0.0


def nearest(alike: NDArray[np.float64], neighbours: int) -> sparse.csr_array:
    """Keep the largest similarities of each row."""
    if neighbours < alike.shape[1]:
        least = -np.partition(-alike, neighbours, axis=1)[:, neighbours : neighbours + 1]
        alike = np.where(alike > least, alike, 0.0)
    return sparse.csr_array(alike)
