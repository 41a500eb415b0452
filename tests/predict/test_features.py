"""Features: none sees the future, and those of habit are what one counts by hand."""

import numpy as np
import pytest

import nextbuy as nb
from nextbuy.mining.exposures import purchases
from nextbuy.predict.candidates import new_candidates, repeat_candidates
from nextbuy.predict.history import Timeline
from nextbuy.predict.items import catalog_arrays
from nextbuy.predict.learning import gather, mine_links

LINES = [  # customer a bought on three days, then once more after the cut of day 40
    ("a", 0, "tea"),
    ("a", 0, "cup"),
    ("a", 10, "tea"),
    ("a", 30, "tea"),
    ("a", 30, "jam"),
    ("a", 45, "cup"),
    ("b", 5, "jam"),
]


def _candidates(timeline, cut, category, durable, substitutes):
    history = timeline.before(cut)
    links = mine_links(timeline, cut, window_days=180, category=category, substitutes=substitutes)
    sources = gather(timeline, cut, links, horizon_days=30, category=category, durable=durable)
    return [made(history, sources) for made in (repeat_candidates, new_candidates)]


def test_no_feature_sees_the_future(small_orders):
    """Each column of both heads is the same with and without the events from the cut on."""
    category, _, durable, _ = catalog_arrays(
        small_orders.item_ids, np.bincount(small_orders.item), small_orders.catalog
    )
    events = purchases(small_orders)
    cut = events.end - 90
    given = cut, category, durable, np.full(events.n_items, -1)
    with_future = _candidates(Timeline.of(events), *given)
    without = _candidates(Timeline.of(events.where(events.day < cut)), *given)
    for seen, known in zip(with_future, without, strict=True):
        assert seen.names == known.names
        np.testing.assert_array_equal(seen.item, known.item)
        for name, a, b in zip(seen.names, seen.features.T, known.features.T, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.fixture
def counted():
    """Features of customer a's items as of day 40, by item."""
    frame = [
        {"customer_id": c, "order_id": f"{c}{day}", "timestamp": f"2025-01-{1 + day:02d}", "item_id": item}
        if day < 31
        else {"customer_id": c, "order_id": f"{c}{day}", "timestamp": "2025-02-15", "item_id": item}
        for c, day, item in LINES
    ]
    orders = nb.read_orders(frame, as_of="2025-03-01")
    events = purchases(orders)
    n = events.n_items
    cut = events.start + 40
    made = _candidates(Timeline.of(events), cut, np.full(n, -1), np.zeros(n, bool), np.full(n, -1))[0]
    rows = made.customer == orders.customer_ids.to_pylist().index("a")
    items = [orders.item_ids[int(i)].as_py() for i in made.item[rows]]
    return {
        item: dict(zip(made.names, row.tolist(), strict=True))
        for item, row in zip(items, made.features[rows], strict=True)
    }


def test_purchases_fade_by_order_day(counted):
    """Tea was bought on the last three of three order days, the cup on the first only, the jam on the last."""
    kept = {item: row["pair_kept_50"] for item, row in counted.items()}
    assert kept == pytest.approx({"tea": 1 + 0.5 + 0.25, "cup": 0.25, "jam": 1.0})
    assert {item: row["pair_in_last"] for item, row in counted.items()} == {"tea": 1, "cup": 0, "jam": 1}


def test_habits_are_counted(counted):
    """Two of five lines came again: (2 + 1) / (5 + 3); three order days held five lines; 40 days since the first."""
    row = counted["tea"]
    assert row["customer_repeat_share"] == pytest.approx(3 / 8)
    assert row["customer_recent_basket"] == pytest.approx(5 / 3)
    assert row["customer_age_days"] == 40


def test_purchases_ahead_are_share_times_order_days(counted):
    """An item of a third of the order days is expected on a third of those ahead."""
    for row, share in ((counted["tea"], 1.0), (counted["cup"], 1 / 3)):
        assert row["pair_expected"] == pytest.approx(share * row["visits_ahead"], rel=1e-5)
    decayed = np.exp2(-np.array([40, 30, 10]) / 90)
    assert counted["cup"]["pair_share_visits_90"] == pytest.approx(
        decayed[0] / (decayed.sum() + 0.5), rel=1e-5
    )
