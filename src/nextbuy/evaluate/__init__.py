"""Was it right: metrics, baselines, backtest."""

from __future__ import annotations

from nextbuy.evaluate.backtest import backtest
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
from nextbuy.evaluate.report import Report

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
