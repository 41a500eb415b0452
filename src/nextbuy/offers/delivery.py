"""What goes out: one table for each channel, coupons, greetings. Never a row of a customer held out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from nextbuy.offers.plan import OfferPlan

DELIVERY_COLUMNS = (
    "offer_id",
    "customer_id",
    "offer_rank",
    "send_on",
    "expires_on",
    "item_id",
    "item_name",
    "category",
    "coupon_code",
    "discount",
    "occasion",
    "reason",
)
COUPON_COLUMNS = ("coupon_code", "offer_id", "customer_id", "item_id", "discount", "send_on", "expires_on")


def delivery_tables(plan: OfferPlan) -> dict[str, pa.Table]:
    """Give what goes out over each channel, by file name, sorted by day and customer.

    Columns as in `DELIVERY_COLUMNS`.
    """
    sent = plan.delivery_table.sort_by([("send_on", "ascending")])
    out: dict[str, pa.Table] = {}
    for channel in sent.column("channel").unique().to_pylist():
        mine = sent.filter(pc.equal(sent.column("channel"), channel)).select(DELIVERY_COLUMNS)
        out[_file_name(channel, out)] = mine
    return out


def coupon_table(plan: OfferPlan) -> pa.Table:
    """Give the codes that are out, for the till: columns as in `COUPON_COLUMNS`."""
    sent = plan.delivery_table
    return sent.filter(sent.column("coupon_code").is_valid()).select(COUPON_COLUMNS)


def greeting_table(plan: OfferPlan) -> pa.Table:
    """Give the greetings that go out by themselves; the others are in their offer's row."""
    all_ = plan.greetings_table
    alone = all_.filter(pc.equal(all_.column("outcome"), "alone"))
    return alone.select(["customer_id", "date", "occasion", "channel"]).sort_by([("date", "ascending")])


def _file_name(channel: str, taken: dict[str, pa.Table]) -> str:
    """Spell a channel so that it is a file name anywhere; two that come out alike are numbered."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", channel).strip("_") or "channel"
    name, number = f"delivery_{plain}.csv", 2
    while name in taken:
        name, number = f"delivery_{plain}_{number}.csv", number + 1
    return name
