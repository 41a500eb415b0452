"""The rules that need no comparison with other candidates, and the exception for customers left in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.offers.ledger import MEANING
from nextbuy.offers.money import conversion_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.candidates import Candidates
    from nextbuy.offers.log import Log
    from nextbuy.offers.policy import OfferPolicy
    from nextbuy.offers.rounds import Rounds
    from nextbuy.offers.value import Value


def hard_rules(
    c: Candidates, policy: OfferPolicy, *, channel: NDArray[np.int64], value: Value
) -> NDArray[np.str_]:
    """Give the first rule that each candidate breaks, "" for none."""
    left = c.unit_margin - c.discount
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(left > 0, c.unit_margin / left, np.inf)
        thin = (left < policy.min_margin * c.price) | (factor > (policy.max_conversion_factor or np.inf))
    thin |= (c.discount_share > 0) & ~(left > 0)
    low_value = (c.probability < policy.min_probability) | (value.expected < policy.min_value)
    rules = {
        "veto": c.vetoed,
        "no_consent": channel == len(policy.channels),
        "holdout": c.held_out[c.customer],
        "already_owned": c.durable & (c.kind == "repeat"),
        "closed": (c.status == "closed") | (c.ends < c.first),
        "past_deadline": c.low > policy.deadline_day,
        "not_yet": c.low > c.high,
        "out_of_stock": c.stock < policy.min_stock,
        "margin": thin,
        "negative_value": low_value,
    }
    return np.select(list(rules.values()), list(rules), default="").astype("<U18")


def rescue_silent(
    rounds: Rounds, code: NDArray[np.str_], c: Candidates, log: Log, policy: OfferPolicy
) -> None:
    """Let customers who would stay without contact for `floor_days` ask with candidates below the minimum value."""
    if policy.floor_days is None:
        return
    last_day = c.first + policy.plan_days - 1
    silent = last_day - log.last >= policy.floor_days
    silent[c.customer[rounds.send >= 0]] = False
    rows = np.flatnonzero((code == "negative_value") & silent[c.customer])
    while len(rows):
        # one at a time: the floor asks for a contact, not for all that was turned down
        by = rows[np.lexsort((-rounds.worth[rows], c.customer[rows]))]
        new = np.ones(len(by), dtype=bool)
        new[1:] = c.customer[by][1:] != c.customer[by][:-1]
        rounds.run(by[new])
        silent[c.customer[rounds.send >= 0]] = False
        rows = by[~new]
        rows = rows[silent[c.customer[rows]]]


def sentences(code: NDArray[np.str_], c: Candidates, rows: NDArray[np.int64]) -> list[str]:
    """Word each suppressed candidate's reason; a thin margin with the conversion that its discount would need."""
    texts = [MEANING[one] for one in code.tolist()]
    for place in np.flatnonzero(code == "margin").tolist():
        row = rows[place]
        share, price, margin = c.discount_share[row], c.price[row], c.unit_margin[row]
        if not np.isfinite(price * margin):
            texts[place] += " Its price or margin is unknown."
        elif share > 0 and 0 < margin <= price:
            needed = conversion_needed(margin / price, share)
            times = (
                f"{needed:.3f} times the conversion"
                if np.isfinite(needed)
                else "more than any conversion can earn back"
            )
            texts[place] += f" A {share:.0%} discount at {margin / price:.0%} margin needs {times}."
    return texts
