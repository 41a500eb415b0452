"""Small plans are the best there are: against every subset and every choice of days."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextbuy.offers import OfferPlanner, OfferPolicy
from nextbuy.offers.exact import Days, feasible_sets

AS_OF = pd.Timestamp("2026-06-01")
CATALOG = pd.DataFrame({"item_id": list("pqrst"), "category": ["a", "a", "b", "b", None]})
CATALOG["price"] = [10.0, 20.0, 30.0, 40.0, 50.0]
CATALOG["unit_margin"] = CATALOG.price / 2

policies = st.fixed_dictionaries(
    {
        "plan_days": st.integers(1, 9),
        "max_per_customer": st.integers(1, 3),
        "cap_days": st.integers(1, 12),
        "quiet_days": st.integers(0, 5),
        "item_cooldown_days": st.integers(0, 12),
        "one_per_category": st.booleans(),
    },
    optional={
        "budget": st.floats(0.1, 4),
        "max_per_item": st.integers(0, 2),
        "quotas": st.fixed_dictionaries({"b": st.integers(0, 2)}),
        "discount": st.just(0.1),
        "channels": st.just({"sms": 0.4}),
    },
)
usual = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def small_world(seed):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(3 * 5)[: rng.integers(1, 9)]
    start = rng.integers(-3, 9, len(pairs))
    predictions = pd.DataFrame(
        {
            "customer_id": [f"C{p % 3}" for p in pairs],
            "item_id": [CATALOG.item_id[p // 3] for p in pairs],
            "probability": rng.random(len(pairs)),
            "window_start": AS_OF + pd.to_timedelta(start, "D"),
            "window_end": AS_OF + pd.to_timedelta(start + rng.integers(0, 7, len(pairs)), "D"),
        }
    )
    contacts = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in rng.integers(0, 3, 3)],
            "sent_on": AS_OF + pd.to_timedelta(rng.integers(-9, 14, 3), "D"),
            "item_id": rng.choice(list("pqrst"), 3),
        }
    )
    return predictions, contacts


def days_exist(rows, contacts, policy):
    """Say whether some choice of days breaks no rule, by trying all of them."""
    first = AS_OF
    log = {c: [(d - first).days for d in g.sent_on] for c, g in contacts.groupby("customer_id")}
    cool = [
        (c, i, (d - first).days) for c, d, i in contacts[["customer_id", "sent_on", "item_id"]].to_numpy()
    ]

    def fine(taken):
        if any(abs(a - b) < policy.quiet_days for a, b in combinations(taken, 2)):
            return False
        return all(
            sum(s <= d < s + policy.cap_days for d in taken) <= policy.max_per_customer
            for s in range(min(taken) - policy.cap_days, max(taken) + 1)
        )

    def grow(left, planned):
        if not left:
            return True
        row = left[0]
        low, high = (
            max((row.window_start - first).days, 0),
            min((row.window_end - first).days, policy.plan_days - 1),
        )
        for day in range(low, high + 1):
            near = [d for c, i, d in cool if (c, i) == (row.customer_id, row.item_id)]
            if any(abs(d - day) < policy.item_cooldown_days for d in near):
                continue
            mine = [d for c, d in planned if c == row.customer_id]
            others = log.get(row.customer_id, [])
            # contacts of the log may lie as they will; the new one must break nothing
            new = all(abs(d - day) >= policy.quiet_days for d in mine + others) and all(
                sum(s <= d < s + policy.cap_days for d in [*mine, *others, day]) <= policy.max_per_customer
                for s in range(day - policy.cap_days + 1, day + 1)
            )
            if new and fine([*mine, day]) and grow(left[1:], [*planned, (row.customer_id, day)]):
                return True
        return False

    return grow(rows, [])


def brute_force(predictions, contacts, policy):
    """Find what the best plan is worth by trying every set of candidates, the best sets first."""
    rows = predictions.merge(CATALOG, on="item_id")
    cost = next(iter(policy.channels.values()))
    off = rows.price * policy.discount
    rows["worth"] = rows.probability * (rows.unit_margin - off) - cost
    rows["spend"] = rows.probability * off + cost
    rows = [r for r in rows.itertuples() if r.worth >= 0 and r.unit_margin > policy.discount * r.price]

    def allowed(chosen):
        items = [r.item_id for r in chosen]
        kinds = [(r.customer_id, r.category) for r in chosen if isinstance(r.category, str)]
        return (
            (not policy.one_per_category or len(set(kinds)) == len(kinds))
            and (policy.max_per_item is None or all(items.count(i) <= policy.max_per_item for i in items))
            and sum(r.category == "b" for r in chosen) <= policy.quotas.get("b", 99)
            and (policy.budget is None or sum(r.spend for r in chosen) <= policy.budget)
        )

    sets = [c for n in range(1, len(rows) + 1) for c in combinations(rows, n) if allowed(c)]
    sets.sort(key=lambda c: -sum(r.worth for r in c))
    best = next((c for c in sets if days_exist(list(c), contacts, policy)), ())
    return sum(r.worth for r in best)


def is_optimal(given_policy, seed):
    policy = OfferPolicy(**given_policy)
    predictions, contacts = small_world(seed)
    plan = OfferPlanner(policy).plan(predictions, as_of=AS_OF, catalog=CATALOG, contacts=contacts)
    assert plan.offers.expected_value.sum() == pytest.approx(brute_force(predictions, contacts, policy))


@settings(max_examples=30, **usual)
@given(policies, st.integers(0, 2**32 - 1))
def test_small_plans_are_the_best_there_are(given_policy, seed):
    """No set of up to 8 candidates with any choice of days is worth more than the plan, log and caps included."""
    is_optimal(given_policy, seed)


@pytest.mark.slow
@settings(max_examples=1000, **usual)
@given(policies, st.integers(0, 2**32 - 1))
def test_small_plans_are_the_best_there_are_long(given_policy, seed):
    """The same a thousand times."""
    is_optimal(given_policy, seed)


def test_a_short_window_is_not_lost_to_a_long_one():
    """A on days 0 to 9 and B on day 0 alone, a week apart: A waits, although it is worth more and asks first."""
    rows = {
        "customer_id": ["C1", "C1"],
        "item_id": ["p", "r"],
        "probability": [0.9, 0.1],
        "window_start": [AS_OF, AS_OF],
        "window_end": [AS_OF + pd.Timedelta(days=9), AS_OF],
    }
    got = OfferPlanner().plan(pd.DataFrame(rows), as_of=AS_OF).offers
    assert dict(zip(got.item_id, got.send_on.dt.day, strict=True)) == {"p": 8, "r": 1}


def test_too_many_sets_are_not_listed():
    """Twelve offers without any rule make 4,095 sets: listed up to the limit, else left to the prices."""
    free = Days([], 0, 99, 30)
    assert len(feasible_sets([1] * 12, [-1] * 12, free, room=12)) == 4095
    assert feasible_sets([1] * 12, [-1] * 12, free, room=12, most=1000) is None
