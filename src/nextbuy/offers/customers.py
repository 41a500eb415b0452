"""Lists for people: whom to call and why, where each customer stands, what their projects still need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.segments import segments
from nextbuy.orders.frames import dates, take
from nextbuy.orders.ids import one_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining import Projects
    from nextbuy.offers.plan import OfferPlan
    from nextbuy.orders.table import Orders

LAST = 3  # purchases shown to who calls


def call_list(plan: OfferPlan, orders: Orders, *, projects: Projects | None = None) -> pa.Table:
    """Give sales staff one row for each customer with an offer, the earliest call first, the worthiest first of a day.

    Parameters
    ----------
    plan : OfferPlan
    orders : Orders
        Known at the plan's as_of.
    projects : Projects, optional
        Fitted: says what is missing.

    Returns
    -------
    pyarrow.Table
        `customer_id, call_on, call_until, item_id, item_name, why_now, last_purchases` (up to three orders, the latest
        first)`, project, stage, missing` (steps joined by ", ")`, other_offers, coupon_code, channel, expected_value,
        offer_id`.
    """
    sent = plan.delivery_table
    ids = pc.cast(one_array(sent.column("customer_id")), pa.string())
    first = sent.filter(pc.equal(sent.column("offer_rank"), 1))
    who = pc.cast(one_array(first.column("customer_id")), pa.string())
    names = pc.coalesce(
        one_array(sent.column("item_name")), pc.cast(one_array(sent.column("item_id")), pa.string())
    )
    others: dict[str, list[str]] = {}
    for one, name, rank in zip(
        ids.to_pylist(), names.to_pylist(), sent.column("offer_rank").to_pylist(), strict=True
    ):
        if rank > 1:
            others.setdefault(one, []).append(name)
    code = orders.codes(who.to_pylist(), of="customer")
    about = pc.coalesce(
        one_array(first.column("category")), pc.cast(one_array(first.column("item_id")), pa.string())
    )
    project, stage, missing = _open_projects(projects, orders, code, about.to_pylist())
    table = pa.table(
        {
            "customer_id": first.column("customer_id"),
            "call_on": first.column("send_on"),
            "call_until": first.column("expires_on"),
            "item_id": first.column("item_id"),
            "item_name": first.column("item_name"),
            "why_now": first.column("reason"),
            "last_purchases": last_purchases(orders).take(pa.array(code, mask=code < 0)),
            "project": project,
            "stage": stage,
            "missing": missing,
            "other_offers": pa.array(
                ["; ".join(others.get(w, [])) or None for w in who.to_pylist()], pa.string()
            ),
            "coupon_code": first.column("coupon_code"),
            "channel": first.column("channel"),
            "expected_value": first.column("expected_value"),
            "offer_id": first.column("offer_id"),
        }
    )
    return table.sort_by(
        [("call_on", "ascending"), ("expected_value", "descending"), ("offer_id", "ascending")]
    )


def last_purchases(orders: Orders) -> pa.Array:
    """Give by customer code the last three orders, the latest first: "2026-05-12 Tiles, white and 4 more; ...".

    Each order is named by its dearest line.
    """
    value = np.nan_to_num(orders.quantity * orders.price)
    # of each order the dearest line stands first
    by = np.lexsort((orders.item, -value, orders.order))
    new = np.ones(len(by), dtype=bool)
    new[1:] = orders.order[by][1:] != orders.order[by][:-1]
    lead = by[new]
    many = np.diff(np.append(np.flatnonzero(new), len(by)))
    latest = np.lexsort((orders.order[lead], -orders.time[lead], orders.customer[lead]))
    lead, many = lead[latest], many[latest]
    rank = np.arange(len(lead)) - np.searchsorted(orders.customer[lead], orders.customer[lead])
    few = rank < LAST
    lead, many, rank = lead[few], many[few], rank[few]
    customer = orders.customer[lead]
    known = orders.catalog
    ids = pc.cast(orders.item_ids, pa.string())
    if known is not None and "name" in known.columns:
        ids = pc.coalesce(pc.cast(known.column("name", orders.item_ids), pa.string()), ids)
    day = pc.strftime(dates(orders.day[lead]).cast(pa.timestamp("s")), "%Y-%m-%d ")
    more = pa.array([f" and {n - 1} more" if n > 1 else "" for n in many.tolist()], pa.string())
    one = pc.binary_join_element_wise(day, take(ids, orders.item[lead]), more, "")
    parts = []
    for place in range(LAST):
        row = np.full(orders.n_customers, -1)
        row[customer[rank == place]] = np.flatnonzero(rank == place)
        parts.append(one.take(pa.array(row, mask=row < 0)))
    return pc.binary_join_element_wise(*parts, "; ", null_handling="skip")


def _open_projects(
    projects: Projects | None, orders: Orders, code: NDArray[np.int64], about: list[str]
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Give the open project that each call is `about`, else the likeliest: its name, stage, what is missing."""
    if projects is None:
        empty = pa.nulls(len(code), pa.string())
        return empty, empty, empty
    import narwhals as nw

    found = nw.from_native(projects.of(orders), eager_only=True)
    items = nw.from_native(projects.items_, eager_only=True)
    home = {str(item): name for name, item in items.select("project", "item_id").iter_rows()}
    names = [str(v) for v in found["project"].to_list()]
    who = orders.codes(found["customer_id"].to_list(), of="customer").tolist()
    row: dict[tuple[int, str], int] = {}
    for place, (person, name) in enumerate(zip(who, names, strict=True)):
        row[person, name] = place
        row.setdefault((person, ""), place)  # rows come likeliest first within a customer
    mine = np.array(
        [
            row.get((person, home.get(what, "")), row.get((person, ""), -1))
            for person, what in zip(code.tolist(), about, strict=True)
        ],
        np.int64,
    )
    mine[code < 0] = -1
    missing = [", ".join(str(i).replace("_", " ") for i in lack) for lack in found["missing"].to_list()]
    columns = (names, [str(v) for v in found["stage"].to_list()], missing)
    project, stage, lack = (
        pa.array(values, pa.string()).take(pa.array(mine, mask=mine < 0)) for values in columns
    )
    return project, stage, lack


def customer_table(plan: OfferPlan, orders: Orders, *, projects: Projects | None = None) -> pa.Table:
    """Say where each customer stands: segment, how overdue, and until when to act.

    Customers held out are listed with their segment, without an offer and a date to act.

    Parameters
    ----------
    plan : OfferPlan
    orders : Orders
        Known at the plan's as_of.
    projects : Projects, optional

    Returns
    -------
    pyarrow.Table
        The columns of `segments`, then `arm` (treatment, control; null: no offer)`, offers, next_item_id,
        next_item_name, next_send_on, act_before` (the earliest day on which an offer expires).
    """
    rows = _arrow(segments(orders, projects=projects))
    all_ = plan.offers_table
    code = orders.codes(
        pc.cast(one_array(all_.column("customer_id")), pa.string()).to_pylist(), of="customer"
    )
    asked = orders.codes(
        pc.cast(one_array(rows.column("customer_id")), pa.string()).to_pylist(), of="customer"
    )
    n = orders.n_customers
    control = np.asarray(one_array(all_.column("control")))
    known = code >= 0
    arm = np.full(n, -1)
    arm[code[known]] = control[known]
    sent = np.flatnonzero(known & ~control)
    count = np.bincount(code[sent], minlength=n)
    lead = np.full(n, -1)
    best = sent[np.asarray(one_array(all_.column("offer_rank")))[sent] == 1]
    lead[code[best]] = best
    ends = one_array(all_.column("expires_on")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    act = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(act, code[sent], ends[sent])
    row = pa.array(lead[asked], mask=lead[asked] < 0)

    def of_lead(name: str) -> pa.Array:
        return one_array(all_.column(name)).take(row)

    arms = pa.array(["treatment", "control"])
    more = {
        "arm": arms.take(pa.array(arm[asked], mask=arm[asked] < 0)),
        "offers": pa.array(count[asked], pa.int64()),
        "next_item_id": of_lead("item_id"),
        "next_item_name": of_lead("item_name"),
        "next_send_on": of_lead("send_on"),
        "act_before": pa.array(act[asked], mask=count[asked] == 0).cast(pa.timestamp("us")),
    }
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows


def checklist_table(plan: OfferPlan, orders: Orders, projects: Projects) -> pa.Table:
    """List the steps of the open projects of those who get an offer, done and missing, in usual order.

    Returns
    -------
    pyarrow.Table
        `customer_id, project, stage, step, item_id, done, share` (of the start's buyers who come to it)`, next_from,
        next_date, next_until` (when the likeliest missing step is due; null for the others).
    """
    import narwhals as nw

    sent = set(map(str, plan.delivery_table.column("customer_id").to_pylist()))
    now = nw.from_native(projects.of(orders), eager_only=True)
    items = nw.from_native(projects.items_, eager_only=True).filter(nw.col("role").is_in(["start", "step"]))
    steps: dict[str, list[tuple[Any, Any]]] = {}
    for name, item, share in items.select("project", "item_id", "share").iter_rows():
        steps.setdefault(name, []).append((item, share))
    rows: list[tuple[Any, ...]] = []
    asked = now.select(
        "customer_id", "project", "stage", "owned", "next_item", "next_from", "next_date", "next_until"
    )
    for customer, project, stage, owned, following, *when in asked.iter_rows():
        if str(customer) in sent:
            has = set(owned)
            rows += [
                (customer, project, stage, at, item, item in has, share)
                + (tuple(when) if item == following else (None, None, None))
                for at, (item, share) in enumerate(steps[project], 1)
            ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(10)]
    kinds = {
        "customer_id": orders.customer_ids.type,
        "project": pa.string(),
        "stage": pa.string(),
        "step": pa.int64(),
        "item_id": projects.item_ids_.type,
        "done": pa.bool_(),
        "share": pa.float64(),
        "next_from": pa.timestamp("us"),
        "next_date": pa.timestamp("us"),
        "next_until": pa.timestamp("us"),
    }
    return pa.table(
        {
            name: pa.array(values, kind, from_pandas=True)
            for (name, kind), values in zip(kinds.items(), columns, strict=True)
        }
    )


def _arrow(frame: Any) -> pa.Table:
    import narwhals as nw

    return frame if isinstance(frame, pa.Table) else nw.from_native(frame, eager_only=True).to_arrow()
