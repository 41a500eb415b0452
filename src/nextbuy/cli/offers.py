"""From predictions to offers, by a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nextbuy.storage import Plan

if TYPE_CHECKING:
    import pyarrow as pa

    from nextbuy.offers import OfferPlan, OfferPolicy
    from nextbuy.orders import Catalog


def read_policy(path: str | None, *, horizon_days: int) -> OfferPolicy:
    """Give the policy of a TOML file, or the usual one."""
    import nextbuy as nb

    return nb.OfferPolicy(horizon_days=horizon_days) if path is None else nb.OfferPolicy.from_toml(path)


def plan_offers(policy: OfferPolicy, predictions: pa.Table, **given: Any) -> OfferPlan:
    """Plan, with nothing on stdout."""
    import nextbuy as nb
    from nextbuy.cli.silence import silenced

    with silenced():
        return nb.OfferPlanner(policy).plan(predictions, **given)


def planned(
    predictions: pa.Table,
    catalog: Catalog | None,
    *,
    policy: OfferPolicy,
    as_of: str,
    version: str,
    run_id: str,
) -> Plan:
    """Give what is offered and what is not, each with its reason; control customers are not delivered."""
    from nextbuy.storage.plans import facts_of

    plan = plan_offers(
        policy, predictions, catalog=catalog, as_of=as_of, model_version=version, run_id=run_id
    )
    return Plan(
        tables={"offers": plan.offers_table, "suppressed": plan.suppressed_table},
        delivery={"offers": plan.delivery_table},
        facts=facts_of(plan),
    )
