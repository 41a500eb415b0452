"""A plan as a directory of files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nextbuy.storage.run import Plan, write_run

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from nextbuy.mining import Projects
    from nextbuy.offers import OfferPlan
    from nextbuy.orders import Orders


def write_plan(
    plan: OfferPlan,
    directory: str | os.PathLike[str],
    *,
    orders: Orders | None = None,
    projects: Projects | None = None,
    links: Any = None,
    adapters: Sequence[str] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a plan into a directory, whole or not at all: every file that marketing, sales and tools need.

    Parameters
    ----------
    plan : OfferPlan
    directory : path
        Made if missing.
    orders : Orders, optional
        For the call list and the list of customers.
    projects : Projects, optional
        Fitted: for what is missing, checklists and series.
    links : frame, optional
        Rules, for the policy's `threshold`.
    adapters : sequence of {"klaviyo", "braze", "personalize", "dynamic_yield"}
    overwrite : bool, default False
        Replace a finished plan.

    Returns
    -------
    dict
        The manifest, see `nextbuy.storage.write_run`; docs/offers.md names every file and column.

    Raises
    ------
    InputError
        When there is no such adapter.
    RunError
        When the directory holds a finished plan and `overwrite` is False.

    Examples
    --------
    >>> import tempfile
    >>> import nextbuy as nb
    >>> plan = nb.OfferPlanner().plan(
    ...     [{"customer_id": "Ана", "item_id": "tap", "probability": 0.2}], as_of="2026-06-01"
    ... )
    >>> with tempfile.TemporaryDirectory() as place:
    ...     sorted(nb.write_plan(plan, place)["files"])
    ['delivery_email.csv', 'offers.csv', 'offers.parquet', 'summary.csv', 'suppressed.csv', 'suppressed.parquet']
    """
    made = as_files(plan, orders=orders, projects=projects, links=links, adapters=adapters)
    inputs = {
        "as_of": plan.facts["as_of"],
        "model_version": plan.facts["model_version"],
        "offers": table_checksum(plan.offers_table),
        "adapters": list(adapters),
        "policy": plan.facts["policy"],
    }
    return write_run(
        directory,
        inputs=inputs,
        blocks=(),
        score=lambda _: pa.table({}),
        plan=lambda _, __: made,
        overwrite=overwrite,
        run_id=plan.run_id,
    )


def as_files(
    plan: OfferPlan,
    *,
    orders: Orders | None = None,
    projects: Projects | None = None,
    links: Any = None,
    adapters: Sequence[str] = (),
) -> Plan:
    """Give all that a plan is written as."""
    from nextbuy.offers.export import FOR_PEOPLE, plan_files

    return Plan(
        tables={"offers": plan.offers_table, "suppressed": plan.suppressed_table},
        facts=facts_of(plan),
        files={"offers.csv": plan.delivery_table, "suppressed.csv": plan.suppressed_table}
        | plan_files(plan, orders=orders, projects=projects, links=links, adapters=adapters),
        for_people=FOR_PEOPLE,
    )


def facts_of(plan: OfferPlan) -> dict[str, Any]:
    """Give a plan's counts, figures and notes for a manifest, without those that stand among its inputs."""
    inputs = {"as_of", "model_version", "policy"}
    facts = {name: value for name, value in plan.facts.items() if name not in inputs}
    return {"counts": plan.counts} | facts | {"notes": list(plan.notes)}


def table_checksum(table: pa.Table) -> str:
    """Give a checksum of a table's content."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()
