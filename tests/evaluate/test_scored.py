"""Baselines that score: hand-made shops, and the published figures on a real history."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import nextbuy as nb
from nextbuy.evaluate import (
    BasketRules,
    EaseRegression,
    PersonalFrequency,
    TifuKnn,
    UserKnn,
    UserPopularity,
    metrics,
)
from nextbuy.mining.exposures import purchases
from nextbuy.orders.table import codes_of

EVERY = [TifuKnn(neighbours=10), UserPopularity(), UserKnn(), EaseRegression(ridge=1.0), BasketRules()]
every = pytest.mark.parametrize("baseline", EVERY, ids=lambda one: type(one).__name__)


@pytest.fixture(scope="module")
def two_tastes():
    """Give a shop of two tastes, six items each; customer 0 of the first taste lacks item 5."""
    random = np.random.default_rng(1)
    rows = [
        (customer, f"2025-{month:02d}-{1 + customer % 27:02d}", 6 * (customer % 2) + item)
        for customer in range(60)
        for month in range(1, 7)
        for item in random.permutation(6)[:4]
        if (customer, item) != (0, 5)
    ]
    return nb.read_orders(pd.DataFrame(rows, columns=["customer_id", "timestamp", "item_id"]))


@every
def test_a_taste_is_recognised(baseline, two_tastes):
    """The item that a customer lacks of the own taste comes first among new ones, own items among repeats."""
    fitted = clone(baseline).fit(two_tastes)
    new = fitted.predict(kind="new", k=1).query("customer_id == 0")
    assert new["item_id"].tolist() == [5]
    repeat = fitted.predict(kind="repeat", k=5).query("customer_id == 0")
    assert set(repeat["item_id"]) == {0, 1, 2, 3, 4}
    both = fitted.predict(kind="all", k=12)
    assert (both.groupby("customer_id").size() == 12).all()
    assert both["probability"].isna().all()


@every
def test_one_customer_with_one_item_is_answered(baseline):
    """The smallest shop gives its only item."""
    orders = nb.read_orders(
        pd.DataFrame({"customer_id": ["a"], "timestamp": ["2025-01-01"], "item_id": ["x"]})
    )
    assert clone(baseline).fit(orders).predict(k=3)["item_id"].tolist() == ["x"]


def test_they_stand_beside_the_model_in_a_backtest(two_tastes):
    """A baseline without probabilities has ranking figures, and no log-loss."""
    report = nb.backtest(
        PersonalFrequency(horizon_days=30), two_tastes, cutoffs=1, k=3, baselines={"tifu": TifuKnn()}
    )
    figures = report.scores.query("model == 'tifu' and kind == 'all'").set_index("metric")["value"]
    assert 0 < figures["ndcg"] <= 1
    assert np.isnan(figures["log_loss"])
    assert np.isnan(figures["calibration_error"])


# recall@10 and nDCG@10 as published for the same protocol: as of 2011-10-10, what is bought in the next 60 days
PUBLISHED = [
    (TifuKnn(neighbours=500, within=1.0, between=0.6, own=0.4, groups=14), 0.1511, 0.1905),
    (TifuKnn(neighbours=300, within=0.9, between=0.7, own=0.7, groups=7), 0.1500, 0.1900),
    (UserPopularity(recent_orders=42, alpha=0.3, locality=5, neighbours=100), 0.1489, 0.1873),
    (PersonalFrequency(), 0.1498, 0.1878),
]


@pytest.mark.slow
@pytest.mark.parametrize(("baseline", "recall", "ndcg"), PUBLISHED)
def test_published_figures_come_back(baseline, recall, ndcg, shared_data):
    """On Online Retail each baseline gives the published recall and nDCG within 2 %."""
    orders = nb.read_orders(shared_data / "online_retail_1.parquet")
    cut = int((np.datetime64("2011-10-10") - np.datetime64("1970-01-01")).astype(int))
    events = purchases(orders)
    known = np.unique(events.customer[events.day < cut])
    after = (events.day >= cut) & (events.day < cut + 60) & np.isin(events.customer, known)
    made = clone(baseline).fit(orders, as_of="2011-10-10").predict(k=10)
    found = metrics.ranking(
        codes_of(orders.customer_ids, made["customer_id"].tolist()),
        codes_of(orders.item_ids, made["item_id"].tolist()),
        made["rank"].to_numpy(),
        events.customer[after],
        events.item[after],
        k=10,
        n_items=orders.n_items,
    )
    assert len(found.customer) == 1_789
    assert found.recall.mean() == pytest.approx(recall, rel=0.02)
    assert found.ndcg.mean() == pytest.approx(ndcg, rel=0.02)
