"""The report on a campaign: published intervals, a hand count, and effects that were planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.datasets import make_orders, simulate_campaign
from nextbuy.offers import OfferPlanner, OfferPolicy, draw_holdout
from nextbuy.offers.effect import newcombe
from nextbuy.orders import InputError

CATALOG = [
    {"item_id": "tap", "category": "taps", "price": 50.0, "unit_margin": 20.0},
    {"item_id": "tap2", "category": "taps", "price": 80.0, "unit_margin": 30.0},
    {"item_id": "mat", "category": "mats", "price": 20.0, "unit_margin": 8.0},
]


def offer(customer, control, item="tap", send="2026-06-01", **more):
    return {"customer_id": customer, "item_id": item, "send_on": send, "control": control} | more


def line(customer, day, item="tap", quantity=1, price=50.0):
    return {
        "customer_id": customer, "order_id": f"{customer} {day}", "timestamp": day, "item_id": item,
        "quantity": quantity, "price": price,
    }  # fmt: skip


END = line("Z", "2026-08-01", "mat")


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_own_examples(counts, low, high):
    """The interval is that of table II of Newcombe (1998), method 10."""
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_report_by_hand():
    """Two of four treated and one of two held out bought; money, discounts and costs are those of a hand count."""
    plan = [
        offer("A", control=False, category="taps", contact_cost=0.5, discount=5.0, expires_on="2026-06-15"),
        offer("B", control=False, category="taps", contact_cost=0.5, discount=5.0, expires_on="2026-06-15"),
        offer("C", control=False, category="taps", contact_cost=0.5, discount=5.0, expires_on="2026-06-15"),
        offer(
            "D",
            control=False,
            item="mat",
            category="mats",
            contact_cost=0.5,
            discount=2.0,
            expires_on="2026-06-15",
        ),
        offer("E", control=True, category="taps", contact_cost=0.5, discount=5.0, expires_on="2026-06-15"),
        offer("F", control=True, category="taps", contact_cost=0.5, discount=5.0, expires_on="2026-06-15"),
    ]
    lines = [
        line("A", "2026-06-10", quantity=2),  # margin 40, discount 10
        line("B", "2026-06-30", "tap2", price=80.0),  # another tap on the last day: margin 30, no discount
        line("C", "2026-07-01"),  # a day too late
        line("C", "2026-05-31"),  # a day too early
        line("D", "2026-06-05"),  # something else
        line("E", "2026-06-20"),  # margin 20, no discount
        END,
    ]
    report = nb.campaign_report(plan, nb.read_orders(lines, catalog=CATALOG))
    assert report.arms.set_index("arm")[
        ["customers", "contacted", "buyers", "revenue", "contribution"]
    ].values.tolist() == [[4, 4, 2, 180.0, 60.0], [2, 0, 1, 50.0, 20.0]]
    assert report.facts["difference"] == 0.0
    assert report.facts["contact_cost"] == 2.0
    assert report.facts["discounts"] == 10.0
    # 60 / 4 less 20 / 2, times 4 customers
    assert report.facts["incremental_contribution"] == pytest.approx(20.0)
    assert report.facts["roi"] == pytest.approx(9.0)
    assert any("interval holds zero" in note for note in report.notes)
    assert report.log.bought.tolist() == [True, True, False, False, True, False]
    by_item = nb.campaign_report(plan, nb.read_orders(lines, catalog=CATALOG), level="item")
    assert by_item.arms.buyers.tolist() == [1, 1]


def test_without_a_holdout_nothing_is_identified():
    """All treated: no difference, no money, no return, and a sentence that says so and what to do."""
    report = nb.campaign_report([offer("A", control=False)], nb.read_orders([line("A", "2026-06-02"), END]))
    assert not report.identified
    assert (
        report.facts["difference"] is report.facts["incremental_contribution"] is report.facts["roi"] is None
    )
    assert "Not identified" in repr(report)
    assert "holdout=0.1" in repr(report)


def test_what_was_really_sent():
    """Costs are those of the contact log; a held-out customer who was contacted stays held out, and is named."""
    plan = [offer(c, control=c in "CD", contact_cost=1.0) for c in "ABCD"]
    contacts = [
        {"customer_id": "A", "sent_on": "2026-06-02", "cost": 0.3},
        {"customer_id": "C", "sent_on": "2026-06-02", "cost": 0.4},
        {"customer_id": "B", "sent_on": "2026-05-02", "cost": 9.0},
    ]
    report = nb.campaign_report(plan, nb.read_orders([line("C", "2026-06-03"), END]), contacts)
    assert report.arms.contacted.tolist() == [1, 1]
    assert report.arms.buyers.tolist() == [0, 1]
    assert report.facts["contact_cost"] == pytest.approx(0.7)
    assert report.facts["contacted_controls"] == 1
    assert any("held-out" in note for note in report.notes)


def test_offers_too_young_to_tell_are_left_out():
    """An offer whose days of response lie beyond the orders is counted, not judged."""
    plan = [offer("A", control=False), offer("B", control=True), offer("C", control=False, send="2026-07-20")]
    report = nb.campaign_report(plan, nb.read_orders([line("A", "2026-06-02"), END]))
    assert report.facts["young_offers"] == 1
    assert report.arms.customers.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda o: nb.campaign_report([{"customer_id": "A"}], o), "plan: there is no column 'item_id'"),
        (
            lambda _: nb.campaign_report([offer("A", control=False)], [1]),
            "campaign_report needs Orders, not list",
        ),
        (lambda o: nb.campaign_report([offer("A", control=False, send=None)], o), "send_on that is missing"),
        (lambda o: nb.campaign_report([offer("A", control=None)], o), "control that is missing"),
        (
            lambda o: nb.campaign_report([offer("A", control=False, send="2026-07-30")], o),
            "Wait until 2026-08-29",
        ),
        (
            lambda o: nb.campaign_report(
                [offer("A", control=False), offer("A", control=True, item="mat")], o
            ),
            "not the same in all rows of a customer",
        ),
        (lambda o: nb.campaign_report([offer("A", control=False)], o, response_days=0), "response_days=0"),
        (lambda o: nb.campaign_report([offer("A", control=False)], o, level="brand"), "level='brand'"),
        (lambda o: nb.campaign_report([offer("A", control=False)], o, [{"customer_id": "A"}]), "'sent_on'"),
    ],
)
def test_one_clear_error_each(call, says):
    """What cannot be reported on is refused with the table, the column and the row."""
    with pytest.raises(InputError, match=says):
        call(nb.read_orders([line("A", "2026-06-02"), END]))


@pytest.fixture(scope="module")
def shop():
    return make_orders(customers=12_000, days=500, seed=8, return_share=0)


def needs(data, as_of):
    """Give the needs that come after as_of, as a plan that knows them would see them."""
    events = data.events[data.events.happened]
    days = events.antecedent_date + pd.to_timedelta(events.lag_days, "D")
    item = data.catalog.drop_duplicates("category").set_index("category").item_id
    return pd.DataFrame(
        {
            "customer_id": events.customer_id,
            "item_id": events.consequent.map(item),
            "category": events.consequent,
            "send_on": days - pd.Timedelta(days=5),
        }
    )[days >= as_of + pd.Timedelta(days=5)].drop_duplicates("customer_id")


def test_the_planted_uplift_is_recovered(shop):
    """Needs met here by 40 %, and 1.5 times as often after a message: the report finds the ratio and the difference."""
    as_of = pd.Timestamp("2025-06-01")
    plan = needs(shop, as_of)
    plan = plan[plan.send_on <= "2025-09-15"]
    plan["control"] = draw_holdout(plan.customer_id.tolist(), share=0.5, salt="s", campaign="c")
    after = simulate_campaign(shop, plan, as_of=as_of, loyalty=0.4, relative_uplift=0.5)
    report = nb.campaign_report(plan, nb.read_orders(after, catalog=shop.catalog), response_days=14)
    assert len(plan) > 1500
    # the same customers, all with a message and none
    truth = [
        nb.campaign_report(
            plan, nb.read_orders(world, catalog=shop.catalog), response_days=14
        ).arms.buyers.sum() / len(plan)
        for world in (
            simulate_campaign(shop, plan.assign(control=False), as_of=as_of, loyalty=0.4, relative_uplift=0.5),
            simulate_campaign(shop, plan.head(0), as_of=as_of, loyalty=0.4, relative_uplift=0.5),
        )
    ]  # fmt: skip
    facts = report.facts
    assert facts["difference_low"] < truth[0] - truth[1] < facts["difference_high"]
    assert facts["difference_low"] > 0.1
    assert report.uplift.low < 0.5 < report.uplift.high
    nothing = simulate_campaign(shop, plan, as_of=as_of, loyalty=0.4, relative_uplift=0.0)
    idle = nb.campaign_report(plan, nb.read_orders(nothing, catalog=shop.catalog), response_days=14).facts
    assert idle["difference_low"] < 0 < idle["difference_high"]
    assert idle["relative_uplift"] is None


def test_the_report_feeds_the_next_plan(shop):
    """The log of one campaign gives the next plan its measured uplift."""
    as_of = pd.Timestamp("2025-06-01")
    plan = needs(shop, as_of).query("send_on <= '2025-09-01'")
    plan["control"] = draw_holdout(plan.customer_id.tolist(), share=0.5, salt="s", campaign="c")
    after = simulate_campaign(shop, plan, as_of=as_of, loyalty=0.4, relative_uplift=0.5)
    report = nb.campaign_report(plan, nb.read_orders(after, catalog=shop.catalog), response_days=14)
    following = OfferPlanner().plan(
        [{"customer_id": "new", "item_id": "x", "probability": 0.1}], as_of="2025-11-01", contacts=report.log
    )
    assert following.facts["relative_uplift"] == pytest.approx(report.facts["relative_uplift"])


def test_a_simulated_need_keeps_its_lot(shop):
    """What is bought without messages is bought with them too; before as_of nothing changes."""
    as_of = pd.Timestamp("2025-06-01")
    plan = needs(shop, as_of)
    without = simulate_campaign(shop, plan.head(0), as_of=as_of)
    with_it = simulate_campaign(shop, plan, as_of=as_of)
    assert set(without.index) < set(with_it.index) < set(shop.orders.index)
    early = shop.orders.timestamp < as_of
    assert set(shop.orders.index[early]) <= set(without.index)
    with pytest.raises(InputError, match="loyalty"):
        simulate_campaign(shop, plan, as_of=as_of, loyalty=0.8, relative_uplift=0.5)


@pytest.mark.slow
def test_the_predicted_window_beats_now_and_fixed_days():
    """Messages sent in the window meet more needs than those sent at once or after 30 days, beyond chance.

    Ten weekly campaigns to those who just began something; and the report's interval holds the true effect.
    """
    data = make_orders(customers=20_000, days=730, seed=5, return_share=0)
    first = pd.Timestamp("2026-01-05")
    world = {"as_of": first, "loyalty": 0.5, "relative_uplift": 1.0}
    orders = nb.read_orders(data.orders, catalog=data.catalog)
    model = nb.NextPurchase(horizon_days=90).fit(orders, as_of=first)
    policy = OfferPolicy(
        max_per_customer=9, quiet_days=0, plan_days=60, holdout=0.4, channels={"email": 0.05}
    )
    catalog = data.catalog.drop(columns="stock")
    offers = pd.DataFrame({"customer_id": [], "category": [], "send_on": [], "control": []})
    for week in range(10):
        as_of = first + pd.Timedelta(weeks=week)
        known = simulate_campaign(data, offers, **world)
        fresh = known[(known.timestamp < as_of) & (known.timestamp >= as_of - pd.Timedelta(days=7))]
        asked = nb.read_orders(known[known.timestamp < as_of], catalog=data.catalog)
        found = model.predict(
            asked, as_of=as_of, kind="new", k=30, customers=fresh.customer_id.unique().tolist()
        )
        found = found[(found.source == "sequence") & (found.timing_signal == "strong")]
        found = found[found.trigger_date >= as_of - pd.Timedelta(days=7)]
        more = OfferPlanner(policy).plan(found, as_of=as_of, catalog=catalog).offers.assign(asked=as_of)
        offers = pd.concat([offers, more] if week else [more], ignore_index=True)
    offers = offers.drop_duplicates(["customer_id", "category"])
    ways = {
        "window": offers,
        "now": offers.assign(send_on=offers.asked),
        "fixed": offers.assign(send_on=offers.asked + pd.Timedelta(days=30)),
    }
    treated = offers[~offers.control][["customer_id", "category"]]
    person, people = pd.factorize(treated.customer_id)
    met = {}
    for name, way in ways.items():
        lines = simulate_campaign(data, way, **world)
        lines = lines[lines.timestamp >= first].merge(data.catalog[["item_id", "category"]])
        pairs = set(zip(lines.customer_id, lines.category, strict=True))
        hit = np.array([pair in pairs for pair in zip(treated.customer_id, treated.category, strict=True)])
        met[name] = np.bincount(person, hit, len(people))
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(people), (2000, len(people)))
    for other in ("now", "fixed"):
        gap = met["window"] - met[other]
        assert np.quantile(gap[draws].sum(1), 0.025) > 0, other
    after = nb.read_orders(simulate_campaign(data, offers, **world), catalog=data.catalog)
    report = nb.campaign_report(offers, after, response_days=14)
    rates = [
        nb.campaign_report(
            offers,
            nb.read_orders(simulate_campaign(data, way, **world), catalog=data.catalog),
            response_days=14,
        ).arms.buyers.sum()
        for way in (offers.assign(control=False), offers.head(0))
    ]
    people_watched = report.arms.customers.sum()
    truth = (rates[0] - rates[1]) / people_watched
    assert report.facts["difference_low"] < truth < report.facts["difference_high"]
    assert report.facts["difference_low"] > 0
