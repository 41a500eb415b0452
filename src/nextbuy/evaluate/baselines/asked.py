"""Whose histories a baseline is asked about: those it was fitted on, or others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nextbuy.mining.exposures import purchases
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.table import codes_of, to_us
from nextbuy.predict.asked import as_orders, in_codes, of_customers
from nextbuy.predict.history import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders
    from nextbuy.predict.history import History


@dataclass(frozen=True)
class Known:
    """What a baseline was fitted on.

    Attributes
    ----------
    history : History
    customer_ids, item_ids : pyarrow.Array
    """

    history: History
    customer_ids: pa.Array
    item_ids: pa.Array

    @classmethod
    def of(cls, orders: Orders) -> Self:
        """Take all orders."""
        events = purchases(orders)
        return cls(Timeline.of(events).before(events.end), orders.customer_ids, orders.item_ids)


@dataclass(frozen=True)
class Asked:
    """Whom to answer for.

    Attributes
    ----------
    history : History
        In the item codes of `Known`, one customer a row of the answer.
    customer_ids : pyarrow.Array
    known : ndarray of int64
        Code of each customer in `Known`, -1 for those who are not in it.
    backend : str
        The caller's kind of frame; "" where nothing was given.
    """

    history: History
    customer_ids: pa.Array
    known: NDArray[np.int64]
    backend: str = ""

    @classmethod
    def of(cls, known: Known, orders: Any, as_of: Any, customers: Sequence[Any] | None) -> Self:
        """Take the histories that were given (None: those known) up to `as_of`, of some customers (None: all)."""
        cut = known.history.cut
        if as_of is not None:
            if to_us(as_of) < cut * DAY_US:
                raise InputError(
                    f"This baseline knows the orders until {np.datetime64(cut, 'D')}; as_of={str(as_of)!r} lies before "
                    f"that. Try fit(orders, as_of={str(as_of)!r})."
                )
            cut = -(-to_us(as_of) // DAY_US)
        given = None if orders is None else as_orders(orders, as_of)
        if given is None and as_of is None and customers is None:
            return cls(known.history, known.customer_ids, np.arange(known.history.n_customers))
        if given is None:
            events, ids = known.history.events, known.customer_ids
        else:
            given = given if as_of is None else given.before(as_of)
            ids, events = given.customer_ids, in_codes(given, known.item_ids)
            cut = cut if as_of is not None else max(cut, int(given.day.max(initial=0)) + 1)
        backend = "" if given is None else given.backend
        if customers is not None:
            events, ids = of_customers(events, ids, customers)
        return cls(
            Timeline.of(events).before(cut), ids, codes_of(known.customer_ids, ids.to_pylist()), backend
        )
