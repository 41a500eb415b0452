"""Baselines that score every item for every customer: neighbours, regression, basket rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, sparse

from nextbuy.evaluate.baselines import BLOCK, Popularity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders


class Scored(Popularity):
    """Ranks by a score for each customer and item; what scores nothing comes last, by popularity.

    The scores are no probabilities: `probability` is empty.
    """

    def fit(self, orders: Orders, y: object = None, *, as_of: Any = None) -> Any:
        """Learn from what was bought before `as_of` (default: ever)."""
        super().fit(orders, y, as_of=as_of)
        self._learn()
        return self

    def _learn(self) -> None:
        raise NotImplementedError

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        """Scores of customers `start` to `stop`: dense (customers, items)."""
        raise NotImplementedError

    def _ranked(self, kind: str, k: int) -> tuple[NDArray, ...]:
        h = self._history
        offsets = np.searchsorted(h.customer, np.arange(h.n_customers + 1))
        last = np.empty(h.n_items)
        last[self.popular_] = -np.arange(h.n_items) - 1.0  # below any score
        parts = []
        for start in range(0, h.n_customers, BLOCK):
            stop = min(start + BLOCK, h.n_customers)
            rows = slice(offsets[start], offsets[stop])
            own = np.zeros((stop - start, h.n_items), dtype=bool)
            own[h.customer[rows] - start, h.item[rows]] = True
            score = self._scores(start, stop)
            score = np.where(score > 0, score, last)
            if kind != "all":
                score[own == (kind == "new")] = -np.inf
            most = min(k, h.n_items)
            top = np.argpartition(-score, most - 1, axis=1)[:, :most]
            value = np.take_along_axis(score, top, 1)
            by = np.lexsort((top, -value), axis=1)
            top, value = np.take_along_axis(top, by, 1), np.take_along_axis(value, by, 1)
            line, place = np.nonzero(value > -np.inf)
            item = top[line, place]
            parts.append((line + start, item, own[line, item], np.full(len(line), np.nan)))
        customer, item, repeat, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        return customer, item, repeat, chance

    def _visits(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many order days the customer of each event has, and the number of each event's day."""
        h = self._history
        return h.customers.visits[h.events.customer], h.visit.astype(np.int64)

    def _by_event(self, weight: NDArray[np.float64]) -> sparse.csr_array:
        h = self._history
        return sparse.csr_array(
            (weight, (h.events.customer, h.events.item)), shape=(h.n_customers, h.n_items)
        )


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
        n, visit = self._visits()
        m = self.groups
        size, larger = n // m, n % m  # the later groups are larger by one basket
        early = (m - larger) * size
        in_early = visit < early
        length = np.where(n <= m, 1, np.where(in_early, size, size + 1))
        past = np.where(in_early, visit, visit - early)
        number = np.where(n <= m, visit, past // length + np.where(in_early, 0, m - larger))
        place = np.where(n <= m, 0, past % length)
        used = np.minimum(n, m)
        weight = self.within ** (length - 1 - place) / length * self.between ** (used - 1 - number) / used
        self._vectors = self._by_event(weight)
        self._square = np.asarray(self._vectors.multiply(self._vectors).sum(axis=1)).ravel()
        self._people = np.flatnonzero(self._history.customers.visits > 0)

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        mine = self._vectors[start:stop]
        scores: NDArray[np.float64] = self.own * mine.toarray()
        others = self._vectors[self._people]
        far = self._square[self._people] - 2 * (mine @ others.T).toarray()
        far[self._people[None, :] == np.arange(start, stop)[:, None]] = np.inf
        most = min(self.neighbours, len(self._people) - 1)
        if most < 1:
            return scores
        near = np.argpartition(far, most - 1, axis=1)[:, :most]
        mean = sparse.csr_array(
            (np.full(near.size, 1 / most), near.ravel(), np.arange(stop - start + 1) * most), shape=far.shape
        )
        scores += (1 - self.own) * (mean @ others).toarray()
        return scores


class UserPopularity(Scored):
    """UP-CF: how often similar customers bought an item in their last baskets.

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
        n, visit = self._visits()
        weight = np.where(visit >= n - self.recent_orders, 1 / np.minimum(n, self.recent_orders), 0.0)
        self._share = self._by_event(weight)
        self._owned = self._history.matrix(np.ones(len(self._history)))
        self._size = np.maximum(self._history.customers.items, 1).astype(np.float64)

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        alike = (self._owned[start:stop] @ self._owned.T).toarray()
        alike /= self._size[start:stop, None] ** self.alpha * self._size[None, :] ** (1 - self.alpha)
        alike **= self.locality
        scores: NDArray[np.float64] = (_nearest(alike, self.neighbours) @ self._share).toarray()
        return scores


class UserKnn(Scored):
    """What the customers with the most similar decayed purchases bought (cosine).

    Parameters
    ----------
    horizon_days : int, default 30
    half_life_days : float, default 60
    neighbours : int, default 100

    References
    ----------
    Herlocker, Konstan, Borchers and Riedl, "An algorithmic framework for performing collaborative filtering", SIGIR
    1999.
    """

    def __init__(
        self, *, horizon_days: int = 30, half_life_days: float = 60.0, neighbours: int = 100
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _learn(self) -> None:
        h = self._history
        self._bought = h.matrix(h.decayed(self.half_life_days))
        length = np.sqrt(np.asarray(self._bought.multiply(self._bought).sum(axis=1)).ravel())
        self._unit = sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-300)) @ self._bought)

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        alike = (self._unit[start:stop] @ self._unit.T).toarray()
        alike[np.arange(stop - start), np.arange(start, stop)] = 0.0
        scores: NDArray[np.float64] = (_nearest(alike, self.neighbours) @ self._bought).toarray()
        return scores


class EaseRegression(Scored):
    """EASE: every item regressed on all others over decayed histories.

    Parameters
    ----------
    horizon_days : int, default 30
    ridge : float, default 500
    half_life_days : float, default 90
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
        most_items: int = 8_000,
    ) -> None:
        super().__init__(horizon_days=horizon_days)
        self.ridge = ridge
        self.half_life_days = half_life_days
        self.most_items = most_items

    def _learn(self) -> None:
        h = self._history
        buyers = np.bincount(h.item, minlength=h.n_items)
        self._items = np.sort(np.argsort(-buyers, kind="stable")[: self.most_items])
        known = h.matrix(np.minimum(h.decayed(self.half_life_days), 1.0))
        self._known = known.tocsc()[:, self._items].tocsr()
        gram = (self._known.T @ self._known).toarray()
        gram[np.diag_indices_from(gram)] += self.ridge
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
        self._weights = inverse / -np.diag(inverse)
        np.fill_diagonal(self._weights, 0.0)

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        scores = np.zeros((stop - start, self._history.n_items))
        scores[:, self._items] = self._known[start:stop] @ self._weights
        return scores


class BasketRules(Scored):
    """Confidence of the rules from what was in the last order, summed.

    Parameters
    ----------
    horizon_days : int, default 30
    """

    def __init__(self, *, horizon_days: int = 30) -> None:
        super().__init__(horizon_days=horizon_days)

    def _learn(self) -> None:
        n, visit = self._visits()
        h = self._history
        basket = (np.cumsum(h.customers.visits) - h.customers.visits)[h.events.customer] + visit
        shape = (int(h.customers.visits.sum()), h.n_items)
        baskets = sparse.csr_array((np.ones(len(basket)), (basket, h.events.item)), shape=shape)
        together = (baskets.T @ baskets).tocsr()
        often = np.maximum(np.asarray(baskets.sum(axis=0)).ravel(), 1.0)
        self._confidence = sparse.csr_array(sparse.diags_array(1 / often) @ together)
        self._last = self._by_event((visit == n - 1).astype(np.float64))

    def _scores(self, start: int, stop: int) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = (self._last[start:stop] @ self._confidence).toarray()
        return scores


def _nearest(alike: NDArray[np.float64], neighbours: int) -> sparse.csr_array:
    """Keep the largest similarities of each row."""
    if neighbours < alike.shape[1]:
        least = -np.partition(-alike, neighbours, axis=1)[:, neighbours : neighbours + 1]
        alike = np.where(alike > least, alike, 0.0)
    return sparse.csr_array(alike)
