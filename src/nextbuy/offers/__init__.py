"""What to send: the policy, the plan, and what it is worth."""

from __future__ import annotations

from nextbuy.offers.campaign import CampaignReport, campaign_report
from nextbuy.offers.coupons import coupon_codes
from nextbuy.offers.holdout import customers_per_arm, draw_holdout, minimum_detectable_effect, power_of
from nextbuy.offers.money import (
    cac,
    conversion_needed,
    ltv,
    ltv_by_margin,
    ltv_by_profit,
    ltv_by_revenue,
    ltv_to_cac,
    payback_months,
    required_contacts,
)
from nextbuy.offers.plan import OfferPlan
from nextbuy.offers.planner import OfferPlanner
from nextbuy.offers.policy import OfferPolicy

__all__ = [
    "CampaignReport",
    "OfferPlan",
    "OfferPlanner",
    "OfferPolicy",
    "cac",
    "campaign_report",
    "conversion_needed",
    "coupon_codes",
    "customers_per_arm",
    "draw_holdout",
    "ltv",
    "ltv_by_margin",
    "ltv_by_profit",
    "ltv_by_revenue",
    "ltv_to_cac",
    "minimum_detectable_effect",
    "payback_months",
    "power_of",
    "required_contacts",
]
