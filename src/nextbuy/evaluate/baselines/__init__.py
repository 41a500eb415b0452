"""What a model must beat: rankings that need no model, and the published ones."""

from __future__ import annotations

from nextbuy.evaluate.baselines.intervals import TimeAwareIntervals
from nextbuy.evaluate.baselines.items import BasketRules, EaseRegression
from nextbuy.evaluate.baselines.neighbours import TifuKnn, UserKnn, UserPopularity
from nextbuy.evaluate.baselines.personal import PersonalFrequency
from nextbuy.evaluate.baselines.popularity import Popularity

__all__ = [
    "BasketRules",
    "EaseRegression",
    "PersonalFrequency",
    "Popularity",
    "TifuKnn",
    "TimeAwareIntervals",
    "UserKnn",
    "UserPopularity",
]
