"""Batch jobs: `nextbuy check`, `fit`, `rules`, `score`, `backtest`, `inspect`, `demo`."""

from nextbuy.cli.app import app, main

__all__ = ["app", "main"]
