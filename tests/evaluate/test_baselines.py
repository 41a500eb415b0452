"""Baselines: hand-made shops, other histories than those of the fit, and no look ahead."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

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
)
from nextbuy.evaluate.baselines.intervals import learn, purchase_pairs
from nextbuy.mining.exposures import purchases
from nextbuy.predict.history import Timeline

AS_OF = "2025-03-15"
SCORED = [TifuKnn(neighbours=10), UserPopularity(), UserKnn(), EaseRegression(ridge=1.0), BasketRules()]
EVERY = [
    Popularity(),
    Popularity(recent_days=30),
    PersonalFrequency(),
    PersonalFrequency(half_life_days=60, fill=False),
    PersonalFrequency(ties="earliest"),
    TimeAwareIntervals(),
    *SCORED,
]


def _named(baseline):
    return repr(baseline).replace("()", "")


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


@pytest.mark.parametrize("baseline", SCORED, ids=_named)
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


@pytest.mark.parametrize("baseline", EVERY, ids=_named)
def test_one_customer_with_one_item_is_answered(baseline):
    """The smallest shop gives its only item."""
    orders = nb.read_orders(
        pd.DataFrame({"customer_id": ["a"], "timestamp": ["2025-01-01"], "item_id": ["x"]})
    )
    assert clone(baseline).fit(orders).predict(k=3)["item_id"].tolist() == ["x"]


@pytest.fixture(scope="module")
def past_and_whole():
    world = nb.datasets.make_orders(customers=300, days=400, seed=9, return_share=0.05)
    items = world.orders["item_id"].value_counts().index[:120]
    lines = world.orders[world.orders["item_id"].isin(items)]
    past = lines[lines["timestamp"] < AS_OF]
    return nb.read_orders(past), nb.read_orders(lines)


@pytest.mark.parametrize("baseline", EVERY, ids=_named)
def test_no_baseline_looks_ahead(baseline, past_and_whole):
    """Fitted as of a moment, with or without the orders after it, a baseline says the same."""
    past, whole = past_and_whole
    for kind in ("all", "new", "repeat"):
        first = clone(baseline).fit(past, as_of=AS_OF).predict(kind=kind)
        again = clone(baseline).fit(whole, as_of=AS_OF).predict(kind=kind)
        pd.testing.assert_frame_equal(first, again)
    assert len(first)
    late = clone(baseline).fit(whole).predict(kind="repeat")
    assert set(zip(late["customer_id"], late["item_id"], strict=True)) != set(
        zip(first["customer_id"], first["item_id"], strict=True)
    )


@pytest.mark.parametrize("baseline", EVERY, ids=_named)
def test_the_same_histories_get_the_same_answer(baseline, past_and_whole):
    """Histories handed over are answered like those of the fit, alone or together, whatever they hold later."""
    past, whole = past_and_whole
    fitted = clone(baseline).fit(past, as_of=AS_OF)
    first = fitted.predict()
    pd.testing.assert_frame_equal(fitted.predict(whole, as_of=AS_OF, customers=_ids(first)), first)
    three = _ids(first)[[40, 3, 77]].tolist()
    rows = fitted.predict(customers=three)
    assert rows["customer_id"].drop_duplicates().tolist() == [c for c in three if c in set(_ids(first))]
    for customer in three:
        mine = first[first["customer_id"] == customer].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[rows["customer_id"] == customer].reset_index(drop=True), mine)


def _ids(rows):
    return rows["customer_id"].drop_duplicates().to_numpy()


@pytest.mark.parametrize("baseline", EVERY, ids=_named)
def test_a_later_order_counts_when_it_is_told(baseline, past_and_whole):
    """An own purchase after the fit is known where it is handed over, and not where it lies after as_of."""
    past, _ = past_and_whole
    fitted = clone(baseline).fit(past, as_of=AS_OF)
    own = [{"customer_id": "new one", "timestamp": f"2025-03-{day}", "item_id": i} for day, i in _two(past)]
    known = fitted.predict(own, as_of="2025-03-25", kind="repeat")
    assert {row["item_id"] for row in known} == {own[0]["item_id"], own[1]["item_id"]}
    before = fitted.predict(own, as_of="2025-03-21", kind="repeat")
    assert {row["item_id"] for row in before} == {own[0]["item_id"]}
    with pytest.raises(nb.InputError, match="fit\\(orders, as_of='2025-03-01'\\)"):
        fitted.predict(own, as_of="2025-03-01")


def _two(orders):
    return list(zip((20, 22), orders.item_ids.to_pylist()[:2], strict=True))


def test_filters_leave_room_for_others(two_tastes):
    """Only items asked for, none that are excluded, as for the model."""
    for baseline in (PersonalFrequency(), UserKnn()):
        fitted = baseline.fit(two_tastes)
        assert set(fitted.predict(items=[3, 8], k=5)["item_id"]) == {3, 8}
        rows = fitted.predict(exclude=[0, 1], k=10)
        assert not {0, 1} & set(rows["item_id"])
        assert (rows.groupby("customer_id").size() == 10).all()


def test_ties_go_as_they_are_told():
    """Of two items bought twice each, the one bought last or first; days fade where they are told to."""
    rows = [
        ("a", "2025-01-01", "x"),
        ("a", "2025-01-02", "y"),
        ("a", "2025-01-03", "y"),
        ("a", "2025-02-01", "x"),
    ]
    rows += [("a", "2025-01-04", "z"), ("a", "2025-01-05", "z"), ("a", "2025-01-06", "z")]
    orders = nb.read_orders(pd.DataFrame(rows, columns=["customer_id", "timestamp", "item_id"]))

    def order(**options):
        return PersonalFrequency(**options).fit(orders).predict()["item_id"].tolist()

    assert order(ties="earliest") == ["z", "x", "y"]
    assert order(ties="latest") == ["z", "x", "y"]
    assert order(half_life_days=3) == ["x", "z", "y"]
    swapped = nb.read_orders(
        pd.DataFrame(
            [("a", "2024-12-31", "y"), *rows[:1], *rows[2:]], columns=["customer_id", "timestamp", "item_id"]
        )
    )
    first, last = (
        PersonalFrequency(ties=ties).fit(swapped).predict()["item_id"].tolist()
        for ties in ("earliest", "latest")
    )
    assert (first, last) == (["z", "y", "x"], ["z", "x", "y"])
    with pytest.raises(nb.InputError, match="ties='latest'"):
        PersonalFrequency(ties="random").fit(orders)


def test_pairs_of_purchases_are_those_of_the_hand():
    """Three purchases, one, and two: each later one with all the earlier ones of its own."""
    later, earlier = purchase_pairs(np.array([3, 1, 2]))
    assert list(zip(later.tolist(), earlier.tolist(), strict=True)) == [(1, 0), (2, 1), (2, 0), (5, 4)]


def test_kernels_move_to_the_gaps_of_their_items():
    """Where one item is bought every 20 days and another every 100, each kernel's normal part moves that way."""
    rows = [
        (customer, str(np.datetime64("2025-01-01") + int(day)), item)
        for customer in range(60)
        for item, gap in (("short", 20), ("long", 100))
        for day in np.arange(customer % 20, 400, gap)
    ]
    orders = nb.read_orders(pd.DataFrame(rows, columns=["customer_id", "timestamp", "item_id"]))
    events = purchases(orders)
    kernel = learn(Timeline.of(events).before(events.end))
    short, long = orders.codes(["short", "long"])
    assert kernel.middle[short] < kernel.middle[long]
    days = np.array([20.0, 100.0]) / 70
    near, far = (kernel.density(days, np.full(2, item)) for item in (short, long))
    assert near[0] / near[1] > far[0] / far[1]


def test_they_stand_beside_the_model_in_a_backtest(two_tastes):
    """A baseline without probabilities has ranking figures, and no log-loss."""
    report = nb.backtest(
        PersonalFrequency(horizon_days=30), two_tastes, cutoffs=1, k=3, baselines={"tifu": TifuKnn()}
    )
    figures = report.scores.query("model == 'tifu' and kind == 'all'").set_index("metric")["value"]
    assert 0 < figures["ndcg"] <= 1
    assert np.isnan(figures["log_loss"])
    assert np.isnan(figures["calibration_error"])
