"""Substitutes are labelled, and not sold as followers."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.mining.exposures import purchases
from nextbuy.predict.history import Timeline
from nextbuy.predict.items import substitute_groups
from nextbuy.predict.learning import mine_links


@pytest.fixture(scope="module")
def shop():
    """A shop of 40 things in which a drill is followed by bits, one drill by another, two mugs go in any order."""
    random = np.random.default_rng(3)
    n = 4_000
    customer = np.repeat(np.arange(n), 6)
    lines = [
        (c, d, f"thing-{i}")
        for c, d, i in zip(
            customer, random.integers(0, 400, 6 * n), random.integers(0, 40, 6 * n), strict=True
        )
    ]
    for c in range(n):
        day = int(random.integers(0, 330))
        if c % 4 == 0:
            lines.append((c, day, "drill-a"))
            if random.random() < 0.4:
                lines.append((c, day + int(random.integers(5, 40)), "bits"))
            if random.random() < 0.3:
                lines.append((c, day + int(random.integers(5, 60)), "drill-b"))
        if c % 5 == 0:
            days = random.integers(0, 60, 2) + int(random.integers(0, 330))
            lines += [(c, int(days[0]), "mug-red"), (c, int(days[1]), "mug-blue")]
    frame = pd.DataFrame(lines, columns=["customer_id", "day", "item_id"]).drop_duplicates()
    frame["timestamp"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.pop("day"), unit="D")
    items = sorted(frame["item_id"].unique())
    kind = {"drill-a": "drills", "drill-b": "drills", "mug-red": "mugs", "mug-blue": "mugs", "bits": "bits"}
    catalog = pd.DataFrame(
        {
            "item_id": items,
            "category": [kind.get(i, i) for i in items],
            "substitutes_group": ["drill" if i.startswith("drill") else None for i in items],
        }
    )
    return frame, catalog


@pytest.fixture(scope="module")
def orders(shop):
    return nb.read_orders(shop[0], catalog=shop[1])


def relations(links):
    rules = links.rules_
    return dict(
        zip(zip(rules["antecedent"], rules["consequent"], strict=True), rules["relation"], strict=True)
    )


def test_each_pair_has_its_relation(orders):
    """Bits follow a drill; drills of one group and mugs of one category are substitutes; strangers are neither."""
    found = relations(nb.SequentialRules(window_days=90, fdr=None).fit(orders))
    assert found["drill-a", "bits"] == "follows"
    assert found["drill-a", "drill-b"] == "substitute"
    assert found["mug-red", "mug-blue"] == found["mug-blue", "mug-red"] == "substitute"
    strangers = [word for (a, b), word in found.items() if a.startswith("thing") and b.startswith("thing")]
    assert len(strangers) > 1_000
    assert "substitute" not in strangers


def test_without_a_catalog_nothing_is_a_substitute(shop):
    """Direction alone tells follows from either order."""
    found = relations(nb.SequentialRules(window_days=90, fdr=None).fit(nb.read_orders(shop[0])))
    assert found["drill-a", "drill-b"] == "follows"
    assert found["mug-red", "mug-blue"] == "either_order"


def test_substitutes_are_no_followers(orders):
    """A substitute that passes every test is labelled in `rules_`, and `after` and `before` leave it out."""
    links = nb.SequentialRules(window_days=90).fit(orders)
    assert relations(links)["drill-a", "drill-b"] == "substitute"
    assert links.after("drill-a")["consequent"].tolist() == ["bits"]
    assert not len(links.before("drill-b"))
    assert links.probability("drill-a", "drill-b", elapsed_days=1, horizon_days=30) > 0.1


def test_predictions_take_no_substitute_for_a_follower(shop):
    """The rules behind predictions hold no pair of one substitutes group; without a catalog they do."""

    def pairs(catalog):
        orders = nb.read_orders(shop[0], catalog=catalog)
        timeline = Timeline.of(purchases(orders))
        category = np.full(orders.n_items, -1, np.int32)
        groups = substitute_groups(orders.item_ids, orders.catalog)
        (links,) = mine_links(timeline, 20_200, window_days=90, category=category, substitutes=groups)
        ids = np.array(orders.item_ids.to_pylist())
        assert np.all(np.diff(links.antecedent) >= 0)
        return set(zip(ids[links.antecedent].tolist(), ids[links.consequent].tolist(), strict=True))

    every, fewer = pairs(None), pairs(shop[1])
    assert every - fewer == {("drill-a", "drill-b")}
    assert ("drill-a", "bits") in fewer
