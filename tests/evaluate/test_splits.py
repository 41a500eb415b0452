"""Splits: what is asked, as of when, against what; recounted by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity
from nextbuy.evaluate.splits import fit_days, last_basket
from nextbuy.mining.exposures import purchases


@pytest.mark.parametrize("seed", range(8))
def test_fit_days_are_the_best_choice(seed):
    """No other choice of as many days, the first among them, leaves less waiting (square roots of days)."""
    random = np.random.default_rng(seed)
    day = random.choice(np.sort(random.choice(60, 9, replace=False)), 40)
    days = np.unique(day)

    def waiting(chosen):
        chosen = np.sort(chosen)
        return np.sqrt(day - chosen[np.searchsorted(chosen, day, side="right") - 1]).sum()

    for most in (1, 2, 3, 5, 20):
        made = fit_days(day, most)
        assert made[0] == days[0]
        assert len(made) == min(most, len(days))
        best = min(
            waiting(np.array([days[0], *rest])) for rest in combinations(days[1:], min(most, len(days)) - 1)
        )
        assert waiting(made) == pytest.approx(best)


@pytest.fixture(scope="module")
def lines(small_orders):
    frame = small_orders.frame()
    return frame.assign(day=frame["timestamp"].dt.normalize())


@pytest.mark.parametrize("baskets", [1, 3])
def test_last_baskets_are_those_of_the_hand(baskets, small_orders, lines):
    """Each truth is what pandas finds on the customer's j-th last day, new where it was never bought before."""
    events = purchases(small_orders)
    made = last_basket(events, baskets=baskets, min_baskets=20, refits=3)
    assert made.names == ("last", "last-1", "last-2")[:baskets]
    days = lines.groupby("customer_id")["day"].agg(lambda day: sorted(day.unique()))
    for back, truth in enumerate(made.truths):
        wanted = set()
        for customer, own in days.items():
            if len(own) - back < 20:
                continue
            target = own[-1 - back]
            mine = lines[lines["customer_id"] == customer]
            before = set(mine.loc[mine["day"] < target, "item_id"])
            wanted |= {(customer, i, i in before) for i in mine.loc[mine["day"] == target, "item_id"]}
        found = zip(
            small_orders.customer_ids.take(truth.customer).to_pylist(),
            small_orders.item_ids.take(truth.item).to_pylist(),
            truth.repeat.tolist(),
            strict=True,
        )
        assert set(found) == wanted


def test_every_basket_is_asked_once_and_never_before_its_fit(small_orders):
    """Each (basket, customer) stands in one question, as of its own day, to a fit no later than that."""
    events = purchases(small_orders)
    made = last_basket(events, baskets=2, min_baskets=3, refits=4)
    assert len(made.folds) == 4
    asked = [
        (ask.split, customer, ask.day, fold.day)
        for fold in made.folds
        for ask in fold.asks
        for customer in ask.customers.tolist()
    ]
    assert all(fit <= day for _, _, day, fit in asked)
    pairs = [(split, customer) for split, customer, _, _ in asked]
    assert len(set(pairs)) == len(pairs)
    truth = {(s, c) for s, truth in enumerate(made.truths) for c in truth.customer.tolist()}
    assert set(pairs) == truth
    day_of = dict(
        zip(zip(events.customer.tolist(), events.day.tolist(), strict=True), events.day, strict=True)
    )
    assert all((customer, day) in day_of for _, customer, day, _ in asked)


class Listener(PersonalFrequency):
    """Keeps what it is given."""

    said: list = []  # noqa: RUF012 - of all clones

    def fit(self, orders, y=None, *, as_of=None):
        """Note the last moment known."""
        self.until = pd.Timestamp(as_of)
        return super().fit(orders, y, as_of=as_of)

    def predict(self, orders=None, *, as_of=None, customers=None, **options):
        """Note what is handed over."""
        type(self).said.append((self.until, orders, as_of, customers))
        return super().predict(orders, as_of=as_of, customers=customers, **options)


def test_a_question_holds_nothing_of_its_day_or_later(small_orders, lines):
    """What is handed over with a last basket ends before its day, and holds all that its customer bought until then."""
    Listener.said.clear()
    nb.backtest(Listener(), small_orders, split="last_basket", min_baskets=25, refits=2, baselines={})
    assert len(Listener.said) > 30
    for until, orders, as_of, customers in Listener.said:
        moment = pd.Timestamp(as_of)
        assert until <= moment
        given = orders.frame()
        assert given["timestamp"].max() < moment
        # an item that was brought back later is still there
        known = small_orders.before(as_of).frame()
        assert len(given) == known["customer_id"].isin(customers).sum()
        last = lines[lines["customer_id"].isin(customers)].groupby("customer_id")["day"].max()
        assert set(last) == {moment}


def test_recall_of_last_baskets_can_be_recounted(small_orders, lines):
    """Recall of the personal items, no ties at the tenth place, is what pandas finds."""
    report = nb.backtest(
        PersonalFrequency(fill=False),
        small_orders,
        split="last_basket",
        min_baskets=15,
        refits=2,
        k=500,
        baselines={},
    )
    days = lines.groupby("customer_id")["day"].agg(["max", "nunique"])
    recall = []
    for customer, row in days[days["nunique"] >= 15].iterrows():
        mine = lines[lines["customer_id"] == customer]
        bought = set(mine.loc[mine["day"] == row["max"], "item_id"])
        recall.append(len(bought & set(mine.loc[mine["day"] < row["max"], "item_id"])) / len(bought))
    found = report.summary.query("kind == 'all'").iloc[0]
    assert found["customers"] == len(recall)
    assert found["recall"] == pytest.approx(np.mean(recall))
    assert report.split == "last_basket"


def test_the_future_changes_no_question(small_world, small_orders):
    """What other customers buy after the last fit and the asked days changes no figure."""
    frame = small_orders.frame()
    options = {"split": "last_basket", "refits": 2, "min_baskets": 25}
    report = nb.backtest(Popularity(), small_orders, **options)
    late = frame.sample(200, random_state=0).assign(
        customer_id="late", order_id=lambda rows: [f"late{n}" for n in range(len(rows))]
    )
    late["timestamp"] = frame["timestamp"].max() + pd.Timedelta(days=1)
    more = nb.read_orders(pd.concat([frame, late]), catalog=small_world.catalog)
    again = nb.backtest(Popularity(), more, **options)
    columns = ["kind", "model", "recall", "ndcg", "customers"]
    pd.testing.assert_frame_equal(report.summary[columns], again.summary[columns])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "random"}, "split='random'"),
        ({"split": "last_basket", "min_baskets": 1}, "min_baskets=1"),
        ({"split": "last_basket", "min_baskets": 900}, "No customer has min_baskets=900"),
        ({"baselines": "all"}, "baselines='published'"),
        ({"baselines": {"model": Popularity()}}, "cannot be called 'model'"),
        ({"k": 0}, "k=0"),
    ],
)
def test_wrong_arguments_are_named(options, text, small_orders):
    """A wrong argument is named, with what would do."""
    with pytest.raises(nb.InputError, match=text):
        nb.backtest(Popularity(), small_orders, **options)
