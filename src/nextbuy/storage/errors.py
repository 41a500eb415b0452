"""What is raised when a stored directory cannot be trusted."""

from __future__ import annotations

from nextbuy.orders.errors import InputError


class BundleError(InputError):
    """A stored model cannot be written or used; the message says which, why, and what to do."""


class RunError(InputError):
    """An output directory cannot be written to; the message says why, and what to do."""
