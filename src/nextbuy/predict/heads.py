"""One head: from features to a probability."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from nextbuy.forest import Forest, Forests
from nextbuy.predict.order import LEARNED, by_count, deal, standard, surprise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates

FEWEST_BOUGHT = (
    100  # fewer positive examples than this teach a booster nothing that the closed form does not know
)
MOST_ROWS = 300_000  # more of them change nDCG by less than its noise (docs/decisions)
GRID = 127
BOUGHT_A_TREE = 20  # 100 trees on 108 purchases were certain of what never came (docs/decisions)


class Shape(NamedTuple):
    """How a booster is grown; each split sees a random `share` of the features."""

    trees: int
    rate: float
    leaves: int
    leaf: int
    share: float

    def grow(self, kind: Any, bought: int, random_state: int) -> Any:
        """Make a booster with a tree for each 20 purchases, and no more than that."""
        return kind(
            max_iter=min(self.trees, bought // BOUGHT_A_TREE),
            learning_rate=self.rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf,
            max_features=self.share,
            early_stopping=False,
            random_state=random_state,
        )


REPEAT, NEW, ORDER = (
    Shape(150, 0.06, 15, 200, 0.3),
    Shape(150, 0.06, 15, 50, 0.3),
    Shape(100, 0.08, 8, 200, 0.3),
)


@dataclass(frozen=True)
class Head:
    """Gradient boosting on past cut-offs, or the closed form where the past is too short for it.

    Attributes
    ----------
    names : tuple of str
        Features, in order.
    model : Forest or None
    order : Forest or None
        What deals each customer's probabilities out (see `order`); None: each row keeps its own.
    bought : int
        Positive examples seen.
    by_count : bool
        Each customer's probabilities are dealt out by plain counts, highest first (see `drift`).
    odds : float
        What the odds of every probability are multiplied by (see `drift`).
    """

    names: tuple[str, ...]
    model: Forest | None
    order: Forest | None
    bought: int
    by_count: bool = False
    odds: float = 1.0

    @classmethod
    def fit(
        cls,
        parts: list[tuple[Candidates, NDArray[np.int64]]],
        *,
        shape: Shape = NEW,
        ordered: bool = False,
        random_state: int,
        n_jobs: int = 1,
    ) -> Self:
        """Learn from candidates of past cut-offs and on how many days they were bought; the order too if `ordered`.

        Where there are many rows, negatives are sampled with inverse weights; each customer counts by the square
        root of their rows, so that a few shops with thousands of items do not speak for all.
        """
        names = parts[0][0].names if parts else ("closed_form",)
        bought = int(sum((times > 0).sum() for _, times in parts))
        total = sum(len(times) for _, times in parts)
        if bought < FEWEST_BOUGHT or bought == total:
            return cls(names, None, None, bought)
        random = np.random.default_rng(random_state)
        share = min(1.0, max(MOST_ROWS - bought, 2 * bought) / (total - bought))
        features, labels, weights, wonder = [], [], [], []
        for candidates, times in parts:
            rows = np.bincount(candidates.customer)[candidates.customer]
            label = times > 0
            keep = label | (random.random(len(label)) < share)
            features.append(candidates.features[keep])
            labels.append(label[keep])
            weights.append((np.where(label, 1.0, 1 / share) / np.sqrt(rows))[keep])
            wonder.append(surprise(candidates.customer, times)[keep])
        matrix, label, weight = np.concatenate(features), np.concatenate(labels), np.concatenate(weights)
        edges = grid_edges(matrix, label)
        snapped = snap(matrix, edges)
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        order = None
        with threadpool_limits(n_jobs, user_api="openmp"):
            model = shape.grow(HistGradientBoostingClassifier, bought, random_state)
            model.fit(snapped, label, weight)
            if ordered:
                target = np.concatenate(wonder)
                some = np.isfinite(target)
                order = ORDER.grow(HistGradientBoostingRegressor, bought, random_state)
                order.fit(snapped[some], target[some], weight[some])
        return cls(names, Forest.of(model, edges=edges), order and Forest.of(order, edges=edges), bought)

    def chance(self, candidates: Candidates) -> NDArray[np.float64]:
        """Chance of being bought within the horizon, each candidate by itself."""
        if self.model is None:
            return self._at_odds(np.clip(candidates.closed_form.astype(np.float64), 0.0, 1.0))
        return self._at_odds(self.model.chance(candidates.features))

    def _at_odds(self, chance: NDArray[np.float64]) -> NDArray[np.float64]:
        return chance if self.odds == 1.0 else self.odds * chance / (1 - chance + self.odds * chance)

    def probability(self, candidates: Candidates) -> NDArray[np.float64]:
        """Chance of being bought within the horizon, as the list shows it.

        The head learned from all rules together; where a candidate's own rule promises more, the odds are the
        geometric mean of both. An ordered head deals the chances out among all candidates of each customer.
        """
        customer = candidates.customer
        learned: list[NDArray[np.float64]] = []
        if self.model is None:
            chance = self.chance(candidates)
        else:
            raw, *learned = self._forests.raw(candidates.features)
            chance = self._at_odds(expit(raw))
            if candidates.strength.any():  # not: if triggers are at hand; those learned from keep none
                chance = promised(chance, candidates.strength)
        if self.by_count:
            return deal(customer, chance, by_count(candidates))
        if not learned or not len(chance):
            return chance
        return deal(customer, chance, standard(customer, chance) + LEARNED * standard(customer, learned[0]))

    @cached_property
    def _forests(self) -> Forests:
        return Forests([trees for trees in (self.model, self.order) if trees is not None])

    def state(self) -> dict[str, Any]:
        """Everything as arrays, numbers and text."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        trees = {name: own[name] and own[name].state() for name in ("model", "order")}
        return own | trees | {"names": list(self.names)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state`.

        Raises
        ------
        ValueError
            When the trees look at features that are not there.
        """
        trees = {name: state[name] and Forest.from_state(state[name]) for name in ("model", "order")}
        if any(tree is not None and tree.feature.max() >= len(state["names"]) for tree in trees.values()):
            raise ValueError("its trees look at features that it has no names for")
        made = cls(**{**state, **trees, "names": tuple(state["names"])})
        if made.model is not None:
            made._forests  # noqa: B018 - the first customer shall not wait for them
        return made


def promised(chance: NDArray[np.float64], strength: NDArray[np.float32]) -> NDArray[np.float64]:
    """Raise each chance halfway, in log-odds, to what the strongest running rule promises, where that is more."""
    hazard = strength.max(axis=1).astype(np.float64)
    more = np.flatnonzero(-np.expm1(-hazard) > chance)
    out, own = chance.copy(), np.maximum(chance[more], 1e-12)
    odds = np.sqrt(own / (1 - own) * np.expm1(hazard[more]))
    out[more] = odds / (1 + odds)
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
