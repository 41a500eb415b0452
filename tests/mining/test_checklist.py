"""The checklist at the till against a plain reading of the rules."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from nextbuy.mining import AssociationRules
from nextbuy.mining import checklist as module


def shop(seed: int, orders: int = 400, items: int = 14) -> list[list[str]]:
    r = np.random.default_rng(seed)
    taste = r.random((4, items)) ** 4
    held = r.random((orders, items)) < taste[r.integers(0, 4, orders)] * 0.8
    return [[f"i{n}" for n in np.flatnonzero(row)] for row in held]


def by_hand(rules: pd.DataFrame, basket: list[str], k: int, by: str) -> list[tuple]:
    held, best = set(basket), {}
    usable = rules[rules.lift_low > 1].sort_values(by, ascending=False, kind="stable")
    for row in usable.to_dict("records"):
        if held.issuperset(row["antecedent"]):
            for item in set(row["consequent"]) - held:
                best.setdefault(item, (row[by], row["antecedent"]))
    return sorted(((value, item, because) for item, (value, because) in best.items()), key=lambda t: -t[0])[
        :k
    ]


@pytest.mark.parametrize("by", ["confidence", "lift_low"])
@pytest.mark.parametrize("consequents", [1, 2])
def test_answers_are_the_best_rules_that_the_basket_fulfils(by, consequents):
    """For each basket the items, their values and their reasons are those of reading the rules one by one."""
    baskets = shop(1)
    rules = AssociationRules(min_support=0.02, max_length=4, max_consequents=consequents).fit(baskets)
    answered = 0
    for basket in baskets[:60]:
        got = rules.complete(basket, k=4, by=by)
        want = by_hand(rules.rules_, basket, 4, by)
        column = "confidence" if by == "confidence" else "lift"
        assert len(got) == len(want)
        assert set(got.item_id) & set(basket) == set()
        if by == "confidence":
            assert got[column].tolist() == [v for v, _, _ in want]
        if len({v for v, _, _ in want}) == len(want):
            assert got.item_id.tolist() == [i for _, i, _ in want]
        answered += len(got)
    assert answered > 50


@pytest.mark.parametrize("cells", [1, 40, 32_000_000])
def test_many_baskets_equal_one_by_one(monkeypatch, cells):
    """All baskets at once, in blocks of any size, give what each gives alone."""
    monkeypatch.setattr(module, "CELLS", cells)
    monkeypatch.setattr(module, "EVENTS", cells)
    baskets = [*shop(2)[:40], [], ["never seen"]]
    rules = AssociationRules(min_support=0.02, max_length=3).fit(shop(2))
    many = rules.complete_all(baskets, k=3)
    for number, basket in enumerate(baskets):
        alone = rules.complete(basket, k=3)
        here = many[many.basket == number].drop(columns="basket").reset_index(drop=True)
        pd.testing.assert_frame_equal(here, alone, check_exact=True)


def test_owned_items_are_marked_not_hidden():
    """What the customer has already stays in the list with owned = True."""
    rules = AssociationRules(min_support=0.02).fit([["tile", "grout", "tap"]] * 30 + [["nail"]] * 60)
    got = rules.complete(["tile"], owned=["grout", "unknown"])
    assert dict(zip(got.item_id, got.owned, strict=True)) == {"grout": True, "tap": False}


def test_merely_popular_items_are_not_proposed():
    """An item that everybody buys anyway has confidence but no lift, and stays out."""
    baskets = [["milk", "tile", "grout"]] * 20 + [["milk", "nail"]] * 60 + [["milk"]] * 20
    rules = AssociationRules(min_support=0.02).fit(baskets)
    assert rules.complete(["tile"]).item_id.tolist() == ["grout"]
    assert "milk" in rules.complete(["tile"], min_lift_low=0.0).item_id.tolist()


@pytest.mark.parametrize("library", [pd, pl])
def test_items_stand_in_the_usual_order_of_purchase(library):
    """With sequential rules the tub comes before the tap that follows it, after what is bought at once."""
    baskets = [["tile", "tap", "tub", "grout"]] * 30 + [["nail"]] * 60
    rules = AssociationRules(min_support=0.02).fit(baskets)
    links = library.DataFrame(
        {
            "antecedent": ["tile", "tub", "nail"],
            "consequent": ["tub", "tap", "tile"],
            "lag_p50": [40.0, 12.0, 5.0],
        }
    )
    got = rules.complete(["tile"], sequences=SimpleNamespace(rules_=links))
    assert got.item_id.tolist() == ["grout", "tub", "tap"]
    assert got.after_days.tolist() == [0.0, 40.0, 52.0]


def test_items_that_follow_each_other_have_no_order():
    """Links both ways between two proposals leave both where they are."""
    links = pd.DataFrame({"antecedent": ["a", "b"], "consequent": ["b", "a"], "lag_p50": [9.0, 9.0]})
    rules = AssociationRules(min_support=0.02).fit([["x", "a", "b"]] * 30 + [["nail"]] * 60)
    assert rules.complete(["x"], sequences=SimpleNamespace(rules_=links)).after_days.tolist() == [0.0, 0.0]


def test_names_come_from_the_catalog():
    """With a catalog the proposals carry its names."""
    from nextbuy.orders.read import read_orders

    lines = pd.DataFrame(
        [(f"c{n}", f"o{n}", "2025-01-01", i) for n in range(30) for i in (["t", "g"] if n < 9 else ["n"])],
        columns=["customer_id", "order_id", "timestamp", "item_id"],
    )
    catalog = pd.DataFrame({"item_id": ["t", "g", "n"], "name": ["Tile", "Grout", "Nail"]})
    rules = AssociationRules(min_support=0.02).fit(read_orders(lines, catalog=catalog))
    assert rules.complete(["t"]).loc[0, ["item_id", "name"]].tolist() == ["g", "Grout"]
