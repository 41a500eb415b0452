"""Who buys what next."""

from __future__ import annotations

from nextbuy.predict.next_purchase import NextPurchase

__all__ = ["NextPurchase"]
