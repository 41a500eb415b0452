"""Customers in parts that are counted apart: the one way in which anything is learned from them.

Whatever is counted of customers adds up (`count(part) + count(part)`), and what is concluded is concluded from the
sum. So one table, parts of it one after the other, parts on several cores and parts on several machines all teach the
same, to the bit: every count is a whole number, or a float in grains that add up exactly.
"""

from __future__ import annotations

from dataclasses import Field, fields
from functools import partial, reduce
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases

MOST_EVENTS = 4_000_000  # of a part: about 1 GB while it is counted
BYTES_AN_EVENT = 250
GRAIN = 2.0**-24  # sums of up to 2**29 values of at most 1 are exact


class Parts(Protocol):
    """What is learned from. `count` and `change` are functions of a module, which can be sent elsewhere."""

    def total(self, count: Callable[..., Any], **given: Any) -> Any:
        """Give the sum of `count(part, **given)` over all parts."""

    def each(self, change: Callable[..., Any], **given: Any) -> Any:
        """Give the parts that `change(part, **given)` makes of these; they are made when they are counted."""

    def kept(self) -> Any:
        """Give the same parts, made now and once, for several counts to come."""


class Counts:
    """What was counted of some customers: a dataclass whose fields add up to what is counted of all."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


class Whole:
    """One part that is all there is."""

    def total(self, count: Callable[..., Any], **given: Any) -> Any:
        """Give the count itself."""
        return count(self, **given)

    def each(self, change: Callable[..., Any], **given: Any) -> Any:
        """Give what `change` makes of it."""
        return change(self, **given)

    def kept(self) -> Self:
        """Give itself."""
        return self


class Listed:
    """Parts in memory, counted one after the other."""

    def __init__(self, parts: Sequence[Any], changes: tuple[Callable[[Any], Any], ...] = ()) -> None:
        self.parts, self.changes = list(parts), changes

    def total(self, count: Callable[..., Any], **given: Any) -> Any:
        """Give the sum of `count(part, **given)` over all parts."""
        return reduce(add, (count(made(part, self.changes), **given) for part in self.parts))

    def each(self, change: Callable[..., Any], **given: Any) -> Self:
        """Give the parts that `change(part, **given)` makes of these."""
        return type(self)(self.parts, (*self.changes, partial(change, **given)))

    def kept(self) -> Self:
        """Give the same parts, made now."""
        return type(self)([made(part, self.changes) for part in self.parts])


def made(part: Any, changes: Sequence[Callable[[Any], Any]]) -> Any:
    """Give what the changes make of a part, one after the other."""
    return reduce(lambda so_far, change: change(so_far), changes, part)


def split(events: Purchases, *, most: int | None = None) -> list[Purchases]:
    """Cut events into parts of whole customers, about equal and of about `most` events, without a copy."""
    return [events.where(rows) for rows in whole_customers(events.customer, most=most)]


def whole_customers(customer: NDArray[np.int32], *, most: int | None = None) -> list[slice]:
    """Cut rows, sorted by customer, into slices of whole customers, about equal and of about `most` rows."""
    many = max(-(-len(customer) // (most or scratch.fitting(MOST_EVENTS, BYTES_AN_EVENT))), 1)
    middle = np.linspace(0, len(customer), many + 1).astype(np.int64)[1:-1]
    cuts = [0, *np.searchsorted(customer, customer[middle]).tolist(), len(customer)]
    return [slice(*ends) for ends in pairwise(cuts) if many == 1 or ends[0] < ends[1]]


def in_grains(values: NDArray[np.float64], grain: float = GRAIN) -> NDArray[np.float64]:
    """Round to whole grains, whose sums come out the same in any order."""
    return np.asarray(np.round(values / grain) * grain)
