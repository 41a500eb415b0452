"""When: repurchase intervals, windows, and how active a customer is."""

from nextbuy.timing.activity import CustomerActivity
from nextbuy.timing.replenishment import replenishment

__all__ = ["CustomerActivity", "replenishment"]
