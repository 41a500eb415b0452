"""What will this customer buy next, when, and which offer is worth sending."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextbuy import datasets, evaluate
    from nextbuy.display import plot, write_report
    from nextbuy.evaluate import backtest
    from nextbuy.mining import AssociationRules, Patterns, Projects, SequentialRules
    from nextbuy.offers import (
        OfferPlan,
        OfferPlanner,
        OfferPolicy,
        cac,
        campaign_report,
        cohort_retention,
        ltv,
        ltv_to_cac,
        nurture_series,
        occasion_calendar,
        order_funnel,
        payback_months,
        repeat_revenue,
        required_contacts,
        segments,
        threshold_offers,
        white_space,
    )
    from nextbuy.orders import Catalog, InputError, Orders, read_catalog, read_orders
    from nextbuy.predict import NextPurchase
    from nextbuy.storage import BundleError, RunError, load, save, write_database, write_plan
    from nextbuy.timing import CustomerActivity, replenishment

__version__ = "0.1.0"

# loaded when first asked for: `import nextbuy` and `nextbuy --help` stay light
_HOME = {
    "AssociationRules": "mining",
    "BundleError": "storage",
    "Catalog": "orders",
    "CustomerActivity": "timing",
    "InputError": "orders",
    "NextPurchase": "predict",
    "OfferPlan": "offers",
    "OfferPlanner": "offers",
    "OfferPolicy": "offers",
    "Orders": "orders",
    "Patterns": "mining",
    "Projects": "mining",
    "RunError": "storage",
    "SequentialRules": "mining",
    "backtest": "evaluate",
    "cac": "offers",
    "campaign_report": "offers",
    "cohort_retention": "offers",
    "datasets": "",
    "evaluate": "",
    "load": "storage",
    "ltv": "offers",
    "ltv_to_cac": "offers",
    "nurture_series": "offers",
    "occasion_calendar": "offers",
    "order_funnel": "offers",
    "payback_months": "offers",
    "plot": "display",
    "read_catalog": "orders",
    "read_orders": "orders",
    "repeat_revenue": "offers",
    "replenishment": "timing",
    "required_contacts": "offers",
    "save": "storage",
    "segments": "offers",
    "threshold_offers": "offers",
    "white_space": "offers",
    "write_database": "storage",
    "write_plan": "storage",
    "write_report": "display",
}

__all__ = [
    "AssociationRules",
    "BundleError",
    "Catalog",
    "CustomerActivity",
    "InputError",
    "NextPurchase",
    "OfferPlan",
    "OfferPlanner",
    "OfferPolicy",
    "Orders",
    "Patterns",
    "Projects",
    "RunError",
    "SequentialRules",
    "__version__",
    "backtest",
    "cac",
    "campaign_report",
    "cohort_retention",
    "datasets",
    "evaluate",
    "load",
    "ltv",
    "ltv_to_cac",
    "nurture_series",
    "occasion_calendar",
    "order_funnel",
    "payback_months",
    "plot",
    "read_catalog",
    "read_orders",
    "repeat_revenue",
    "replenishment",
    "required_contacts",
    "save",
    "segments",
    "threshold_offers",
    "white_space",
    "write_database",
    "write_plan",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'nextbuy' has no attribute {name!r}")
    home = _HOME[name]
    if not home:
        return import_module(f"nextbuy.{name}")
    return getattr(import_module(f"nextbuy.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
