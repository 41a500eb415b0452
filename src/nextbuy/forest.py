"""Boosted trees as plain arrays, answered without scikit-learn. Below all rooms: whoever boosts, keeps its trees so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

BLOCK = 2_048  # rows answered at once, so that what is worked on stays in the processor's cache
MOST_LEAVES = 64


class Column(NamedTuple):
    """What one feature decides: a row's place among `cuts` (NaN last) picks the leaves still possible, by tree."""

    feature: int
    cuts: NDArray[np.float32]
    possible: NDArray


@dataclass(frozen=True)
class Forest:
    """The trees of a fitted booster of scikit-learn, one after the other, each from the root leftwards (preorder).

    Every row is answered by all trees at once: for each feature, a table of bit sets says which leaves of which tree
    the row can still end in; what all features together leave has its lowest bit at the row's leaf.

    Attributes
    ----------
    feature : (nodes,) ndarray of int16
        Which feature a node looks at; -1 for a leaf.
    value : (nodes,) ndarray of float64
        The value from which on a row goes right (a float32); at a leaf, what the leaf adds.
    missing_left : (nodes,) ndarray of bool
        Where a row goes whose feature is NaN.
    baseline : float
        What every row begins with.

    References
    ----------
    Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees",
    SIGIR 2015.
    """

    feature: NDArray[np.int16]
    value: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    baseline: float

    @classmethod
    def of(cls, booster: Any, *, edges: NDArray[np.float32] | None = None) -> Self:
        """Take the trees of a fitted HistGradientBoostingClassifier of two classes, or of a regressor.

        `edges` (features, any number, rising) are the values that every feature was rounded down to before fitting
        (below the first: up to it): the trees then answer for features that were not rounded.
        """
        # scikit-learn shows its trees nowhere else
        nodes = np.concatenate([tree.nodes for stage in booster._predictors for tree in stage])  # noqa: SLF001
        leaf = nodes["is_leaf"].astype(bool)
        feature = np.where(leaf, -1, nodes["feature_idx"]).astype(np.int16)
        value = nodes["value"].copy()
        threshold = nodes["num_threshold"]
        if edges is None:
            cut = threshold.astype(np.float32)
            # x <= threshold is x < the next float32 above it
            cut = np.where(cut <= threshold, np.nextafter(cut, np.float32(np.inf)), cut)
            value[~leaf] = cut[~leaf]
        else:
            for node in np.flatnonzero(~leaf):
                edge = edges[feature[node]]
                place = int(np.searchsorted(edge, threshold[node], side="right"))
                inner = edge[place] if place < len(edge) else np.inf
                value[node] = inner if place else -np.inf
        missing_left = nodes["missing_go_to_left"].astype(bool) & ~leaf
        return cls(feature, value, missing_left, float(np.ravel(booster._baseline_prediction)[0]))  # noqa: SLF001

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum the trees for each row of `features`, in their order: to the bit what scikit-learn gives."""
        every = slice(None)
        sums: NDArray[np.float64] = self._sums(features, [(every, self.baseline)])[0]
        return sums

    def chance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the probability of the second class for each row, for the trees of a classifier."""
        chance: NDArray[np.float64] = expit(self.raw(features))
        return chance

    def _sums(
        self, features: NDArray[np.float32], runs: Sequence[tuple[slice, float]]
    ) -> NDArray[np.float64]:
        """Sum some runs of trees for each row, each run from its own baseline: (runs, rows)."""
        if len(features) == 1:
            # numpy adds the numbers of one row in another order, which changes the last bit
            return self._sums(features.repeat(2, axis=0), runs)[:, :1]
        out = np.empty((len(runs), len(features)))
        for start in range(0, len(features), BLOCK):
            rows = slice(start, start + BLOCK)
            leaf = self._leaf(features[rows])
            leaf += self._first
            added = self._values.take(leaf)
            for sums, (trees, baseline) in zip(out, runs, strict=True):
                np.add.reduce(added[trees], axis=0, initial=baseline, out=sums[rows])
        return out

    def _leaf(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Give the number of each row's leaf, counted from the left: (trees, rows)."""
        columns, every = self._columns
        possible = np.broadcast_to(every, (len(rows), len(every))).copy()
        some = np.empty_like(possible)
        values = rows.T
        for feature, cuts, table in columns:
            table.take(cuts.searchsorted(values[feature], side="right"), axis=0, out=some, mode="clip")
            possible &= some
        lowest = np.bitwise_count(~possible & (possible - possible.dtype.type(1)))
        leaf: NDArray[np.int64] = lowest.T.astype(np.int64, order="C")
        return leaf

    @cached_property
    def _shape(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Give each node's tree, the first node of each tree, and where the right branch of each node begins."""
        right = np.zeros(len(self.feature), np.int64)
        tree = np.zeros(len(self.feature), np.int64)
        starts, waiting = [0], []
        for node, feature in enumerate(self.feature.tolist()):
            tree[node] = len(starts) - 1
            if feature >= 0:
                waiting.append(node)
            elif waiting:
                right[waiting.pop()] = node + 1
            else:
                starts.append(node + 1)
        if not len(self.feature) or starts[-1] != len(self.feature):
            raise ValueError("its trees are cut short")
        return tree, np.array(starts), right

    @cached_property
    def _leaves(self) -> NDArray[np.int64]:
        """Number every node by the leaves of its tree that lie left of it."""
        tree, starts, _ = self._shape
        before: NDArray[np.int64] = np.cumsum(self.feature < 0) - (self.feature < 0)
        number = before - before[starts[:-1]][tree]
        if (most := int(number.max(initial=0)) + 1) > MOST_LEAVES:
            raise ValueError(f"a tree has {most} leaves, more than {MOST_LEAVES}")
        return number

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        return self.value[self.feature < 0]

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Give the place of each tree's first leaf among all leaves: (trees, 1)."""
        starts = self._shape[1]
        leaf = self.feature < 0
        return (np.cumsum(leaf) - leaf)[starts[:-1]][:, None]

    @cached_property
    def _columns(self) -> tuple[tuple[Column, ...], NDArray]:
        """Give the table of each feature that some node looks at, and the bit set of all leaves, one a tree."""
        tree, starts, right = self._shape
        most = int(self._leaves.max(initial=0)) + 1
        kind = next(k for k in (np.uint8, np.uint16, np.uint32, np.uint64) if np.iinfo(k).bits >= most)
        every = np.full(len(starts) - 1, np.iinfo(kind).max, kind)
        inner = self.feature >= 0
        # a row that goes right can end in none of the leaves on the left
        left = self._leaves[np.where(inner, right, 0)] - self._leaves
        bits = (
            (np.uint64(1) << np.where(inner, left, 0).astype(np.uint64)) - np.uint64(1)
        ) << self._leaves.astype(np.uint64)
        keep = np.invert(bits.astype(kind))
        columns = []
        for feature in np.unique(self.feature[inner]).tolist():
            mine = np.flatnonzero((self.feature == feature) & (self.value < np.inf))
            cuts = np.append(np.unique(self.value[mine]), np.nan).astype(np.float32)
            possible = np.tile(every, (len(cuts) + 1, 1))
            place = np.searchsorted(cuts, self.value[mine]) + 1
            np.bitwise_and.at(possible, (place, tree[mine]), keep[mine])
            possible = np.bitwise_and.accumulate(possible, axis=0)
            missing = np.flatnonzero((self.feature == feature) & ~self.missing_left)
            possible[-1] = every
            np.bitwise_and.at(possible[-1], tree[missing], keep[missing])
            columns.append(Column(feature, cuts, possible))
        return tuple(columns), every

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays and a number."""
        return {
            "feature": self.feature,
            "value": self.value,
            "missing_left": self.missing_left,
            "baseline": self.baseline,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state`, and look at the trees.

        Raises
        ------
        ValueError
            When they are no trees.
        """
        made = cls(state["feature"], state["value"], state["missing_left"], state["baseline"])
        made._leaves  # noqa: B018 - what is no tree shall not wait for the first customer
        return made


class Forests:
    """Forests that look at the same features, answered in one pass over them."""

    def __init__(self, forests: Sequence[Forest]) -> None:
        feature, value, missing_left = (
            np.concatenate([getattr(forest, name) for forest in forests])
            for name in ("feature", "value", "missing_left")
        )
        self._all = Forest(feature, value, missing_left, baseline=0.0)
        self._all._columns  # noqa: B018, SLF001 - the first customer shall not wait for them
        ends = np.cumsum([0, *(len(forest._first) for forest in forests)]).tolist()  # noqa: SLF001 - same file
        self._runs = [
            (slice(*run), forest.baseline) for run, forest in zip(pairwise(ends), forests, strict=True)
        ]

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give what `raw` of each forest gives, to the bit: (forests, rows)."""
        return self._all._sums(features, self._runs)  # noqa: SLF001 - same file
