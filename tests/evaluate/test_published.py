"""Baselines and protocols give the figures that others measured on the same splits, within 2 %."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import (
    BasketRules,
    EaseRegression,
    PersonalFrequency,
    Popularity,
    TifuKnn,
    TimeAwareIntervals,
    UserKnn,
    UserPopularity,
    metrics,
)
from nextbuy.mining.exposures import purchases
from nextbuy.orders.table import codes_of

pytestmark = pytest.mark.slow
CUT = "2011-10-10"

# recall@10, nDCG@10 of what is bought in the 60 days from 2011-10-10
AS_OF = {
    "popularity": (Popularity(horizon_days=60), 0.0300, 0.0430),
    "earliest": (PersonalFrequency(horizon_days=60, ties="earliest"), 0.1341, 0.1689),
    "latest": (PersonalFrequency(horizon_days=60), 0.1498, 0.1878),
    "tifu_500": (TifuKnn(neighbours=500, within=1.0, between=0.6, own=0.4, groups=14), 0.1511, 0.1905),
    "tifu_300": (TifuKnn(), 0.1500, 0.1900),
    "up_cf": (UserPopularity(), 0.1489, 0.1873),
    "taiw": (TimeAwareIntervals(), 0.1435, 0.1790),
}
# the same of the never-bought items of the first basket, among the items known before
NEW = [
    (Popularity(), 0.0222, 0.0227),
    (Popularity(recent_days=21), 0.0370, 0.0408),
    (BasketRules(), 0.0407, 0.0402),
    (UserKnn(), 0.0527, 0.0526),
    (EaseRegression(), 0.0629, 0.0606),
]


@pytest.fixture(scope="module")
def retail(shared_data):
    return nb.read_orders(shared_data / "online_retail_1.parquet")


def _all(report, names):
    rows = report.summary.query("kind == 'all'").set_index("model")
    return [(rows.loc[name, "recall"], rows.loc[name, "ndcg"]) for name in names]


def test_what_is_bought_after_a_date(retail):
    """Every baseline gives its figures among 1,789 customers, in one backtest."""
    contest = {name: baseline for name, (baseline, _, _) in AS_OF.items()}
    report = nb.backtest(contest.pop("popularity"), retail, cutoffs=[CUT], baselines=contest)
    assert set(report.summary.query("kind == 'all'")["customers"]) == {1_789}
    for name, found in zip(AS_OF, _all(report, ["model", *contest]), strict=True):
        assert found == pytest.approx(AS_OF[name][1:], rel=0.02), name


@pytest.mark.parametrize(("baseline", "recall", "ndcg"), NEW, ids=lambda one: type(one).__name__)
def test_new_items_of_the_next_basket(baseline, recall, ndcg, retail):
    """Every baseline of new items gives its figures among 1,642 customers."""
    events, n = purchases(retail), retail.n_items
    cut = int(np.datetime64(CUT, "D").astype(int))
    before = events.day < cut
    key = events.customer.astype(np.int64) * n + events.item
    after = (events.day >= cut) & (events.day < cut + 60) & np.isin(events.customer, events.customer[before])
    first = np.full(retail.n_customers, 2**31)
    np.minimum.at(first, events.customer[after], events.day[after])
    wanted = after & (events.day == first[events.customer])
    wanted &= ~np.isin(key, key[before]) & np.isin(events.item, events.item[before])
    made = baseline.fit(retail, as_of=CUT).predict(kind="new", k=10)
    found = metrics.ranking(
        codes_of(retail.customer_ids, made["customer_id"].tolist()),
        codes_of(retail.item_ids, made["item_id"].tolist()),
        made["rank"].to_numpy(),
        events.customer[wanted],
        events.item[wanted],
        k=10,
        n_items=n,
    )
    assert len(found.customer) == 1_642
    assert (found.recall.mean(), found.ndcg.mean()) == pytest.approx((recall, ndcg), rel=0.02)


def test_the_last_ten_baskets(shared_data):
    """Personal frequency, plain and with a half-life of 60 days, on 100 long histories."""
    orders = nb.read_orders(shared_data / "coop100.parquet")
    report = nb.backtest(
        PersonalFrequency(),
        orders,
        split="last_basket",
        baskets=10,
        baselines={"decay": PersonalFrequency(half_life_days=60)},
    )
    plain, decay = _all(report, ["model", "decay"])
    assert plain == pytest.approx((0.1943, 0.2162), rel=0.02)
    assert decay == pytest.approx((0.2489, 0.2793), rel=0.02)


@pytest.fixture(scope="module")
def groceries(shared_data):
    columns = ["customer_id", "order_id", "timestamp", "item_id"]
    return pd.read_parquet(shared_data / "dunnhumby_lgsr5k.parquet", columns=columns)


def test_the_last_basket(groceries):
    """Personal frequency over all history, customers with at least five baskets."""
    report = nb.backtest(
        PersonalFrequency(ties="earliest"), nb.read_orders(groceries), split="last_basket", baselines={}
    )
    assert set(report.summary.query("kind == 'all'")["customers"]) == {3_865}
    (found,) = _all(report, ["model"])
    assert found == pytest.approx((0.3243, 0.3009), rel=0.02)


def test_the_last_basket_of_short_histories(groceries):
    """Eight weeks, 3 to 50 baskets, items bought twice or more: personal frequency, TIFU-KNN, UP-CF."""
    lines = groceries[groceries["timestamp"] < "2006-06-05"]
    lines = lines[lines.groupby("item_id")["item_id"].transform("size") >= 2]
    baskets = lines["timestamp"].dt.normalize().groupby(lines["customer_id"]).transform("nunique")
    orders = nb.read_orders(lines[baskets.between(3, 50)])
    report = nb.backtest(
        PersonalFrequency(ties="earliest"),
        orders,
        split="last_basket",
        min_baskets=3,
        refits=10,
        baselines={
            "tifu": TifuKnn(neighbours=900, within=0.9, between=0.6, own=0.2, groups=3),
            "up_cf": UserPopularity(recent_orders=25, alpha=0.75),
        },
    )
    wanted = [(0.2324, 0.2324), (0.2295, 0.2311), (0.2402, 0.2472)]
    for found, figures in zip(_all(report, ["model", "tifu", "up_cf"]), wanted, strict=True):
        assert found == pytest.approx(figures, rel=0.02)
