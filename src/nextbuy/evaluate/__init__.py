"""Was it right: metrics, baselines, backtest."""

from __future__ import annotations

from nextbuy.evaluate.backtest import Report, backtest
from nextbuy.evaluate.baselines import (
    BasketRules,
    EaseRegression,
    PersonalFrequency,
    Popularity,
    TifuKnn,
    TimeAwareIntervals,
    UserKnn,
    UserPopularity,
)

__all__ = [
    "BasketRules",
    "EaseRegression",
    "PersonalFrequency",
    "Popularity",
    "Report",
    "TifuKnn",
    "TimeAwareIntervals",
    "UserKnn",
    "UserPopularity",
    "backtest",
]
