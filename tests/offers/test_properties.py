"""What must hold for any policy, any log and any predictions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nextbuy.offers import OfferPlan, OfferPlanner, OfferPolicy, rounds
from nextbuy.offers.export import plan_files
from nextbuy.offers.ledger import CODES

AS_OF = pd.Timestamp("2026-06-01")
FIRST = int(AS_OF.to_datetime64().astype("datetime64[D]").astype(int))
ITEMS = [f"I{i}" for i in range(8)]
CATALOG = pd.DataFrame(
    {
        "item_id": ITEMS[:7],
        "category": ["a", "a", "b", "b", "c", None, None],
        "price": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, None],
        "unit_margin": [5.0, 2.0, 21.0, 30.0, None, 40.0, 3.0],
        "stock": [1, 0, 5, 9, 9, 9, None],
        "durable": [True, False, True, False, None, True, False],
    }
)
CATEGORY = dict(zip(CATALOG.item_id, CATALOG.category, strict=True))

maybe = st.none
policies = st.fixed_dictionaries(
    {},
    optional={
        "max_per_customer": st.integers(0, 4),
        "cap_days": st.integers(1, 40),
        "quiet_days": st.integers(0, 12),
        "floor_days": maybe() | st.integers(1, 60),
        "plan_days": st.integers(1, 40),
        "one_per_category": st.booleans(),
        "item_cooldown_days": st.integers(0, 60),
        "send_at": st.sampled_from(["window_start", "best_date"]),
        "value": st.sampled_from(["auto", "probability"]),
        "min_value": st.floats(-1, 1),
        "relative_uplift": maybe() | st.floats(-0.5, 2),
        "discount": st.sampled_from([0.0, 0.1, 0.4]),
        "max_conversion_factor": maybe() | st.floats(1, 3),
        "channels": st.sampled_from([{"email": 0.0}, {"email": 0.05, "sms": 0.2}]),
        "budget": maybe() | st.floats(0, 5),
        "max_per_item": maybe() | st.integers(0, 4),
        "quotas": st.dictionaries(st.sampled_from(["I0", "I5", "a", "b"]), st.integers(0, 4)),
        "exclude_items": st.lists(st.sampled_from(ITEMS), max_size=2),
        "ttl_days": st.integers(0, 20),
        "deadline": maybe() | st.sampled_from(["2026-06-03", "2026-06-20"]),
        "holdout": st.sampled_from([0.0, 0.3, 1.0]),
        "global_holdout": st.sampled_from([0.0, 0.3]),
        "coupons": st.booleans(),
    },
)


# what is scarce binds, and nothing else stands in its way
scarce = st.fixed_dictionaries(
    {
        "budget": st.floats(0, 3),
        "max_per_item": st.integers(1, 4),
        "quotas": st.fixed_dictionaries({"a": st.integers(1, 6), "b": st.integers(1, 6)}),
        "channels": st.sampled_from([{"email": 0.05}, {"sms": 0.3, "letter": 0.4}]),
        "discount": st.sampled_from([0.0, 0.02]),
        "max_per_customer": st.integers(1, 4),
        "quiet_days": st.integers(0, 3),
        "min_value": st.just(-1.0),
        "holdout": st.sampled_from([0.0, 0.3]),
    }
)
# most candidates were contacted about lately or will be soon
cooling = st.fixed_dictionaries(
    {
        "item_cooldown_days": st.integers(1, 40),
        "quiet_days": st.integers(0, 2),
        "max_per_customer": st.integers(2, 9),
        "cap_days": st.integers(1, 10),
        "send_at": st.sampled_from(["window_start", "best_date"]),
    }
)


def worlds(seed, *, dense=False):
    """Predictions, contacts and consent of a small random world."""
    rng = np.random.default_rng(seed)
    n = 70 if dense else int(rng.integers(0, 60))
    pairs = rng.permutation(10 * len(ITEMS))[:n]
    start = AS_OF + pd.to_timedelta(rng.integers(-30, 20 if dense else 50, n), "D")
    length = rng.integers(30 if dense else 0, 60 if dense else 30, n)
    lags = np.sort(rng.integers(0, 90, (n, 3)), axis=1).astype(float)
    lags[rng.random(n) < 0.5] = np.nan
    predictions = pd.DataFrame(
        {
            "customer_id": [f"C{p // len(ITEMS)}" for p in pairs],
            "item_id": [ITEMS[p % len(ITEMS)] for p in pairs],
            "kind": rng.choice(["new", "repeat"], n),
            "probability": rng.random(n).round(2),
            "window_start": start,
            "best_date": start + pd.to_timedelta(length // 2, "D"),
            "window_end": start + pd.to_timedelta(length, "D"),
            "window_status": rng.choice(
                ["open", "closing", "closed"], n, p=[0.8, 0.2, 0.0] if dense else [0.7, 0.2, 0.1]
            ),
            "trigger_date": AS_OF - pd.to_timedelta(rng.integers(0, 60, n), "D"),
            **{name: lags[:, i] for i, name in enumerate(("lag_p10", "lag_p50", "lag_p90"))},
        }
    )
    k = int(rng.integers(0, 40))
    contacts = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in rng.integers(0, 12, k)],
            "sent_on": AS_OF + pd.to_timedelta(rng.integers(-70, 50, k), "D"),
            "item_id": rng.choice([*ITEMS, None], k),
            "control": rng.random(k) < 0.1,
        }
    )
    if k and n:
        # the same customers and items as in the predictions
        own = pd.DataFrame({"pair": rng.choice(pairs, k // 2)})
        own = pd.DataFrame(
            {
                "customer_id": [f"C{p // len(ITEMS)}" for p in own.pair],
                "sent_on": AS_OF + pd.to_timedelta(rng.integers(-50, 60, len(own)), "D"),
                "item_id": [ITEMS[p % len(ITEMS)] for p in own.pair],
                "control": False,
            }
        )
        contacts = pd.concat([contacts, own], ignore_index=True)
    consent = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in rng.integers(0, 10, 25)],
            "channel": rng.choice(["email", "sms"], 25),
        }
    )
    return (
        predictions,
        contacts if dense or rng.random() < 0.7 else None,
        consent if not dense and rng.random() < 0.3 else None,
    )


def days(frame, column):
    return (frame[column].to_numpy().astype("datetime64[D]").astype(int)).tolist()


def broken(day, others, policy):
    """Say what one more contact on `day` beside `others` would break."""
    if any(abs(day - other) < policy.quiet_days for other in others):
        return "quiet"
    windows = range(day - policy.cap_days + 1, day + 1)
    if any(
        sum(s <= d < s + policy.cap_days for d in [*others, day]) > policy.max_per_customer for s in windows
    ):
        return "cap"
    return ""


usual = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=40, **usual)
@given(policies, st.integers(0, 2**32 - 1))
def test_invariants_of_a_plan(given_policy, seed):
    """No candidate is lost, no rule is broken, and nobody is turned down for a reason that is not there."""
    check(OfferPolicy(**given_policy), *worlds(seed))


@settings(max_examples=25, **usual)
@given(scarce | cooling, st.integers(0, 2**32 - 1))
def test_invariants_where_it_is_tight(given_policy, seed):
    """The same where quotas, budget and cool-downs bind hard."""
    check(OfferPolicy(**given_policy), *worlds(seed, dense=True))


@pytest.mark.slow
@settings(max_examples=1000, **usual)
@given(
    policies | scarce | cooling, st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0, rounds.SMALL])
)
def test_invariants_a_thousand_times(given_policy, seed, dense, small):
    """The same a thousand times, by the exact way and by the way of large plans."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "SMALL", small)
        check(OfferPolicy(**given_policy), *worlds(seed, dense=dense))


@dataclass
class Seen:
    """A plan and what it was made from."""

    policy: OfferPolicy
    plan: OfferPlan
    predictions: pd.DataFrame
    logged: list  # (customer, item, day) of what was or will be sent
    consent: pd.DataFrame | None

    def __post_init__(self):
        self.offers, self.suppressed = self.plan.offers, self.plan.suppressed
        self.planned = list(
            zip(self.offers.customer_id, self.offers.item_id, days(self.offers, "send_on"), strict=True)
        )
        self.limit = {i: self.policy.quotas.get(i, self.policy.max_per_item) for i in ITEMS}
        self.per_item, self.per_category = (
            Counter(self.offers.item_id),
            Counter(self.offers.category.dropna()),
        )


def check(policy, predictions, contacts, consent):
    plan = OfferPlanner(policy).plan(
        predictions, as_of=AS_OF, catalog=CATALOG, contacts=contacts, consent=consent
    )
    logged = []
    if contacts is not None:
        sent = contacts[~contacts.control]
        logged = list(zip(sent.customer_id, sent.item_id, days(sent, "sent_on"), strict=True))
    seen = Seen(policy, plan, predictions, logged, consent)
    nothing_is_lost(seen)
    ranks_and_arms(seen)
    days_are_in_order(seen)
    caps_hold(seen)
    limits_hold(seen)
    for row in seen.suppressed.itertuples():
        assert reason_is_true(seen, row)


def nothing_is_lost(seen):
    pairs = ["customer_id", "item_id"]
    both = [tuple(p) for t in (seen.offers, seen.suppressed) for p in t[pairs].to_numpy().tolist()]
    assert sorted(both) == sorted(map(tuple, seen.predictions[pairs].to_numpy().tolist()))
    assert set(seen.suppressed.reason_code) <= set(CODES)
    counts = seen.plan.counts
    assert counts.pop("total") == len(seen.predictions) == sum(counts.values())


def ranks_and_arms(seen):
    offers = seen.offers
    assert offers.offer_id.is_unique
    for _, mine in offers.groupby("customer_id"):
        assert mine.offer_rank.tolist() == list(range(1, len(mine) + 1))
        value = mine.expected_value.fillna(-np.inf).to_numpy()
        assert (value[1:] <= value[:-1]).all()
        assert mine.control.nunique() == 1
    assert not seen.plan.delivery().control.any()
    sent = plan_files(seen.plan)
    sent = [table for name, table in sent.items() if name.startswith(("delivery", "coupons"))]
    held = set(offers.customer_id[offers.control])
    assert all(held.isdisjoint(table.column("customer_id").to_pylist()) for table in sent)
    delivered = [one for table in sent for one in table.column("offer_id").to_pylist()]
    assert set(delivered) == set(offers.offer_id[~offers.control])
    assert len(seen.plan.delivery()) == int((~offers.control).sum())
    assert (offers.arm == np.where(offers.control, "control", "treatment")).all()
    assert offers.coupon_code.dropna().is_unique
    assert offers.coupon_code.notna().equals(~offers.control & seen.policy.coupons)


def days_are_in_order(seen):
    offers, policy = seen.offers, seen.policy
    assert (offers.window_start <= offers.send_on).all()
    assert (offers.send_on <= offers.expires_on).all()
    assert (offers.send_on <= offers.window_end).all()
    assert all(FIRST <= day < FIRST + policy.plan_days for _, _, day in seen.planned)
    assert all(day <= policy.deadline_day for day in days(offers, "expires_on"))
    assert ((offers.expires_on - offers.send_on).dt.days <= policy.ttl_days).all()


def caps_hold(seen):
    for at, (customer, item, day) in enumerate(seen.planned):
        others = [d for c, _, d in seen.logged if c == customer] + [
            d for k, (c, _, d) in enumerate(seen.planned) if c == customer and k != at
        ]
        assert broken(day, others, seen.policy) == ""
        cooling = [d for c, i, d in seen.logged if (c, i) == (customer, item)]
        assert all(abs(d - day) >= seen.policy.item_cooldown_days for d in cooling)


def spent(frame):
    chance = frame.probability + frame.uplift.fillna(0)
    return frame.contact_cost + (chance * frame.discount).fillna(0)


def limits_hold(seen):
    offers, policy = seen.offers, seen.policy
    assert all(seen.limit[i] is None or n <= seen.limit[i] for i, n in seen.per_item.items())
    assert all(n <= policy.quotas.get(c, n) for c, n in seen.per_category.items())
    assert policy.budget is None or spent(offers).sum() <= policy.budget + 1e-9
    assert not set(offers.item_id) & set(policy.exclude_items)
    if policy.one_per_category:
        assert not offers.dropna(subset="category").duplicated(["customer_id", "category"]).any()
    if seen.consent is not None:
        agreed = set(zip(seen.consent.customer_id, seen.consent.channel, strict=True))
        assert set(zip(offers.customer_id, offers.channel, strict=True)) <= agreed


def reason_is_true(seen, row):
    policy, mine = seen.policy, seen.offers[seen.offers.customer_id == row.customer_id]
    own = seen.suppressed.loc[[row.Index]]
    if row.reason_code == "duplicate_category":
        return row.category in set(mine.category)
    if row.reason_code == "quota":
        full = seen.per_category[row.category] == policy.quotas.get(row.category)
        return full or seen.per_item[row.item_id] == seen.limit[row.item_id]
    if row.reason_code == "budget":
        return spent(own).iloc[0] > policy.budget - spent(seen.offers).sum() - 1e-9
    if row.reason_code == "closed":
        return row.window_status == "closed" or row.window_end < AS_OF
    if row.reason_code in {"cap", "quiet"}:
        low = max(days(own, "window_start")[0], FIRST)
        high = min(days(own, "window_end")[0], FIRST + policy.plan_days - 1, policy.deadline_day)
        others = [d for c, _, d in seen.logged if c == row.customer_id] + days(mine, "send_on")
        cool = [d for c, i, d in seen.logged if (c, i) == (row.customer_id, row.item_id)]
        return all(
            broken(day, others, policy) or any(abs(d - day) < policy.item_cooldown_days for d in cool)
            for day in range(low, int(high) + 1)
        )
    return True


@settings(max_examples=20, **usual)
@given(policies, st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_no_matter(given_policy, seed, random):
    """Shuffled predictions and contacts give the same offers on the same days."""
    predictions, contacts, consent = worlds(seed)
    # equal worth may be told apart by anything; make all of it different (without an uplift all offers are alike)
    assume(given_policy.get("relative_uplift") != 0)
    predictions["probability"] = np.random.default_rng(seed).random(len(predictions))
    order = list(range(len(predictions)))
    random.shuffle(order)
    planner = OfferPlanner(OfferPolicy(**given_policy))
    given_tables = {"as_of": AS_OF, "catalog": CATALOG, "consent": consent}
    one = planner.plan(predictions, contacts=contacts, **given_tables).offers
    again = contacts if contacts is None else contacts[::-1]
    two = planner.plan(predictions.iloc[order], contacts=again, **given_tables).offers
    columns = ["customer_id", "item_id", "send_on", "expires_on", "offer_id", "channel", "control"]
    by = ["customer_id", "item_id"]
    pd.testing.assert_frame_equal(
        one[columns].sort_values(by, ignore_index=True), two[columns].sort_values(by, ignore_index=True)
    )
