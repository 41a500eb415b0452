"""Trees kept as plain arrays answer as the booster that grew them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from nextbuy.forest import BLOCK, Forest, Forests
from nextbuy.predict.heads import grid_edges, snap


def _features(rows, *, missing):
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 6)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])
    x[:, 2] = np.where(random.random(rows) < 0.6, 0, x[:, 2])
    x[:, 4] = 3.0
    if missing:
        x[random.random(rows) < 0.3, 3] = np.nan
    return x, x[:, 0] * x[:, 1] + np.nan_to_num(x[:, 3]) + random.normal(size=rows) > 0.3


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("leaves", [2, 8, 15, 30, 64])
def test_chances_are_those_of_scikit_learn_to_the_bit(leaves, missing):
    """Every width of bit set gives scikit-learn's own probabilities, rows at and beyond its thresholds too."""
    x, y = _features(BLOCK + 900, missing=missing)
    grown = {"max_iter": 25, "max_leaf_nodes": leaves, "min_samples_leaf": 5, "random_state": 0}
    booster = HistGradientBoostingClassifier(**grown).fit(x, y)
    trees = Forest.of(booster)
    every = [t.nodes["num_threshold"][t.nodes["is_leaf"] == 0] for s in booster._predictors for t in s]
    cuts = np.unique(np.concatenate(every)).astype(np.float32)
    edge = np.concatenate(
        [cuts, np.nextafter(cuts, np.float32(9)), np.nextafter(cuts, np.float32(-9)), [-1e30, 1e30]]
    )
    some = np.concatenate([x, np.repeat(edge[:, None], 6, axis=1).astype(np.float32)])
    assert trees.chance(some).tobytes() == booster.predict_proba(some)[:, 1].copy().tobytes()
    for row in range(0, len(x), 97):
        assert trees.chance(x[row : row + 1]) == booster.predict_proba(x[row : row + 1])[:, 1]
    back = Forest.from_state(trees.state())
    assert back.chance(some).tobytes() == trees.chance(some).tobytes()


def test_rounding_is_part_of_the_trees():
    """Trees grown on rounded features give for plain ones what the booster gives for them rounded."""
    x, y = _features(5_000, missing=False)
    edges = grid_edges(x[:4_000], y[:4_000])
    rounded = snap(x, edges)
    booster = HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=8, random_state=0)
    booster.fit(rounded[:4_000], y[:4_000])
    trees = Forest.of(booster, edges=edges)
    beyond = np.concatenate([x, edges.T, np.full((1, 6), -1e9), np.full((1, 6), 1e9)]).astype(np.float32)
    assert trees.raw(beyond).tobytes() == booster.predict(snap(beyond, edges)).tobytes()


def test_no_row_and_no_split():
    """Nothing asked is answered with nothing; trees without a split add their one leaf."""
    x, y = _features(300, missing=False)
    booster = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=200).fit(x, y)
    trees = Forest.of(booster)
    assert trees.raw(x).tobytes() == booster.predict(x).tobytes()
    assert trees.raw(x[:0]).shape == (0,)


def test_forests_in_one_pass_are_each_what_it_is_alone():
    """Trees of few and of many leaves over the same features: every sum is that of its own forest, to the bit."""
    x, y = _features(BLOCK + 900, missing=True)
    grown = [
        Forest.of(kind(max_iter=trees, max_leaf_nodes=leaves, random_state=0).fit(x, y))
        for kind, trees, leaves in (
            (HistGradientBoostingClassifier, 20, 15),
            (HistGradientBoostingRegressor, 7, 8),
            (HistGradientBoostingRegressor, 12, 40),
        )
    ]
    together = Forests(grown)
    for rows in (x, x[:1], x[:2], x[:0]):
        alone = np.array([forest.raw(rows) for forest in grown])
        assert together.raw(rows).tobytes() == alone.tobytes()


@pytest.mark.parametrize("nodes", [[], [0], [0, -1], [-1, 0, -1], [0] * 70 + [-1] * 71])
def test_what_is_no_tree_is_refused(nodes):
    """Nodes that are cut short, or a tree with more leaves than a bit set holds, are an error at once."""
    state = {
        "feature": np.array(nodes, np.int16),
        "value": np.zeros(len(nodes)),
        "missing_left": np.zeros(len(nodes), dtype=bool),
        "baseline": 0.0,
    }
    with pytest.raises(ValueError, match=r"trees are cut short|leaves, more than 64"):
        Forest.from_state(state)
