"""Categories as needs: their chance, who stands for them, and the lists made of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import nextbuy as nb
from nextbuy.orders.errors import InputError
from nextbuy.predict.heads import promised
from nextbuy.predict.needs import Needs


def test_a_category_misses_only_when_all_its_items_do():
    """Two mirrors at 1/2 and 1/4 are a mirror at 5/8, the first stands for it; an item without category is its own."""
    history = SimpleNamespace(customer=np.array([0, 1]), item=np.array([2, 0]))
    needs = Needs(history, np.array([0, 0, 1, -1], np.int32))
    customer, item = np.array([0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 1])
    chance, likeliest, owned = needs.met(customer, item, np.array([0.5, 0.25, 0.1, 0.2, 0.3]))
    assert chance == pytest.approx([0.625, 0.625, 0.1, 0.2, 0.3])
    assert likeliest.tolist() == [True, False, True, True, True]
    assert owned.tolist() == [False, False, True, False, True]


def test_a_rule_raises_a_chance_halfway_and_never_lowers_one():
    """Odds of 1 to 9 under a rule that promises 1/2 become 1 to 3; a weaker rule and none change nothing."""
    strength = np.array([[np.log(2), 0.0], [0.01, 0.0], [0.0, 0.0]], np.float32)
    assert promised(np.array([0.1, 0.4, 0.3]), strength) == pytest.approx([0.25, 0.4, 0.3], abs=1e-7)


@pytest.fixture(scope="module")
def lists(small_model):
    """New items, as far as candidates go, and the categories."""
    return (
        small_model.predict(kind="new", k=10_000),
        small_model.predict(kind="new", level="category", k=10_000),
    )


def test_a_category_has_one_row_with_its_likeliest_item(lists, small_world):
    """Recounted from the items: one row a category never bought from, its chance, its likeliest item, in its order."""
    items, needs = lists
    category = small_world.catalog.set_index("item_id")["category"]
    lines = nb.read_orders(small_world.orders).frame()
    owned = set(zip(lines["customer_id"], lines["item_id"].map(category), strict=True))
    some = items.assign(category=items["item_id"].map(category), missed=1 - items["probability"])
    keys = list(zip(some["customer_id"], some["category"], strict=True))
    some = some[[key not in owned for key in keys]]
    expected = 1 - some.groupby(["customer_id", "category"])["missed"].prod()
    needs = needs.assign(category=needs["item_id"].map(category)).set_index(["customer_id", "category"])
    assert needs.index.is_unique
    assert needs["probability"].sort_index().to_numpy() == pytest.approx(expected.sort_index().to_numpy())
    highest = some.groupby(["customer_id", "category"])["probability"].max()
    own = some.set_index(["customer_id", "item_id"])["probability"]
    picked = own.loc[list(zip(needs.index.get_level_values(0), needs["item_id"], strict=True))]
    assert picked.to_numpy() == pytest.approx(highest.loc[needs.index].to_numpy())
    assert (needs.groupby(level=0)["probability"].diff().fillna(-1) <= 0).all()


def test_new_items_stand_where_their_category_does(lists):
    """The first item of a list of new items is that of the surest category, or an item likelier than it."""
    items, needs = lists
    first = items[items["rank"] == 1].set_index("customer_id")
    surest = needs[needs["rank"] == 1].set_index("customer_id").loc[first.index]
    same = first["item_id"] == surest["item_id"]
    assert same.mean() > 0.5
    assert (first["probability"] >= surest["probability"])[~same].all()


def test_levels_ask_for_what_they_say(small_model):
    """Owned categories are repeats, never bought ones are new; together they are all, each once."""
    new, again, both = (
        small_model.predict(kind=kind, level="category", k=10_000) for kind in ("new", "repeat", "all")
    )
    assert len(new) + len(again) == len(both)
    with pytest.raises(InputError, match="level='items' is not known"):
        small_model.predict(level="items")


def test_a_category_without_a_catalog_is_refused(small_world):
    """Without a catalog the error says what to do."""
    model = nb.NextPurchase().fit(nb.read_orders(small_world.orders))
    with pytest.raises(InputError, match="needs a catalog"):
        model.predict(level="category")
