"""The few shapes that the lags of many rules have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SHAPES = 6
MOST_RULES = 10_000  # every n-th rule where there are more
ROUNDS = 60
WEAKEST = 0.5  # followers in a bin of a shape: no hazard is zero


@dataclass(frozen=True)
class Shapes:
    """Hazards by lag bin, up to a rule's own level.

    Attributes
    ----------
    hazard : (shapes, bins) ndarray of float64
    share : (shapes,) ndarray of float64
        Of the rules.
    """

    hazard: NDArray[np.float64]
    share: NDArray[np.float64]


def find_shapes(
    followers: NDArray[np.float64], watched: NDArray[np.float64], pooled: NDArray[np.float64]
) -> Shapes:
    """Fit one shape, two, three... by expectation maximisation until the information criterion says enough.

    Given how many followed, a rule's followers fall into the lag bins by the multinomial law of a shape's hazard times
    the days watched (Schwarz 1978 for the criterion).
    """
    some = slice(None, None, max(1, -(-len(followers) // MOST_RULES)))
    d, watched = followers[some], watched[some]
    best = Shapes(pooled[None, :], np.ones(1))
    events = max(d.sum(), 1.0)
    found = shape_weights(d, watched, best)[1]
    middle = (d * np.arange(d.shape[1])).sum(1) / np.maximum(d.sum(1), 1)
    for many in range(2, MOST_SHAPES + 1):
        tried, likelihood = _fit(d, watched, pooled, middle, many)
        if 2 * (likelihood - found) < d.shape[1] * np.log(events):
            break
        best, found = tried, likelihood
    return best


def shape_weights(
    followers: NDArray[np.float64], watched: NDArray[np.float64], shapes: Shapes
) -> tuple[NDArray[np.float64], float]:
    """How likely each rule (rows) has each shape (columns), and the log-likelihood of all."""
    log = np.empty((len(followers), len(shapes.share)))
    for j, (hazard, share) in enumerate(zip(shapes.hazard, shapes.share, strict=True)):
        mass = watched * hazard
        falls = np.maximum(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300), 1e-300)
        log[:, j] = (followers * np.log(falls)).sum(axis=1) + np.log(share)
    top = log.max(axis=1, keepdims=True)
    weight = np.exp(log - top)
    total = weight.sum(axis=1, keepdims=True)
    return weight / total, float((top + np.log(total)).sum())


def _fit(
    d: NDArray[np.float64],
    watched: NDArray[np.float64],
    pooled: NDArray[np.float64],
    middle: NDArray[np.float64],
    many: int,
) -> tuple[Shapes, float]:
    """Start from rules grouped by their middle lag, and alternate."""
    place = np.argsort(np.argsort(middle, kind="stable"), kind="stable")
    weight = np.eye(many)[place * many // max(len(middle), 1)]
    shapes, likelihood = Shapes(np.tile(pooled, (many, 1)), np.full(many, 1 / many)), -np.inf
    for _ in range(ROUNDS):
        level = d.sum(1, keepdims=True) / np.maximum(watched @ shapes.hazard.T, 1e-12)
        days = (weight * level).T @ watched
        hazard = (weight.T @ d + WEAKEST * pooled / pooled.mean()) / np.maximum(days, 1e-12)
        shapes = Shapes(hazard, np.maximum(weight.mean(axis=0), 1e-12))
        weight, now = shape_weights(d, watched, shapes)
        if now - likelihood < 1e-6 * abs(now):
            break
        likelihood = now
    return shapes, now
