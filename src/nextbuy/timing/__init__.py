"""When: repurchase intervals and windows."""
