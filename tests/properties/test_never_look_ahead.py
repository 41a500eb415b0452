"""What happens after a moment changes nothing that is said as of it."""

from dataclasses import replace

import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity
from nextbuy.evaluate.baselines import Popularity as Base

AS_OF = "2025-03-15"


@pytest.fixture(scope="module")
def world():
    made = nb.datasets.make_orders(customers=300, days=400, seed=9, return_share=0.05)
    items = made.orders["item_id"].value_counts().index[:120]
    return replace(made, orders=made.orders[made.orders["item_id"].isin(items)])


@pytest.fixture(scope="module")
def whole(world):
    return nb.read_orders(world.orders, catalog=world.catalog)


@pytest.fixture(scope="module")
def known(world):
    """Only what the shop knew at the moment, and a source that ends there."""
    lines = world.orders[world.orders["timestamp"] < AS_OF]
    return nb.read_orders(lines, catalog=world.catalog)


def test_the_future_holds_returns_of_past_purchases(world):
    """The appended future has orders, and returns of what was bought before the moment."""
    future = world.orders[world.orders["timestamp"] >= AS_OF]
    past = world.orders[world.orders["timestamp"] < AS_OF]
    back = future[future["quantity"] < 0]
    assert (future["quantity"] > 0).sum() > 300
    assert len(back.merge(past, on=["customer_id", "item_id"])) > 3


def test_next_purchase_never_looks_ahead(whole, known):
    """Fitted as of a moment, a model that could see the future says what one without it says."""
    first = nb.NextPurchase().fit(known, as_of=AS_OF).predict()
    model = nb.NextPurchase().fit(whole, as_of=AS_OF)
    pd.testing.assert_frame_equal(model.predict(), first)
    late = nb.NextPurchase().fit(whole)
    pd.testing.assert_frame_equal(late.predict(as_of=AS_OF), first)
    later = late.predict().merge(first, on=["customer_id", "item_id"], suffixes=("", "_first"))
    assert (later["probability"] != later["probability_first"]).any()


def test_within_the_last_day_the_hour_counts():
    """Asked for noon of its last day, a model does not use what was bought that evening."""
    noon, evening = "2025-05-10 12:00", "2025-05-10 20:00"
    lines = [
        {
            "customer_id": f"C{c}",
            "order_id": f"O{c}-{day}",
            "timestamp": f"2025-05-{day:02} 09:00",
            "item_id": item,
        }
        for c, day, item in [(1, 1, "a"), (2, 2, "b"), (1, 5, "b"), (3, 6, "c"), (2, 10, "a")]
    ]
    late = {"customer_id": "C1", "order_id": "late", "timestamp": evening, "item_id": "c"}
    without = nb.NextPurchase().fit(nb.read_orders(lines), as_of=noon).predict(as_of=noon)
    model = nb.NextPurchase().fit(nb.read_orders([*lines, late]))
    pd.testing.assert_frame_equal(model.predict(as_of=noon), without)
    assert "c" in set(model.predict(customers=["C1"], kind="repeat")["item_id"])


@pytest.mark.parametrize("baseline", [Popularity(), Popularity(recent_days=30), PersonalFrequency()])
def test_baselines_never_look_ahead(baseline: Base, whole, known):
    """Every baseline fitted as of a moment says what it says without the future."""
    for kind in ("all", "new", "repeat"):
        first = baseline.fit(known, as_of=AS_OF).predict(kind=kind)
        pd.testing.assert_frame_equal(baseline.fit(whole, as_of=AS_OF).predict(kind=kind), first)
        assert len(first)


def test_a_backtest_fits_on_the_past_alone(whole, known, monkeypatch):
    """The fits inside a backtest predict what a fit without the future predicts."""
    said = []
    plain = Popularity.predict

    def listen(self, **options):
        frame = plain(self, **options)
        said.append((type(self), options["kind"], frame))
        return frame

    with monkeypatch.context() as patch:
        patch.setattr(Popularity, "predict", listen)
        nb.backtest(PersonalFrequency(), whole, cutoffs=[AS_OF], baselines={"popularity": Popularity()})
    assert len(said) == 6
    for kind_of_model, kind, frame in said:
        alone = kind_of_model().fit(known, as_of=AS_OF).predict(kind=kind)
        pd.testing.assert_frame_equal(frame, alone)
