"""Quotas and budget: against scipy's assignment, brute force, and the linear program."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array, vstack

from nextbuy.offers import OfferPlanner, OfferPolicy, rounds
from nextbuy.offers.calendar import Calendar
from nextbuy.offers.prices import Market, clearing_prices
from nextbuy.offers.rounds import Rounds


def frame(worth):
    n, m = worth.shape
    return {
        "customer_id": np.repeat([f"c{i}" for i in range(n)], m),
        "item_id": np.tile([f"i{j}" for j in range(m)], n),
        "probability": worth.ravel(),
    }


@pytest.mark.parametrize("seed", range(25))
def test_small_plans_equal_the_optimal_assignment(seed):
    """One offer a customer under quotas is worth exactly what scipy's assignment is worth."""
    rng = np.random.default_rng(seed)
    worth = rng.random((rng.integers(2, 9), rng.integers(2, 6)))
    quota = rng.integers(0, 4, worth.shape[1])
    policy = OfferPolicy(max_per_customer=1, quotas={f"i{j}": int(q) for j, q in enumerate(quota)})
    plan = OfferPlanner(policy).plan(frame(worth), as_of="2026-01-01")
    seats = worth[:, np.repeat(np.arange(len(quota)), quota)]
    best = seats[linear_sum_assignment(-seats)].sum()
    assert plan.offers.probability.sum() == pytest.approx(best)
    given = plan.offers.groupby("item_id").size()
    assert all(given.get(f"i{j}", 0) <= q for j, q in enumerate(quota))


@pytest.mark.parametrize("seed", range(12))
def test_small_plans_equal_brute_force(seed):
    """With categories, two offers a customer, quotas and a budget, no set of candidates is worth more."""
    rng = np.random.default_rng(seed)
    n, m = 3, 4
    worth = rng.random((n, m)).round(3)
    price, category = rng.integers(5, 30, m), ["a", "a", "b", "c"]
    catalog = {
        "item_id": [f"i{j}" for j in range(m)], "category": category,
        "price": price, "unit_margin": price / 2,
    }  # fmt: skip
    policy = OfferPolicy(
        max_per_customer=2, quiet_days=0, discount=0.1, max_per_item=2, quotas={"a": 2}, budget=2.0,
        channels={"sms": 0.3},
    )  # fmt: skip
    value = worth * (price / 2 - price / 10) - 0.3
    spend = 0.3 + worth * price / 10
    best = 0.0
    cells = [(i, j) for i in range(n) for j in range(m) if value[i, j] >= 0]
    for size in range(1, 2 * n + 1):
        for chosen in combinations(cells, size):
            people, items = [i for i, _ in chosen], [j for _, j in chosen]
            kinds = [(i, category[j]) for i, j in chosen]
            if (
                max(people.count(i) for i in people) <= 2
                and len(set(kinds)) == len(kinds)
                and max(items.count(j) for j in items) <= 2
                and sum(category[j] == "a" for j in items) <= 2
                and sum(spend[c] for c in chosen) <= 2.0
            ):
                best = max(best, sum(value[c] for c in chosen))
    plan = OfferPlanner(policy).plan(frame(worth), as_of="2026-01-01", catalog=catalog)
    assert plan.offers.expected_value.sum() == pytest.approx(best)


def market(seed, *, customers, items, each, slots, quota, budget=None, families=1):
    rng = np.random.default_rng(seed)
    popular = np.log(rng.dirichlet(np.full(items, 0.3)) + 1e-4)
    item = np.argsort(-(popular + rng.gumbel(size=(customers, items))), axis=1)[:, :each].ravel()
    customer = np.repeat(np.arange(customers), each)
    worth = rng.gamma(0.5, size=len(item)) * rng.gamma(1, size=items)[item]
    limits = np.maximum(1, rng.poisson(quota, items)).astype(float)
    spend = rng.choice([0.1, 0.5], len(item)) if budget else np.zeros(len(item))
    none = np.zeros(0, np.int64)
    calendar = Calendar(customers, first_day=0, days=30, quiet_days=0, cap=slots, cap_days=60)
    window = np.zeros(len(item), np.int64)
    return Rounds(
        customer, item // families, (item,), limits, worth, spend, window, window + 29, window, none, none, none,
        calendar,
        np.inf if budget is None else budget,
    )  # fmt: skip


def optimum(r, slots):
    """Upper bound on what any plan is worth: the linear program."""
    n, rows = len(r.worth), np.arange(len(r.worth))
    blocks = [
        csr_array((np.ones(n), (r.customer, rows))),
        csr_array((np.ones(n), (r.pools[0], rows)), shape=(len(r.left), n)),
    ]
    limits = [np.full(int(r.customer.max()) + 1, slots), r.left]
    pairs = r.customer * (int(r.category.max()) + 1) + r.category
    groups, group = np.unique(pairs, return_inverse=True)
    blocks.append(csr_array((np.ones(n), (group, rows))))
    limits.append(np.ones(len(groups)))
    if np.isfinite(r.budget):
        blocks.append(csr_array(r.spend[None, :]))
        limits.append(np.array([r.budget]))
    found = linprog(
        -r.worth, A_ub=vstack(blocks).tocsc(), b_ub=np.concatenate(limits), bounds=(0, 1), method="highs"
    )
    return -found.fun


@pytest.mark.parametrize(
    "shape",
    [
        {"customers": 1500, "items": 50, "each": 5, "slots": 1, "quota": 15},
        {"customers": 1500, "items": 300, "each": 5, "slots": 2, "quota": 3},
        {"customers": 1500, "items": 40, "each": 8, "slots": 3, "quota": 30, "budget": 60.0},
        {"customers": 1500, "items": 40, "each": 5, "slots": 2, "quota": 9999, "budget": 60.0},
        {"customers": 1500, "items": 40, "each": 8, "slots": 3, "quota": 25, "families": 8},
    ],
)
def test_prices_come_near_the_optimum(shape):
    """Plans too large to be solved exactly are worth at least 97 % of the linear program's bound."""
    r = market(5, **shape)
    assert len(r.worth) > rounds.SMALL
    bound = optimum(r, shape["slots"])
    limits, budget = r.left.copy(), r.budget
    r.run(np.arange(len(r.worth)))
    kept = r.send >= 0
    assert r.worth[kept].sum() >= 0.97 * bound
    assert (np.bincount(r.pools[0][kept], minlength=len(limits)) <= limits).all()
    assert np.bincount(r.customer[kept]).max() <= shape["slots"]
    assert r.spend[kept].sum() <= budget * (1 + 1e-12)


@pytest.mark.slow
def test_a_hundred_thousand_customers():
    """Half a million candidates under tight quotas are worth at least 95 % of the linear program's bound."""
    r = market(7, customers=100_000, items=200, each=5, slots=2, quota=400)
    bound = optimum(r, 2)
    r.run(np.arange(len(r.worth)))
    assert r.worth[r.send >= 0].sum() >= 0.95 * bound


def test_nothing_scarce_costs_nothing():
    """Where everybody gets their best, prices are zero and claims are what the next choice is worth less."""
    m = Market.of(np.arange(4), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([1, 1]))
    charge, claim = clearing_prices(
        m, worth=np.array([3.0, 1.0, 2.0, 5.0]), spend=np.zeros(4), pools=(np.array([0, 1, 0, 1]),),
        quota=np.array([1.0, 1.0]), budget=np.inf,
    )  # fmt: skip
    assert charge.tolist() == [0, 0, 0, 0]
    assert claim.tolist() == [2, -2, -3, 3]


def test_claims_by_hand():
    """What a row adds is its gain less that of the row it would push out: of its category, or the last that fits."""
    category = np.array([0, 0, 1, 2])
    m = Market.of(np.arange(4), np.zeros(4, np.int64), category, np.array([2]))
    claim, chosen = m.claims(np.array([5.0, 4.0, 3.0, 2.0]))
    # without row 0: rows 1 and 2; without 2: rows 0 and 3; row 3 would push out 2; row 1 would push out 0
    assert claim.tolist() == [1, -1, 1, -1]
    assert chosen.tolist() == [True, False, True, False]


def test_who_was_passed_over_in_vain_asks_again():
    """B loses the item's last place to A, A then fails at the category's quota: the place is B's after all."""
    three, none = np.arange(3), np.zeros(0, np.int64)
    calendar = Calendar(3, first_day=0, days=5, quiet_days=0, cap=1, cap_days=5)
    window = np.zeros(3, np.int64)
    r = Rounds(
        three, three, (np.array([0, 0, -1]), np.array([1, -1, 1])), np.ones(2), np.array([3.0, 2.0, 5.0]),
        np.zeros(3), window, window + 4, window, none, none, none, calendar, np.inf,
    )  # fmt: skip
    r._ask(three, r.worth)
    assert (r.send >= 0).tolist() == [False, True, True]
    assert r.refused.tolist() == ["quota", "", ""]


@pytest.mark.parametrize("width", [2, 5, 14])
def test_large_plans_come_near_the_exact_ones(width, monkeypatch):
    """With short windows and quiet days the way of large plans is worth at least 99 % of the best plan."""
    rng = np.random.default_rng(width)
    start = np.datetime64("2026-06-01") + rng.integers(-5, 25, 160 * 6)
    given = {
        "customer_id": np.repeat(np.arange(160), 6), "item_id": np.tile(np.arange(6), 160),
        "probability": rng.beta(0.6, 8, 160 * 6), "window_start": start, "window_end": start + width,
    }  # fmt: skip
    worth = []
    for small in (rounds.SMALL, 0):
        monkeypatch.setattr(rounds, "SMALL", small)
        plan = OfferPlanner(OfferPolicy(max_per_customer=3)).plan(given, as_of="2026-06-01")
        worth.append(plan.offers.probability.sum())
    assert 0.99 * worth[0] <= worth[1] <= worth[0] + 1e-9
