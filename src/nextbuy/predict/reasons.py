"""Why this item: one sentence per prediction, from its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = {
    "sequence": (
        "Bought {trigger} on {date}; {followed:,} of {exposed:,} such customers have gone on to buy {follower}, "
        "{share:.0%} will within {window} days, half of them by day {lag_p50:.0f}."
    ),
    "repurchase": (
        "Last bought on {date}; buys it about every {lag_p50:.0f} days. "
        "{followed:,} of {exposed:,} buyers bought it again ({share:.0%})."
    ),
    "repurchase_once": (
        "Bought on {date}; {followed:,} of {exposed:,} buyers bought it again ({share:.0%}), usually after about "
        "{lag_p50:.0f} days."
    ),
    "basket": (
        "The last order had {trigger}; {followed:,} of its {exposed:,} buyers bought {item} "
        "on the same day ({share:.0%})."
    ),
    "similar_customers": "Owns {trigger}; {followed:,} of its {exposed:,} buyers also bought {item} ({share:.0%}).",
    "popular": (
        "Selling now: {followed:,} of {exposed:,} active customers bought {item} in the last 21 days ({share:.0%})."
    ),
}


def reason_texts(codes: Sequence[str], facts: Sequence[dict[str, Any]]) -> list[str]:
    """Fill the sentence of each code with its facts.

    Examples
    --------
    >>> reason_texts(["popular"], [{"followed": 120, "exposed": 2400, "share": 0.05, "item": "Garden hose"}])
    ['Selling now: 120 of 2,400 active customers bought Garden hose in the last 21 days (5%).']
    """
    return [TEXTS[code].format(**fact) for code, fact in zip(codes, facts, strict=True)]
