"""What each customer buys again and again, at which cadence, and when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.mining.exposures import purchases
from nextbuy.mining.parameters import check_share, check_whole
from nextbuy.orders.frames import dates, take, to_frame
from nextbuy.orders.table import check_orders
from nextbuy.timing.repurchase import fit_intervals, remaining, rhythm

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders

P10 = -1.2815515655446004


def replenishment(
    orders: Orders, *, as_of: Any = None, min_purchases: int = 2, min_repeat_share: float = 0.1
) -> Any:
    """List what customers buy again, with their own cadence and the days in which it is due.

    The gaps between a customer's purchase days of an item are log-normal; their mean and spread are drawn to the
    item's, the item's to the category's. Nothing is said about durables.

    Parameters
    ----------
    orders : Orders
    as_of : date, datetime or str, optional
        Nothing from this moment on is used; default: everything is known.
    min_purchases : int, default 2
        Fewest days on which the customer bought the item. 1 lists first purchases too, with the item's cadence.
    min_repeat_share : float, default 0.1
        Items of which a smaller share of the buyers came back (drawn to the share of all items) are nobody's routine
        and left out, as are those that the catalog calls durable.

    Returns
    -------
    frame
        One row a customer and item, most overdue first: `customer_id, item_id, purchases` (days)`, last_date,
        elapsed_days, cadence_p10, cadence_p50, cadence_p90` (days between purchases)`, regularity` (0 to 1: 1 is a
        clock)`, timing_signal` (`strong`, `weak`, `none`)`, overdue` (elapsed over cadence_p50)`, is_overdue` (beyond
        cadence_p90)`, due_from, due_date, due_until` (10, 50 and 90 % of the purchases still to come have come)`,
        repeat_share`.

    Raises
    ------
    InputError
        When there is no customer column, or a parameter makes no sense.

    Examples
    --------
    >>> import nextbuy as nb
    >>> days = ["2026-01-01", "2026-01-31", "2026-03-02", "2026-04-01"]
    >>> lines = [{"customer_id": "Al", "order_id": d, "timestamp": d, "item_id": "filter"} for d in days]
    >>> due = nb.replenishment(nb.read_orders(lines), as_of="2026-04-21")
    >>> due[["item_id", "purchases", "elapsed_days", "is_overdue"]].to_dict("records")
    [{'item_id': 'filter', 'purchases': 4, 'elapsed_days': 19, 'is_overdue': False}]
    """
    check_orders(orders, need="Cadences are those of customers", call="replenishment")
    check_whole("min_purchases", min_purchases, least=1)
    check_share("min_repeat_share", min_repeat_share, example=0.1)
    if as_of is not None:
        orders = orders.before(as_of)
    events = purchases(orders)
    category, durable = _catalog(orders)
    intervals = fit_intervals(events, category=category)
    n = max(events.n_items, 1)
    pair, row = np.unique(events.customer.astype(np.int64) * n + events.item, return_inverse=True)
    customer, item = pair // n, pair % n
    days = np.bincount(row, minlength=len(pair))
    last = np.zeros(len(pair), np.int64)
    np.maximum.at(last, row, events.day)
    again = ~events.first
    log = np.log((events.day[again] - events.previous[again]).astype(np.float64))
    mean_log = np.bincount(row[again], log, len(pair)) / np.maximum(days - 1, 1)
    square_log = np.bincount(row[again], (log - mean_log[row[again]]) ** 2, len(pair))
    share = intervals.repeat_share
    keep = (days >= min_purchases) & (share[item] >= min_repeat_share) & ~durable[item]
    customer, item, days, last = customer[keep], item[keep], days[keep], last[keep]
    mean, spread = intervals.own(item, days - 1, mean_log[keep], square_log[keep])
    elapsed = (events.end - 1 - last).astype(np.float64)
    middle = np.exp(mean)
    by = np.lexsort((item, customer, -elapsed / middle))

    def column(values: NDArray) -> NDArray:
        return values[by]

    ahead = {
        name: dates(events.end + np.floor(column(remaining(mean, spread, elapsed, part))))
        for name, part in (("due_from", 0.1), ("due_date", 0.5), ("due_until", 0.9))
    }
    return to_frame(
        {
            "customer_id": take(orders.customer_ids, customer[by]),
            "item_id": take(orders.item_ids, item[by]),
            "purchases": column(days),
            "last_date": dates(column(last)),
            "elapsed_days": column(elapsed).astype(np.int64),
            "cadence_p10": column(np.exp(mean + P10 * spread)),
            "cadence_p50": column(middle),
            "cadence_p90": column(np.exp(mean - P10 * spread)),
            "regularity": column(np.exp(-spread)),
            "timing_signal": pa.array(column(rhythm(spread, days - 1)).tolist(), pa.string()),
            "overdue": column(elapsed / middle),
            "is_overdue": column(elapsed > np.exp(mean - P10 * spread)),
            **ahead,
            "repeat_share": column(share[item]),
        },
        orders.backend,
    )


def _catalog(orders: Orders) -> tuple[NDArray[np.int32] | None, NDArray[np.bool_]]:
    """Each item's category code (None without categories), and whether it is durable."""
    category, durable = None, np.zeros(orders.n_items, dtype=bool)
    if orders.catalog is None:
        return category, durable
    if "category" in orders.catalog.columns:
        coded = orders.catalog.column("category", orders.item_ids).cast(pa.string()).dictionary_encode()
        category = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    if "durable" in orders.catalog.columns:
        told = pc.fill_null(orders.catalog.column("durable", orders.item_ids), fill_value=False)
        durable = told.to_numpy(zero_copy_only=False).astype(bool)
    return category, durable
