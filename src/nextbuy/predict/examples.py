"""Candidates to learn from, made of some customers at a time while memory is bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders import scratch
from nextbuy.predict.history import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nextbuy.mining.exposures import Purchases
    from nextbuy.predict.candidates import Candidates, Sources
    from nextbuy.predict.history import History

MOST_CUSTOMERS = 10_000  # looked at at once: about 1 GB of those who bought 200 items
BYTES_A_CUSTOMER = 100_000


def few_customers(events: Purchases, most: int = MOST_CUSTOMERS) -> Iterator[tuple[int, Purchases]]:
    """Cut events into those of `most` customers, or of fewer that fit; numbered from 0, with the first one's number."""
    most = scratch.fitting(most, BYTES_A_CUSTOMER)
    for first in range(0, max(events.n_customers, 1), most):
        yield first, events.between(first, first + most)


def examples(
    make: Callable[[History, Sources], Candidates], timeline: Timeline, cut: int, sources: Sources
) -> Candidates:
    """Make the candidates of all customers as of day `cut`; no triggers and no pairs are kept with them."""
    if timeline.events.n_customers <= scratch.fitting(MOST_CUSTOMERS, BYTES_A_CUSTOMER):
        return make(timeline.before(cut), sources)
    features, parts = scratch.Growing(np.float32), []
    for first, events in few_customers(timeline.events):
        made = make(Timeline.of(events).before(cut), sources)
        features.add(made.features.ravel())
        parts.append(replace(made, customer=made.customer + first, features=made.features[:0], triggers=()))
    customer, item, closed_form, strength = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("customer", "item", "closed_form", "strength")
    )
    names, none = parts[0].names, np.full((len(customer), 3), -1)
    return replace(
        parts[0],
        customer=customer,
        item=item,
        features=features.array().reshape(len(customer), len(names)),
        closed_form=closed_form,
        pair=none[:, 0],
        trigger=none[:, 1:],
        strength=strength,
    )
