"""All files of a plan, as tables and bytes by name; `nextbuy.storage` writes them."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.adapters import adapter_files
from nextbuy.offers.customers import call_list, checklist_table, customer_table
from nextbuy.offers.delivery import coupon_table, delivery_tables, greeting_table
from nextbuy.offers.nurture import nurture_series
from nextbuy.offers.thresholds import threshold_offers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.mining import Projects
    from nextbuy.offers.plan import OfferPlan
    from nextbuy.orders.table import Orders

FOR_PEOPLE = ("call_list.csv", "customers.csv", "checklists.csv", "summary.csv")


def plan_files(
    plan: OfferPlan,
    *,
    orders: Orders | None = None,
    projects: Projects | None = None,
    links: Any = None,
    adapters: Sequence[str] = (),
) -> dict[str, pa.Table | bytes]:
    """Give what a plan is delivered as, beside offers and suppressed.

    Parameters
    ----------
    plan : OfferPlan
    orders : Orders, optional
        Only what was known at the plan's as_of is used; without them there is no call list and no list of customers.
    projects : Projects, optional
        Fitted; without them there are no checklists and no series.
    links : frame, optional
        Rules as in `threshold_offers`, for the policy's `threshold`; needs orders with a catalog.
    adapters : sequence of {"klaviyo", "braze", "personalize", "dynamic_yield"}

    Returns
    -------
    dict of str to pyarrow.Table or bytes
        summary.csv, delivery_CHANNEL.csv; where there is something to write coupons.csv, greetings.csv; with orders
        call_list.csv, customers.csv; with projects checklists.csv, series.csv; with a threshold and links add_ons.csv;
        the adapters' files.

    Raises
    ------
    InputError
        When there is no such adapter.
    """
    files: dict[str, pa.Table | bytes] = dict(adapter_files(plan, adapters))
    files["summary.csv"] = _rounded(plan.summary_table)
    files |= delivery_tables(plan)
    for name, table in (("coupons.csv", coupon_table(plan)), ("greetings.csv", greeting_table(plan))):
        if table.num_rows:
            files[name] = table
    if orders is None:
        return files
    # whatever came after as_of is not known to who is called
    arrow = copy(orders.before(plan.facts["as_of"]))
    arrow.backend = "pyarrow"
    files["call_list.csv"] = _rounded(call_list(plan, arrow, projects=projects))
    files["customers.csv"] = _rounded(customer_table(plan, arrow, projects=projects))
    if projects is not None:
        files["checklists.csv"] = _rounded(checklist_table(plan, arrow, projects))
        sent = plan.delivery_table.column("customer_id").unique().to_pylist()
        series = nurture_series(projects, arrow, as_of=plan.facts["as_of"], customers=sent)
        files["series.csv"] = series.filter(pc.equal(series.column("status"), "to_come"))
    policy = plan.facts["policy"]
    if links is not None and orders.catalog is not None and policy["threshold"] is not None:
        add_ons = threshold_offers(
            plan.offers_table,
            catalog=orders.catalog,
            links=links,
            over=policy["threshold"],
            discount=policy["threshold_discount"],
            orders=arrow,
        )
        files["add_ons.csv"] = _rounded(add_ons)
    return files


def _rounded(table: pa.Table) -> pa.Table:
    """Round what people read: three digits after the point."""
    for at, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            table = table.set_column(at, field, pc.round(table.column(at), ndigits=3))
    return table
