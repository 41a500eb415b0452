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
from nextbuy.offers.nurture import nurture_series
from nextbuy.offers.occasions import occasion_calendar
from nextbuy.offers.plan import OfferPlan
from nextbuy.offers.planner import OfferPlanner
from nextbuy.offers.policy import OfferPolicy
from nextbuy.offers.retention import cohort_retention, order_funnel, repeat_revenue
from nextbuy.offers.segments import segments
from nextbuy.offers.thresholds import threshold_offers
from nextbuy.offers.whitespace import white_space

__all__ = [
    "CampaignReport",
    "OfferPlan",
    "OfferPlanner",
    "OfferPolicy",
    "cac",
    "campaign_report",
    "cohort_retention",
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
    "nurture_series",
    "occasion_calendar",
    "order_funnel",
    "payback_months",
    "power_of",
    "repeat_revenue",
    "required_contacts",
    "segments",
    "threshold_offers",
    "white_space",
]
