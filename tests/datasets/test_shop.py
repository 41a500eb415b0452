"""The goods make sense."""

import re

import pytest

from nextbuy.datasets.shop import shop_categories


def test_ids_are_unique_and_readable(shop):
    """An item id is a code of its category and a number; no two items share id or name."""
    catalog = shop.catalog
    assert catalog["item_id"].is_unique
    assert catalog["name"].is_unique
    assert catalog["item_id"].map(lambda i: bool(re.fullmatch(r"[A-Z]{3}-\d{4}", i))).all()
    assert catalog.groupby(catalog["item_id"].str[:3])["category"].nunique().max() == 1


def test_every_category_has_several_pieces(shop):
    """Four to twelve pieces a category, a few hundred in total."""
    sizes = shop.catalog["category"].value_counts()
    assert sizes.between(4, 12).all()
    assert 300 < sizes.sum() < 1_000


def test_money_is_sensible(shop):
    """Prices are positive and the margin is a part of them, in EUR."""
    catalog = shop.catalog
    assert (catalog["price"] > 1).all()
    assert (catalog["unit_margin"] / catalog["price"]).between(0.1, 0.65).all()
    assert (catalog["stock"] >= 0).all()


def test_durables_are_durable(shop):
    """Who has a bathtub needs no second one; paint runs out."""
    durable = shop.catalog.drop_duplicates("category").set_index("category")["durable"]
    assert durable[["bathtub", "toilet", "sink", "cabinet", "shower", "tap", "tiles"]].all()
    assert not durable[["paint", "cleaning", "pet_food", "light_bulb"]].any()


def test_substitutes_share_a_group(shop):
    """A group of substitutes lies within one category; cups of two colours are none."""
    assert (shop.catalog.groupby("substitutes_group")["category"].nunique() == 1).all()
    assert shop.catalog.query("category == 'mugs'")["substitutes_group"].isna().all()


def test_a_few_pieces_sell_most(purchases):
    """Within a category the best seller sells at least twice what the worst does."""
    sold = purchases.groupby(["category", "item_id"]).size().groupby("category")
    assert (sold.max() > 2 * sold.min()).mean() > 0.95


def test_codes_of_categories_are_unique():
    """No two shelves share a code or an id."""
    shelves = shop_categories()
    assert len({s.code for s in shelves}) == len({s.category for s in shelves}) == len(shelves)


def test_quantity_per_is_bought(purchases):
    """With the tiles comes about a third of a bag of adhesive a pack, as the catalog says."""
    packs = purchases[purchases["category"] == "tiles"].groupby("order_id")["quantity"].sum()
    bags = purchases[purchases["category"] == "adhesive"].groupby("order_id")["quantity"].sum()
    both = packs.index.intersection(bags.index)
    assert bags[both].sum() / packs[both].sum() == pytest.approx(0.35, rel=0.1)
