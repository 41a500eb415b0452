"""Do customers come back: the way from order to order, cohorts, and the money of those who return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.mining.measures import wilson_interval
from nextbuy.offers.segments import check
from nextbuy.offers.visits import Visits
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import dates, to_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Moment, Orders


def order_funnel(
    orders: Orders, *, as_of: Moment | None = None, within_days: int = 90, most_orders: int = 10
) -> Any:
    """Count how many customers come from the first order to the second, from the second to the third, and so on.

    Parameters
    ----------
    orders : Orders
    as_of : date, optional
        Nothing from this moment on is used.
    within_days : int, default 90
        Those watched for fewer days after an order are in `customers`, not in `watched`.
    most_orders : int, default 10
        Rows.

    Returns
    -------
    frame in the orders' backend, one row an order number
        `order_number, customers` (who made so many orders; several of a day are one)`, watched` (for at least
        `within_days` after it)`, returned` (of these, who ordered again within them)`, share, share_low, share_high`
        (Wilson)`, days_p25, days_p50, days_p75` (to the next order, of all who came back).

    Examples
    --------
    >>> import nextbuy as nb
    >>> days = {"Ana": ["01-01"], "Bo": ["01-01", "01-11", "03-21"], "Cy": ["01-02", "01-30"]}
    >>> lines = [
    ...     {"customer_id": c, "timestamp": f"2026-{d}", "item_id": "tap"} for c, all_ in days.items() for d in all_
    ... ]
    >>> nb.order_funnel(nb.read_orders(lines), within_days=30)[["order_number", "customers", "watched", "returned"]]
       order_number  customers  watched  returned
    0             1          3        3         2
    1             2          2        2         0
    2             3          1        0         0
    """
    _least("within_days", within_days)
    _least("most_orders", most_orders)
    known = check(orders, as_of)
    visits = Visits.of(known)
    came_back = np.append(visits.number[1:] > 1, [False])
    wait = np.where(came_back, np.append(visits.day[1:], 0) - visits.day, -1)
    seen = known.end_day - 1 - visits.day >= within_days
    most = min(int(visits.number.max()), most_orders)
    inside = visits.number <= most
    number = visits.number[inside]
    customers, watched, returned = (
        np.bincount(number[mask[inside]], minlength=most + 1)[1:]
        for mask in (np.ones_like(seen), seen, seen & came_back & (wait <= within_days))
    )
    low, high = wilson_interval(returned.astype(np.float64), np.maximum(watched, 1).astype(np.float64))
    some = watched > 0
    quantiles = np.full((most, 3), np.nan)
    for n in range(1, most + 1):
        mine = wait[came_back & (visits.number == n)]
        if len(mine):
            quantiles[n - 1] = np.quantile(mine, [0.25, 0.5, 0.75])
    return to_frame(
        {
            "order_number": np.arange(1, most + 1),
            "customers": customers,
            "watched": watched,
            "returned": returned,
            "share": _known(returned / np.maximum(watched, 1), some),
            "share_low": _known(low, some),
            "share_high": _known(high, some),
            **{f"days_p{q}": pa.array(quantiles[:, j], from_pandas=True) for j, q in enumerate((25, 50, 75))},
        },
        orders.backend,
    )


def cohort_retention(orders: Orders, *, as_of: Moment | None = None) -> Any:
    """Follow the customers of each first month through the months after it.

    Parameters
    ----------
    orders : Orders
    as_of : date, optional
        Nothing from this moment on is used.

    Returns
    -------
    frame in the orders' backend, one row a cohort and month
        `cohort` (first day of the month of the first order)`, month` (0: that month itself)`, customers` (of the
        cohort)`, active` (who ordered in that month)`, share, complete` (false where the month has not ended).

    Examples
    --------
    >>> import nextbuy as nb
    >>> days = {"Ana": ["01-01"], "Bo": ["01-05", "02-11"], "Cy": ["02-02"]}
    >>> lines = [
    ...     {"customer_id": c, "timestamp": f"2026-{d}", "item_id": "tap"} for c, all_ in days.items() for d in all_
    ... ]
    >>> nb.cohort_retention(nb.read_orders(lines))[["month", "customers", "active", "share", "complete"]]
       month  customers  active  share  complete
    0      0          2       2    1.0      True
    1      1          2       1    0.5     False
    2      0          1       1    1.0     False
    """
    known = check(orders, as_of)
    visits = Visits.of(known)
    month = _months(visits.day)
    first = np.repeat(month[visits.starts], np.diff(np.append(visits.starts, len(month))))
    start, last = int(first.min()), int(_months(np.array([known.end_day - 1]))[0])
    width = last - start + 1
    # a customer counts once a month
    cell = np.unique((visits.customer * width + month - start) * width + first - start)
    seen, cohort = (cell // width) % width, cell % width
    active = np.bincount(cohort * width + seen - cohort, minlength=width * width).reshape(width, width)
    people = np.bincount(month[visits.starts] - start, minlength=width)
    cohort, after = np.nonzero((people > 0)[:, None] & (np.arange(width) + np.arange(width)[:, None] < width))
    ended = (np.datetime64(start, "M") + cohort + after + 1).astype("datetime64[D]").astype(np.int64)
    return to_frame(
        {
            "cohort": dates((np.datetime64(start, "M") + cohort).astype("datetime64[D]").astype(np.float64)),
            "month": after,
            "customers": people[cohort],
            "active": active[cohort, after],
            "share": active[cohort, after] / people[cohort],
            "complete": pa.array(ended <= known.end_day),
        },
        orders.backend,
    )


def repeat_revenue(orders: Orders, *, as_of: Moment | None = None) -> Any:
    """Split each month's revenue into that of first order days and that of customers who came back.

    Parameters
    ----------
    orders : Orders
        With prices.
    as_of : date, optional
        Nothing from this moment on is used.

    Returns
    -------
    frame in the orders' backend, one row a month with an order
        `month` (its first day)`, customers, new_customers, revenue, repeat_revenue, repeat_share`.

    Raises
    ------
    InputError
        When no line has a price.

    Examples
    --------
    >>> import nextbuy as nb
    >>> days = {"Ana": ["01-01"], "Bo": ["01-05", "02-11"], "Cy": ["02-02"]}
    >>> lines = [
    ...     {"customer_id": c, "timestamp": f"2026-{d}", "item_id": "tap", "quantity": 1, "price": 10.0}
    ...     for c, all_ in days.items() for d in all_
    ... ]
    >>> nb.repeat_revenue(nb.read_orders(lines))[["revenue", "repeat_revenue", "repeat_share"]]
       revenue  repeat_revenue  repeat_share
    0     20.0             0.0           0.0
    1     20.0            10.0           0.5
    """
    known = check(orders, as_of)
    visits = Visits.of(known)
    if not np.isfinite(visits.value).any():
        raise InputError(
            "No line has a price, so there is no revenue. Try read_orders(..., price='your_column')."
        )
    months, which = np.unique(_months(visits.day), return_inverse=True)
    value, again = np.nan_to_num(visits.value), visits.number > 1
    pair = np.unique(which * known.n_customers + visits.customer)
    revenue = np.bincount(which, value)
    repeat = np.bincount(which, np.where(again, value, 0.0))
    return to_frame(
        {
            "month": dates(months.astype("datetime64[M]").astype("datetime64[D]").astype(np.float64)),
            "customers": np.bincount(pair // known.n_customers),
            "new_customers": np.bincount(which, ~again).astype(np.int64),
            "revenue": revenue,
            "repeat_revenue": repeat,
            "repeat_share": _known(
                np.divide(repeat, revenue, where=revenue > 0, out=repeat * 0), revenue > 0
            ),
        },
        orders.backend,
    )


def _months(day: NDArray[np.int64]) -> NDArray[np.int64]:
    months: NDArray[np.int64] = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months


def _known(values: NDArray[np.float64], some: NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=~some)


def _least(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name}={value!r} must be a whole number, at least 1.")
