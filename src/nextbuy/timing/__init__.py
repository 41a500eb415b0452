"""When: repurchase intervals, windows, and how active a customer is."""

from nextbuy.timing.activity import CustomerActivity

__all__ = ["CustomerActivity"]
