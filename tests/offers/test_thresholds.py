"""Offers over a threshold: what is added, what it saves and what the shop keeps, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.orders import InputError

CATALOG = pd.DataFrame(
    [
        ("tub", "Vană", "bathtub", 4200.0, 1800.0, 5),
        ("tap", "Смесител", "tap", 300.0, 120.0, 5),
        ("tap2", "Tap, gold", "tap", 850.0, 300.0, 5),
        ("tap3", "Tap, brass", "tap", 810.0, 300.0, 0),
        ("shower", "Douche à l'italienne", "shower", 900.0, 400.0, 5),
        ("mat", "Mat", "mat", 500.0, 20.0, 5),
        ("villa", "Sauna", "sauna", 6000.0, 2000.0, 5),
    ],
    columns=["item_id", "name", "category", "price", "unit_margin", "stock"],
)
LINKS = [
    {"antecedent": "bathtub", "consequent": "tap", "confidence": 0.5},
    {"antecedent": "bathtub", "consequent": "shower", "confidence": 0.3},
    {"antecedent": "tub", "consequent": "mat", "confidence": 0.9},
]
PLAN = [
    {"offer_id": "1", "customer_id": "A", "item_id": "tub", "control": False},
    {"offer_id": "2", "customer_id": "B", "item_id": "tub", "control": True},
    {"offer_id": "3", "customer_id": "C", "item_id": "villa", "control": False},
    {"offer_id": "4", "customer_id": "D", "item_id": "tap", "control": False},
]


def lifted(plan=PLAN, **more):
    return nb.threshold_offers(
        plan, **{"catalog": CATALOG, "links": LINKS, "over": 5000, "discount": 0.05} | more
    )


def test_the_best_addition_by_hand():
    """800 are missing: the cheapest tap that reaches, .5 x (2100 - 252.50), beats the shower, .3 x (2200 - 255)."""
    (found,) = lifted(max_items=1).itertuples()
    assert (found.offer_id, list(found.add_item_ids), found.missing) == ("1", ["tap2"], 800.0)
    assert (found.order_total, found.saving, found.chance) == (5050.0, 252.5, 0.5)
    assert (found.margin_alone, found.margin_together) == (1800.0, pytest.approx(1847.5))
    # margin of the whole order 2100 of 5050 is 41.6 %: 41.6 / (41.6 - 5)
    assert found.conversion_factor == pytest.approx(0.41584158 / 0.36584158)
    assert (
        found.text
        == "With Tap, gold (850.00) the order is 5,050.00: over 5,000.00, and 5 % off saves 252.50."
    )


def test_two_items_where_one_does_not_reach():
    """Mat and tap are added together where none of them reaches alone, and only if enough margin is left."""
    small = CATALOG[CATALOG.item_id.isin(["tub", "tap", "mat"])]
    (found,) = lifted(catalog=small.assign(unit_margin=[1800.0, 200.0, 200.0])).itertuples()
    assert sorted(found.add_item_ids) == ["mat", "tap"]
    assert found.chance == pytest.approx(0.45)
    assert len(lifted(catalog=small.assign(unit_margin=[1800.0, 20.0, 20.0]))) == 0


def test_what_a_customer_owns_is_not_suggested():
    """Who has bought a tap is offered the shower."""
    orders = nb.read_orders(
        [{"customer_id": "A", "timestamp": "2026-01-05", "item_id": "tap"}], catalog=CATALOG
    )
    (found,) = lifted(orders=orders, max_items=1).itertuples()
    assert list(found.add_item_ids) == ["shower"]
    assert found.add_names[0] == "Douche à l'italienne"


def test_rules_come_as_they_are(sample_orders):
    """The rules of both miners are taken as they stand, tuples and all."""
    links = nb.SequentialRules(level="category").fit(sample_orders).rules_
    tiles = sample_orders.catalog.table.to_pandas().query("category == 'tiles'").item_id.iloc[0]
    plan = [{"offer_id": "1", "customer_id": "A", "item_id": tiles}]
    found = nb.threshold_offers(plan, catalog=sample_orders.catalog, links=links, over=300, discount=0.02)
    assert len(found) == 1
    rules = nb.AssociationRules(level="category", min_support=0.005).fit(sample_orders).rules_
    assert (
        len(nb.threshold_offers(plan, catalog=sample_orders.catalog, links=rules, over=60, discount=0.02))
        <= 1
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"over": 0}, "over=0 must be an amount"),
        ({"discount": 5}, "discount=5 must be a share"),
        ({"max_items": 4}, "max_items=4"),
        ({"catalog": CATALOG.drop(columns="price")}, "needs the catalog's price"),
        ({"links": [{"antecedent": "a", "consequent": "b"}]}, "no column 'confidence'"),
        ({"links": [{"antecedent": "a", "consequent": "b", "confidence": 3}]}, "not between 0 and 1"),
    ],
)
def test_one_clear_error_each(given, says):
    """Figures and tables that make no sense are refused by name."""
    with pytest.raises(InputError, match=says):
        lifted(**given)
