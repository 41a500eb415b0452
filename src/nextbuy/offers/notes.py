"""What a reader of a plan must know, in sentences and in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.offers.holdout import minimum_detectable_effect, power_of
from nextbuy.offers.money import conversion_needed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.candidates import Candidates
    from nextbuy.offers.policy import OfferPolicy
    from nextbuy.offers.value import Uplift, Value

RANKING = {
    "uplift": "Ranked by uplift: p1 (unit_margin - discount) - p0 unit_margin - contact cost.",
    "response": "Ranked by response: p (unit_margin - discount) - contact cost; "
    "it also counts who would have bought anyway.",
    "probability": "Ranked by probability: without margins there is no expected value.",
}


def plan_notes(
    policy: OfferPolicy, value: Value, uplift: Uplift, c: Candidates, kept: NDArray[np.int64]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Word and count the ranking, the uplift, the holdout with its power, and the budget."""
    sent = kept[~c.control[c.customer[kept]]]
    people = np.unique(c.customer[kept])
    n_control = int(c.control[people].sum())
    n_treated = len(people) - n_control
    text = uplift.text[:1].upper() + uplift.text[1:] + "."
    notes = [RANKING[value.basis], text]
    facts: dict[str, Any] = {
        "value": value.basis,
        "relative_uplift": uplift.relative,
        "uplift": uplift.text,
        "treated_customers": n_treated,
        "control_customers": n_control,
        "spend": float(value.spend[sent].sum()),
        "spend_held_back": float(value.spend[kept].sum() - value.spend[sent].sum()),
    }
    notes += _discount_note(policy, c)
    partners = int(c.partner[sent].sum())
    if partners:
        notes.append(
            f"{partners:,} offers are of partners' items, valued at their commission, without discount."
        )
    if policy.budget is not None:
        notes.append(
            f"Budget: {facts['spend']:,.2f} of {policy.budget:,.2f} goes out, "
            f"{facts['spend_held_back']:,.2f} is held back with the control customers."
        )
    if not n_control or not n_treated:
        notes.append("No holdout among the planned customers: this plan cannot measure what it earns.")
        return tuple(notes), facts
    best = np.zeros(len(c.customer_ids))
    np.maximum.at(best, c.customer[kept], c.probability[kept])
    base = float(np.clip(best[people].mean(), 1e-6, 1 - 1e-6))
    effect = minimum_detectable_effect(base, n_treated=n_treated, n_control=n_control)
    facts |= {"base_conversion": base, "minimum_detectable_effect": effect}
    found = (
        f"finds a rise from {base:.2%} to {base + effect:.2%} or more with 80 % power"
        if np.isfinite(effect)
        else "is too small to find any rise"
    )
    notes.append(f"Holdout: {n_control:,} control against {n_treated:,} treated customers {found}.")
    treated = base * 1.2
    if treated < 1:
        facts["power_at_20_percent"] = power_of(base, treated, n_treated=n_treated, n_control=n_control)
        notes.append(
            f"Its power to find a rise of a fifth, to {treated:.2%}, is {facts['power_at_20_percent']:.0%}."
        )
    return tuple(notes), facts


def _discount_note(policy: OfferPolicy, c: Candidates) -> list[str]:
    """Say what the policy's discount asks of the conversion, at the candidates' median margin."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = c.unit_margin / c.price
    share = share[np.isfinite(share) & (share > 0) & (share <= 1)]
    if not policy.discount or not len(share):
        return []
    margin = float(np.median(share))
    needed = conversion_needed(margin, policy.discount)
    times = (
        f"{needed:.3f} times the conversion"
        if np.isfinite(needed)
        else "more than any conversion can earn back"
    )
    return [
        f"A {policy.discount:.0%} discount at {margin:.0%} margin (the candidates' median) needs {times}."
    ]
