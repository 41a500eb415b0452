"""A generated shop: its orders, its catalog, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Dataset:
    """Orders with a known truth. Frames are of the kind that was asked for.

    Attributes
    ----------
    orders : frame
        `customer_id, order_id, timestamp, item_id, quantity, price`: one row a line, by time; a negative
        quantity is a return, in an order of its own; price in EUR a piece.
    catalog : frame
        `item_id, name, category, price, unit_margin, stock, durable, substitutes_group, quantity_per`: margin
        in EUR a piece; `quantity_per` is how many pieces go with one piece of the item it completes.
    truth : frame
        `project, antecedent, consequent, level, share, lag_family, lag_mean_days, lag_p10, lag_p50, lag_p90,
        kind`, see `nextbuy.datasets.truth_table`.
    customers : frame or None
        `customer_id, joined, left, activity, taste`: true traits; `left` is null for those who stay.
    events : frame or None
        `customer_id, project, antecedent, consequent, antecedent_date, lag_days, planned, happened`: one row
        for each customer who bought a link's antecedent in its project; `planned` without `happened` is a
        customer who left, or whose purchase lies after the end of the data.
    """

    orders: Any
    catalog: Any
    truth: Any
    customers: Any = None
    events: Any = None
