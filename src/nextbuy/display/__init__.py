"""What you see: plots and reports."""

from __future__ import annotations

from nextbuy.display import plot
from nextbuy.display.report import write_report

__all__ = ["plot", "write_report"]
