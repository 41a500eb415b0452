"""A shop that changes overnight: yesterday's orders decide whether the past still teaches."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.mining.exposures import purchases
from nextbuy.predict.candidates import Candidates
from nextbuy.predict.drift import levels
from nextbuy.predict.order import by_count, deal

CUSTOMERS, ITEMS, DAYS = 600, 120, 240
START = pd.Timestamp("2025-01-01")


def _shop(*, changes_on: int | None) -> pd.DataFrame:
    """Customers follow fashions (each item is bought for some weeks, then another) until the shop changes.

    From day `changes_on` they buy only what they bought most often in all their past.
    """
    random = np.random.default_rng(4)
    lines = []
    counts = np.zeros((CUSTOMERS, ITEMS))
    favourites = random.integers(0, ITEMS, (CUSTOMERS, 4))
    for day in range(DAYS):
        renewed = random.random((CUSTOMERS, 4)) < 0.04
        favourites[renewed] = random.integers(0, ITEMS, int(renewed.sum()))
        shoppers = np.flatnonzero(random.random(CUSTOMERS) < (0.5 if day == DAYS - 1 else 0.15))
        bought = favourites[shoppers]
        if changes_on is not None and day >= changes_on:
            bought = np.argsort(-counts[shoppers], axis=1, kind="stable")[:, :4]
        np.add.at(counts, (np.repeat(shoppers, 4), bought.ravel()), 1)
        lines.append(
            pd.DataFrame({"customer_id": np.repeat(shoppers, 4), "item_id": bought.ravel(), "day": day})
        )
    frame = pd.concat(lines, ignore_index=True)
    frame["timestamp"] = START + pd.to_timedelta(frame.pop("day"), "D")
    frame["order_id"] = frame["customer_id"].astype(str) + frame["timestamp"].dt.strftime("-%j")
    return frame


def _fitted(frame: pd.DataFrame) -> nb.NextPurchase:
    return nb.NextPurchase(horizon_days=30).fit(nb.read_orders(frame))


def test_a_shop_that_stays_keeps_its_model():
    """Where the last day is like the others, the head learned from all cut-offs serves."""
    assert _fitted(_shop(changes_on=None)).learned_.drift == ""


def test_a_history_just_long_enough_teaches_all_the_same():
    """Ninety days hold one cut-off with two months before it: no day of them is kept to judge by."""
    frame = _shop(changes_on=None)
    model = _fitted(frame[frame["timestamp"] >= START + pd.Timedelta(days=DAYS - 90)])
    assert model.learned_.cutoffs == (model._cut - 30,)
    assert model.learned_.repeat.model is not None


@pytest.mark.parametrize(("days_ago", "served"), [(1, {"counts"}), (45, {"recent"})])
def test_a_shop_that_changed_overnight_is_noticed(days_ago, served, tmp_path):
    """After a change on the last day counts serve; once a cut-off lies behind the change, learning does again."""
    model = _fitted(_shop(changes_on=DAYS - days_ago))
    assert model.learned_.drift in served
    if days_ago == 45:
        assert model.learned_.cutoffs == (model._cut - 30 - 1,)
        assert "other habits" in model.learned_.verdict
    if "counts" in served:
        rows = model.predict(kind="repeat", k=4)
        frame = _shop(changes_on=DAYS - 1)
        counts = frame.groupby(["customer_id", "item_id"])["timestamp"].nunique()
        own = counts.loc[list(zip(rows["customer_id"], rows["item_id"], strict=True))].to_numpy()
        assert (pd.Series(own).groupby(rows["customer_id"].to_numpy()).is_monotonic_decreasing).all()
        nb.save(model, tmp_path / "model")
        pd.testing.assert_frame_equal(nb.load(tmp_path / "model").predict(kind="repeat", k=4), rows)


def test_dealing_keeps_each_customers_probabilities():
    """Dealt by counts, a customer has the same probabilities, the highest at the highest count."""
    customer = np.array([0, 0, 0, 1, 1])
    days = np.array([1, 5, 5, 2, 9], np.float32)
    chance = np.array([0.6, 0.1, 0.2, 0.3, 0.05])
    empty = np.zeros(0)
    made = Candidates(customer, customer, days[:, None], days, ("pair_days",), empty, empty, empty, ())
    assert deal(customer, chance, by_count(made)) == pytest.approx([0.1, 0.2, 0.6, 0.05, 0.3], rel=1e-6)


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_half_of_a_change_of_level_is_taken_as_lasting(factor):
    """Where everything is bought twice as often in the last two weeks, odds rise by the root of the share bought."""
    random = np.random.default_rng(8)
    days, customers, items = 200, 400, 20
    rate = np.where(np.arange(days) >= days - 14, factor, 1.0) * 0.02
    day, customer, item = np.nonzero(random.random((days, customers, items)) < rate[:, None, None])
    frame = pd.DataFrame(
        {"customer_id": customer, "item_id": item, "timestamp": START + pd.to_timedelta(day, "D")}
    )
    events = purchases(nb.read_orders(frame))
    again, fresh = levels(events, events.end, [events.end - 30 * j for j in (1, 2, 3)], horizon_days=30)
    share = -np.expm1(14 * np.log1p(-0.02 * np.array([factor, 1.0])))  # of the pairs bought in 14 days
    assert again == pytest.approx(np.sqrt(share[0] / share[1]), rel=0.03)
    assert fresh < again  # what is bought for the first time runs out as customers know everything
