"""The rest of a project as a dated series of messages that stops where the customer buys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, dates, to_frame
from nextbuy.orders.table import to_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.mining import Projects
    from nextbuy.orders.table import Moment, Orders


def nurture_series(
    projects: Projects,
    orders: Orders,
    *,
    as_of: Moment | None = None,
    customers: Sequence[Any] | None = None,
    lead_days: int = 7,
    gap_days: int = 7,
) -> Any:
    """Date the missing steps of each customer's open projects.

    The days are those on which the project's buyers usually come to a step, `lead_days` earlier, at least `gap_days`
    apart, counted from the customer's own start. They depend on nothing bought later: a purchase takes its step out
    and moves no other, and a project that is complete or given up has no row left.

    Parameters
    ----------
    projects : Projects
        Fitted.
    orders : Orders
    as_of : date, optional
        Nothing from this moment on is used; default: the midnight after the last order.
    customers : sequence of ids, optional
        Only these.
    lead_days : int, default 7
        A message comes so many days before the step's usual day.
    gap_days : int, default 7
        Days between two steps of a series.

    Returns
    -------
    frame in the orders' backend, by customer, project and date
        `customer_id, project, stage, step, steps` (the step's place in the project, and of how many)`, item_id, share`
        (of the start's buyers who come to it)`, send_on, status` ("to_come", "passed": its day lies before as_of).

    Raises
    ------
    InputError
        When a number of days makes no sense.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> projects = nb.Projects().fit(nb.SequentialRules(level="category").fit(orders))
    >>> series = nb.nurture_series(projects, orders, as_of="2026-01-15")
    >>> bool((series[series["status"] == "to_come"]["send_on"] >= "2026-01-15").all())
    True
    """
    for name, value in (("lead_days", lead_days), ("gap_days", gap_days)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{name}={value!r} must be a whole number, at least 0.")
    now = nw.from_native(projects.of(orders, as_of=as_of, customers=customers), eager_only=True)
    items = nw.from_native(projects.items_, eager_only=True)
    plan = items.filter(nw.col("role").is_in(["start", "step"]))
    today = (to_us(orders.end if as_of is None else as_of)) // DAY_US
    offset: dict[str, dict[Any, tuple[int, float, Any]]] = {}
    for name, item, day, share in plan.select("project", "item_id", "usual_day", "share").iter_rows():
        steps = offset.setdefault(name, {})
        before = max((at for _, at, _ in steps.values()), default=-np.inf)
        # the start has no message: its day only anchors the others
        steps[item] = (len(steps) + 1, max(day - lead_days, before + gap_days) if steps else day, share)
    usual = {
        (name, item): day for name, item, day in items.select("project", "item_id", "usual_day").iter_rows()
    }
    rows: list[tuple[Any, ...]] = []
    asked = now.select("customer_id", "project", "stage", "missing", "started")
    for (customer, project, stage, missing, _), day in zip(
        asked.iter_rows(), _anchors(now, usual, projects, orders), strict=True
    ):
        steps, anchor = offset[project], day
        rows += [
            (
                customer,
                project,
                stage,
                steps[item][0],
                len(steps),
                item,
                steps[item][2],
                anchor + steps[item][1],
            )
            for item in missing
            if item in steps and steps[item][0] > 1
        ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(8)]
    day = np.ceil(np.array(columns[7], np.float64))
    table = pa.table(
        {
            "customer_id": pa.array(columns[0], orders.customer_ids.type),
            "project": pa.array(columns[1], pa.string()),
            "stage": pa.array(columns[2], pa.string()),
            "step": pa.array(columns[3], pa.int64()),
            "steps": pa.array(columns[4], pa.int64()),
            "item_id": pa.array(columns[5], projects.item_ids_.type),
            "share": pa.array(columns[6], pa.float64(), from_pandas=True),
            "send_on": dates(day),
            "status": pa.array(np.where(day >= today, "to_come", "passed").tolist(), pa.string()),
        }
    )
    by = [(name, "ascending") for name in ("customer_id", "project", "send_on", "step")]
    return to_frame(table.sort_by(by), orders.backend)


def _anchors(
    now: Any, usual: dict[tuple[str, Any], float], projects: Projects, orders: Orders
) -> list[float]:
    """Give by project the day on which its start would have been bought, from what the customer began with."""
    level = orders.level(projects.level_)
    customer = level.codes(now["customer_id"].to_list(), of="customer")
    began = np.asarray(now["started"].to_numpy(), "datetime64[D]").astype(np.int64)
    wanted = set(zip(customer.tolist(), began.tolist(), strict=True))
    known = np.unique(customer << 22 | began)
    lines = np.flatnonzero(np.isin(level.customer.astype(np.int64) << 22 | level.day, known))
    first: dict[tuple[int, int], list[Any]] = {key: [] for key in wanted}
    names = level.item_ids.to_pylist()
    where = zip(*(values[lines].tolist() for values in (level.customer, level.day, level.item)), strict=True)
    for who, day, item in where:
        first[who, day].append(names[item])
    rows = zip(customer.tolist(), began.tolist(), now["project"].to_list(), strict=True)
    return [
        day - min((usual[name, i] for i in first[who, day] if (name, i) in usual), default=0.0)
        for who, day, name in rows
    ]
