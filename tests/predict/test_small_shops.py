"""Shops with hardly any history are answered sensibly."""

import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity


def _tiny(lines):
    lines = lines[lines["customer_id"].isin(lines["customer_id"].unique()[:5])]
    return lines[lines["order_id"].isin(lines["order_id"].unique()[:20])]


SHOPS = {
    "tiny": _tiny,
    "one customer": lambda f: f[f["customer_id"] == f["customer_id"].iloc[0]],
    "one line": lambda f: f.head(1),
    "one day": lambda f: f[f["quantity"] > 0].head(800).assign(timestamp=pd.Timestamp("2025-01-01")),
    "no repeats": lambda f: f[f["quantity"] > 0].head(1500).drop_duplicates(["customer_id", "item_id"]),
}


@pytest.mark.parametrize("with_catalog", [True, False])
@pytest.mark.parametrize("name", SHOPS)
def test_a_small_shop_is_answered(name, with_catalog, small_world):
    """Fitting and predicting give each customer one to ten ranked rows with sensible probabilities."""
    lines = SHOPS[name](small_world.orders)
    orders = nb.read_orders(lines, catalog=small_world.catalog if with_catalog else None)
    bought = orders.frame()
    for estimator in (nb.NextPurchase(), Popularity(), PersonalFrequency()):
        made = estimator.fit(orders).predict()
        assert set(made["customer_id"]) <= set(bought["customer_id"])
        assert (
            made["customer_id"].nunique() > 0.9 * orders.n_customers or not with_catalog or name == "one line"
        )
        assert set(made["item_id"]) <= set(bought["item_id"])
        assert made["probability"].between(0, 1).all()
        assert made["rank"].between(1, 10).all()
        owned = set(zip(bought["customer_id"], bought["item_id"], strict=True))
        repeats = estimator.predict(kind="repeat")
        assert set(zip(repeats["customer_id"], repeats["item_id"], strict=True)) <= owned


@pytest.mark.parametrize("occurrence", ["first", "any"])
@pytest.mark.parametrize("name", SHOPS)
def test_a_small_shop_has_rules_without_nonsense(name, occurrence, small_world):
    """Sequential rules of a shop without evidence are an empty or finite frame, never an error."""
    orders = nb.read_orders(SHOPS[name](small_world.orders))
    rules = (
        nb.SequentialRules(occurrence=occurrence, min_followed=1, min_customers=1, fdr=None)
        .fit(orders)
        .rules_
    )
    assert (rules["followed"] <= rules["exposed"]).all()
    assert rules[["lift", "lift_low", "q_value", "lag_p50"]].notna().all().all()
    assert not len(nb.SequentialRules(occurrence=occurrence).fit(orders).rules_) or name == "no repeats"
    if name in ("one line", "one day"):
        assert not len(rules)


def test_the_verdict_says_what_there_was_to_learn_from(small_model, small_world):
    """A year teaches both heads, by the six months of its newer half; fifty days none; few purchases are counted."""
    assert "closed" not in small_model.learned_.verdict
    assert "after 6 past cut-offs" in small_model.learned_.verdict
    lines = small_world.orders
    short = lines[lines["timestamp"] < lines["timestamp"].min() + pd.Timedelta(days=50)]
    said = nb.NextPurchase().fit(nb.read_orders(short)).learned_.verdict
    assert said.count("too short for a past cut-off") == 2
    few = lines[lines["customer_id"].isin(lines["customer_id"].unique()[:8])]
    orders = nb.read_orders(few)
    model = nb.NextPurchase().fit(orders)
    bought = orders.frame().assign(day=lambda f: f["timestamp"].dt.normalize())
    end = bought["day"].max() + pd.Timedelta(days=1)
    again = 0
    for number in range(1, 7):
        cut = end - pd.Timedelta(days=30 * number)
        after = bought[(bought["day"] >= cut) & (bought["day"] < cut + pd.Timedelta(days=30))]
        known = set(
            zip(*(bought.loc[bought["day"] < cut, c] for c in ("customer_id", "item_id")), strict=True)
        )
        again += len(known & set(zip(after["customer_id"], after["item_id"], strict=True)))
    assert again < 100
    assert f"Repeats are closed forms: {again} purchases" in model.learned_.verdict


def test_what_nobody_bought_lately_is_still_told_apart(small_world):
    """In a shop of one order a customer nobody is a newcomer to an item: the items that sell most come first."""
    lines = small_world.orders.sort_values("timestamp").drop_duplicates("customer_id")
    orders = nb.read_orders(lines)
    made = nb.NextPurchase().fit(orders).predict(kind="new", customers=["nobody"], k=5)
    sold = lines["item_id"].value_counts()
    assert (made["probability"] > 0).all()
    assert sold[made["item_id"]].tolist() == sorted(sold, reverse=True)[:5]
