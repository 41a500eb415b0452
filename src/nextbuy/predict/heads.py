"""One head: from features to a probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates

FEWEST_BOUGHT = (
    100  # fewer positive examples than this teach a booster nothing that the closed form does not know
)
MOST_ROWS = 300_000  # more of them change nDCG by less than its noise (docs/decisions)
TREES, RATE, LEAVES, LEAF, GRID = 100, 0.08, 8, 100, 127
BOUGHT_A_TREE = 20  # 100 trees on 108 purchases were certain of what never came (docs/decisions)


@dataclass(frozen=True)
class Head:
    """Gradient boosting on past cut-offs, or the closed form where the past is too short for it.

    Attributes
    ----------
    names : tuple of str
        Features, in order.
    model : HistGradientBoostingClassifier or None
    bought : int
        Positive examples seen.
    edges : (features, 2 * GRID) ndarray of float32
        Values that a feature is rounded down to.
    by_count : bool
        Each customer's probabilities are dealt out by plain counts, highest first (see `drift`).
    odds : float
        What the odds of every probability are multiplied by (see `drift`).
    """

    names: tuple[str, ...]
    model: Any
    bought: int
    edges: NDArray[np.float32]
    by_count: bool = False
    odds: float = 1.0

    @classmethod
    def fit(
        cls, parts: list[tuple[Candidates, NDArray[np.bool_]]], *, random_state: int, n_jobs: int = 1
    ) -> Self:
        """Learn from candidates of past cut-offs and whether they were bought.

        Where there are many rows, negatives are sampled with inverse weights; each customer counts by the square
        root of their rows, so that a few shops with thousands of items do not speak for all.
        """
        names = parts[0][0].names if parts else ("closed_form",)
        bought = int(sum(label.sum() for _, label in parts))
        total = sum(len(label) for _, label in parts)
        if bought < FEWEST_BOUGHT or bought == total:
            return cls(names, None, bought, np.zeros((0, 0), np.float32))
        random = np.random.default_rng(random_state)
        share = min(1.0, max(MOST_ROWS - bought, 2 * bought) / (total - bought))
        features, labels, weights = [], [], []
        for candidates, label in parts:
            rows = np.bincount(candidates.customer)[candidates.customer]
            keep = label | (random.random(len(label)) < share)
            features.append(candidates.features[keep])
            labels.append(label[keep])
            weights.append((np.where(label, 1.0, 1 / share) / np.sqrt(rows))[keep])
        matrix, label = np.concatenate(features), np.concatenate(labels)
        edges = grid_edges(matrix, label)
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            max_iter=min(TREES, bought // BOUGHT_A_TREE),
            learning_rate=RATE,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=LEAF,
            early_stopping=False,
            random_state=random_state,
        )
        with threadpool_limits(n_jobs, user_api="openmp"):
            model.fit(snap(matrix, edges), label, np.concatenate(weights))
        return cls(names, model, bought, edges)

    def probability(self, candidates: Candidates) -> NDArray[np.float64]:
        """Chance of being bought within the horizon, one a candidate."""
        if not len(candidates.item):
            return np.zeros(0)
        if self.model is None:
            chance = np.clip(candidates.closed_form.astype(np.float64), 0.0, 1.0)
        else:
            with threadpool_limits(1, user_api="openmp"):
                chance = self.model.predict_proba(snap(candidates.features, self.edges))[:, 1]
        if self.odds != 1.0:
            chance = self.odds * chance / (1 - chance + self.odds * chance)
        return deal_by_count(candidates, chance) if self.by_count else chance


def deal_by_count(candidates: Candidates, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each customer's highest probability to what they bought on most days, and so on; ties as they were.

    New items are dealt by how many customers ever bought them.
    """
    column = "pair_days" if "pair_days" in candidates.names else "item_buyers"
    count = candidates.features[:, candidates.names.index(column)]
    by = np.lexsort((-chance, candidates.customer))
    first = np.searchsorted(candidates.customer, candidates.customer)  # sorted by customer
    out = np.empty_like(chance)
    # equal chances would leave the order to the items' codes
    out[np.lexsort((-chance, -count, candidates.customer))] = chance[by] * (
        1 - 1e-9 * (np.arange(len(by)) - first)
    )
    return out


def grid_edges(features: NDArray[np.float32], label: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Choose the values that each feature is rounded to: quantiles of all rows, and of those that were bought.

    Boosting's own bins are of equal count: where most rows hold zero, all that matters would fall into one bin. And
    with sample weights its binning takes longer than the boosting itself.
    """
    share = np.linspace(0, 1, GRID)
    parts = (
        features[:: max(1, len(features) // 100_000)],
        features[label][:: max(1, int(label.sum()) // 50_000)],
    )
    edges = np.concatenate([np.quantile(part, share, axis=0, method="lower") for part in parts])
    return np.sort(edges, axis=0).T.astype(np.float32)


def snap(features: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round each feature down to its edges."""
    out = np.empty_like(features)
    for j, edge in enumerate(edges):
        out[:, j] = edge[np.maximum(np.searchsorted(edge, features[:, j], side="right") - 1, 0)]
    return out
