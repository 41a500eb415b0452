"""Was it right: metrics, baselines, backtest."""

from __future__ import annotations

from nextbuy.evaluate.backtest import Report, backtest
from nextbuy.evaluate.baselines import PersonalFrequency, Popularity
from nextbuy.evaluate.scored import BasketRules, EaseRegression, TifuKnn, UserKnn, UserPopularity

__all__ = [
    "BasketRules",
    "EaseRegression",
    "PersonalFrequency",
    "Popularity",
    "Report",
    "TifuKnn",
    "UserKnn",
    "UserPopularity",
    "backtest",
]
