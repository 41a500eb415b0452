"""Was it right: metrics, baselines, backtest."""

from __future__ import annotations

from nextbuy.evaluate.backtest import Report, backtest
from nextbuy.evaluate.baselines import PersonalFrequency, Popularity

__all__ = ["PersonalFrequency", "Popularity", "Report", "backtest"]
