"""Customers in segments, from their orders alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.offers.visits import Visits
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import dates, take, to_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining import Projects
    from nextbuy.orders.table import Moment, Orders

LIFECYCLE = ("first_order", "engaged", "regular", "dormant", "lost")
PRIOR_GAPS = 2.0  # how many gaps of the shop's a customer's own are weighed against


def segments(
    orders: Orders,
    *,
    as_of: Moment | None = None,
    projects: Projects | None = None,
    regular_orders: int = 4,
    dormant_days: int | None = None,
    lost_days: int | None = None,
) -> Any:
    """Put every customer into exactly one lifecycle segment, with RFM quintiles and the project under way.

    Parameters
    ----------
    orders : Orders
    as_of : date, optional
        Nothing from this moment on is used; default: everything is known.
    projects : Projects, optional
        Fitted: adds the likeliest project that is open.
    regular_orders : int, default 4
        From so many days with an order on a customer is regular, at least 2.
    dormant_days : int, optional
        Quiet for longer than so many days is dormant; default: nine of ten gaps between two order days of this shop
        are shorter.
    lost_days : int, optional
        Quiet for longer than so many days is lost; default: twice `dormant_days`.

    Returns
    -------
    frame in the orders' backend, one row a customer with an order
        `customer_id, lifecycle` ("first_order": one order day; "engaged": fewer than `regular_orders`; "regular";
        "dormant"; "lost")`, orders` (days with an order)`, first_date, last_date, quiet_days, usual_gap_days` (own mean
        gap, drawn to the shop's with the weight of two gaps)`, overdue_ratio` (quiet_days over it)`, revenue` (null
        without prices)`, recency, frequency, monetary` (quintiles, 5 is best; equals share one)`, project, stage` (null
        without `projects`, or where none is open).

    Raises
    ------
    InputError
        When there is no customer column, no order, or a parameter makes no sense.

    References
    ----------
    RFM: Hughes, Strategic Database Marketing (1994).

    Examples
    --------
    >>> import nextbuy as nb
    >>> days = {"Ana": ["01-01"], "Bo": ["01-01", "01-11", "01-21", "01-31"], "Cy": ["01-02", "01-30"]}
    >>> lines = [
    ...     {"customer_id": c, "timestamp": f"2026-{d}", "item_id": "tap"} for c, all_ in days.items() for d in all_
    ... ]
    >>> rows = nb.segments(nb.read_orders(lines), as_of="2026-02-05").sort_values("customer_id")
    >>> rows[["customer_id", "lifecycle", "orders", "quiet_days"]].values.tolist()
    [['Ana', 'dormant', 1, 34], ['Bo', 'regular', 4, 4], ['Cy', 'engaged', 2, 5]]
    """
    known = check(orders, as_of)
    visits = Visits.of(known)
    gap = visits.gaps()
    _whole("regular_orders", regular_orders, least=2)
    if dormant_days is None:
        dormant_days = max(int(np.quantile(gap, 0.9)), 1) if len(gap) else 90
    _whole("dormant_days", dormant_days, least=1)
    lost_days = 2 * dormant_days if lost_days is None else lost_days
    _whole("lost_days", lost_days, least=dormant_days)

    starts, count = visits.starts, np.diff(np.append(visits.starts, len(visits.day)))
    first, last = visits.day[starts], visits.day[starts + count - 1]
    quiet = known.end_day - 1 - last
    code = np.select(
        [quiet > lost_days, quiet > dormant_days, count >= regular_orders, count > 1], [4, 3, 2, 1], default=0
    )
    usual = float(gap.mean()) if len(gap) else float(dormant_days)
    usual_gap = (last - first + PRIOR_GAPS * usual) / (count - 1 + PRIOR_GAPS)
    value = np.add.reduceat(np.nan_to_num(visits.value), starts) if len(starts) else np.zeros(0)
    priced = bool(np.isfinite(visits.value).any())
    customer = visits.customer[starts]
    project, stage = _projects(projects, known, customer)
    return to_frame(
        {
            "customer_id": take(known.customer_ids, customer),
            "lifecycle": pa.array(LIFECYCLE).take(pa.array(code)),
            "orders": count,
            "first_date": dates(first),
            "last_date": dates(last),
            "quiet_days": quiet,
            "usual_gap_days": usual_gap,
            "overdue_ratio": quiet / np.maximum(usual_gap, 1.0),
            "revenue": value if priced else pa.nulls(len(value), pa.float64()),
            "recency": quintile(-quiet),
            "frequency": quintile(count),
            "monetary": quintile(value) if priced else pa.nulls(len(value), pa.int64()),
            "project": project,
            "stage": stage,
        },
        orders.backend,
    )


def quintile(values: NDArray[Any]) -> NDArray[np.int64]:
    """Give each value its fifth, 1 the lowest to 5 the highest; equal values share the fifth of their middle rank.

    Examples
    --------
    >>> quintile(np.array([7, 1, 1, 3, 9])).tolist()
    [4, 2, 2, 3, 5]
    """
    if not len(values):
        return np.zeros(0, np.int64)
    _, which, many = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(many) - (many - 1) / 2
    fifth = np.ceil(5 * middle / len(values))
    return np.clip(fifth, 1, 5).astype(np.int64)[which]


def check(orders: Any, as_of: Any) -> Orders:
    """Give the orders known at `as_of`; they must have customers and at least one line."""
    from nextbuy.orders.table import Orders

    if not isinstance(orders, Orders):
        raise InputError(f"orders must be Orders, not {type(orders).__name__}. Try read_orders(your_frame).")
    if not orders.has_customers:
        raise InputError(
            "These orders have no customer column, and segments are about customers. "
            "Try read_orders(..., customer='your_customer_column')."
        )
    known = orders if as_of is None else orders.before(as_of)
    if not len(known):
        raise InputError(f"There is no order before as_of={str(as_of)!r}.")
    return known


def _whole(name: str, value: Any, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"{name}={value!r} must be a whole number, at least {least}.")


def _projects(
    projects: Projects | None, known: Orders, customer: NDArray[np.int64]
) -> tuple[pa.Array, pa.Array]:
    """Give each customer's likeliest open project and how far it is."""
    if projects is None:
        return pa.nulls(len(customer), pa.string()), pa.nulls(len(customer), pa.string())
    import narwhals as nw

    found = nw.from_native(projects.of(known), eager_only=True)
    code = known.codes(found["customer_id"].to_list(), of="customer")
    # rows come likeliest first within a customer
    people, first = np.unique(code, return_index=True)
    row = np.full(known.n_customers, -1)
    row[people] = first
    mine = row[customer]
    columns = []
    for name in ("project", "stage"):
        text = pa.array([None if v is None else str(v) for v in found[name].to_list()], pa.string())
        columns.append(text.take(pa.array(mine, mask=mine < 0)))
    return columns[0], columns[1]
