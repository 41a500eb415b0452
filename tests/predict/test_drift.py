"""A shop that changes overnight: yesterday's orders decide whether the past still teaches."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.predict.candidates import Candidates
from nextbuy.predict.heads import deal_by_count

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


@pytest.mark.parametrize(("days_ago", "served"), [(1, {"counts"}), (45, {"", "newest"})])
def test_a_shop_that_changed_overnight_is_noticed(days_ago, served, tmp_path):
    """After a change on the last day counts serve; once a cut-off lies behind the change, learning does again."""
    model = _fitted(_shop(changes_on=DAYS - days_ago))
    assert model.learned_.drift in served
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
    assert deal_by_count(made, chance).tolist() == [0.1, 0.2, 0.6, 0.05, 0.3]
