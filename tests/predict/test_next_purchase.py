"""Predictions: their shape, their filters, their evidence."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb

COLUMNS = [
    "customer_id",
    "item_id",
    "kind",
    "rank",
    "probability",
    "window_start",
    "best_date",
    "window_end",
    "window_status",
    "timing_signal",
    "source",
    "trigger_item_id",
    "trigger_date",
    "evidence_exposed",
    "evidence_followed",
    "confidence",
    "confidence_low",
    "confidence_high",
    "lag_p10",
    "lag_p50",
    "lag_p90",
    "reason_code",
    "reason",
]


@pytest.fixture(scope="module")
def made(small_model):
    return small_model.predict(k=10)


@pytest.fixture(scope="module")
def bought(small_orders, small_world):
    """Kept lines with whole day and category."""
    frame = small_orders.frame()
    frame = frame.merge(small_world.catalog[["item_id", "category"]], on="item_id", how="left")
    return frame.assign(day=frame["timestamp"].dt.normalize())


def test_columns_stand_in_the_order_of_the_design(made):
    """A prediction has the columns of the design page, in its order."""
    assert list(made.columns) == COLUMNS


def test_ranks_and_probabilities_are_in_order(made, small_orders):
    """Each customer has ranks 1..n, at most ten, with probabilities that never rise."""
    assert made["customer_id"].nunique() == small_orders.n_customers
    for _, rows in made.groupby("customer_id", sort=False):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert len(rows) <= 10
        assert rows["probability"].is_monotonic_decreasing
        assert not rows["item_id"].duplicated().any()
    assert made["probability"].between(0, 1).all()


def test_windows_hold_their_best_date(made):
    """The window starts no earlier than as_of, and the best date lies in it."""
    assert (made["window_start"] <= made["best_date"]).all()
    assert (made["best_date"] <= made["window_end"]).all()
    assert set(made["window_status"]) <= {"not_yet", "open", "closing", "closed"}
    assert set(made["timing_signal"]) <= {"none", "weak", "strong"}
    assert set(made["source"]) <= {"sequence", "basket", "repurchase", "similar_customers", "popular"}
    assert made["reason"].str.len().min() > 20


def test_confidence_lies_in_its_interval(made):
    """Every row's share stands between its bounds, and no more followed than were exposed."""
    assert made["confidence"].between(made["confidence_low"] - 1e-12, made["confidence_high"] + 1e-12).all()
    assert (made["evidence_followed"] <= made["evidence_exposed"]).all()


def test_kind_says_whether_it_was_bought_before(made, small_model, bought):
    """Repeat rows are items the customer bought, new rows are not, and `kind` filters by it."""
    owned = set(zip(bought["customer_id"], bought["item_id"], strict=True))
    is_owned = [pair in owned for pair in zip(made["customer_id"], made["item_id"], strict=True)]
    assert (made["kind"] == np.where(is_owned, "repeat", "new")).all()
    for kind in ("new", "repeat"):
        rows = small_model.predict(kind=kind, k=3)
        assert set(rows["kind"]) == {kind}
        assert rows.groupby("customer_id").size().max() == 3


def test_durable_items_never_come_again(small_model, small_world):
    """No durable item is predicted as a repeat."""
    durable = set(small_world.catalog.loc[small_world.catalog["durable"], "item_id"])
    assert durable
    assert not durable & set(small_model.predict(kind="repeat", k=50)["item_id"])


def test_filters_apply_before_the_cut(small_model, made, small_world):
    """Excluded items leave room for others; asked items are ranked for everybody, however unlikely."""
    top = made.loc[made["rank"] == 1, "item_id"].value_counts().index[:3].tolist()
    rows = small_model.predict(exclude=top, k=10)
    assert not set(top) & set(rows["item_id"])
    assert (rows.groupby("customer_id").size() == 10).all()
    rare = small_world.orders["item_id"].value_counts().index[-3:].tolist()
    rows = small_model.predict(items=rare, kind="new", k=10)
    assert set(rows["item_id"]) <= set(rare)
    assert rows["customer_id"].nunique() == made["customer_id"].nunique()
    assert not len(small_model.predict(items=["no such item"]))


def test_alone_or_in_the_batch_is_the_same(small_model, made):
    """A customer asked alone gets the rows of the batch; several come in the order asked."""
    asked = made["customer_id"].unique()[[7, 3, 200]].tolist()
    rows = small_model.predict(customers=asked)
    assert rows["customer_id"].drop_duplicates().tolist() == asked
    for customer in asked:
        batch = made[made["customer_id"] == customer].reset_index(drop=True)
        pd.testing.assert_frame_equal(small_model.predict(customers=[customer]), batch)
        pd.testing.assert_frame_equal(rows[rows["customer_id"] == customer].reset_index(drop=True), batch)


def _row(row):
    """Give a row of a frame as a live answer has it: days as dates, None for what is unknown."""
    return {n: None if pd.isna(v) else v.date() if isinstance(v, pd.Timestamp) else v for n, v in row.items()}


def test_live_histories_are_answered_as_in_the_batch(small_model, made, small_orders):
    """Every customer, handed over alone as a list of dicts, gets a list of dicts: the very rows of the batch."""
    lines = small_orders.frame().assign(timestamp=lambda f: f["timestamp"].astype(str))
    batch = {c: [_row(r) for r in rows.to_dict("records")] for c, rows in made.groupby("customer_id")}
    for customer, own in lines.groupby("customer_id"):
        live = small_model.predict(own.to_dict("records"), as_of=small_model.as_of_)
        assert live == batch[customer]


def test_an_unknown_customer_gets_what_is_popular(small_model):
    """Without a history the answer is popular new items, and says so."""
    rows = small_model.predict(customers=["nobody"], k=5)
    assert rows["customer_id"].tolist() == ["nobody"] * 5
    assert set(rows["source"]) == {"popular"}
    assert set(rows["kind"]) == {"new"}


def test_whole_number_ids_come_back_as_they_were(small_world):
    """A shop whose ids are numbers, with categories, gets numbers for customers and items."""
    catalog = small_world.catalog.copy()
    number = {name: place for place, name in enumerate(catalog["item_id"])}
    people = small_world.orders["customer_id"].drop_duplicates().head(150)
    lines = small_world.orders[small_world.orders["customer_id"].isin(people)]
    lines = lines.assign(
        item_id=lines["item_id"].map(number), customer_id=lines["customer_id"].str[2:].astype(int)
    )
    catalog["item_id"] = catalog["item_id"].map(number)
    model = nb.NextPurchase().fit(nb.read_orders(lines, catalog=catalog))
    rows = model.predict(k=3)
    assert rows["item_id"].dtype.kind == rows["customer_id"].dtype.kind == "i"
    assert set(rows["item_id"]) <= set(number.values())
    known = int(rows["customer_id"].iloc[0])
    assert model.predict(customers=[known, 10**6], k=1)["customer_id"].tolist() == [known, 10**6]
    assert model.predict(customers=[known, "new one"], k=1)["customer_id"].tolist() == [str(known), "new one"]


def test_sequence_evidence_can_be_recounted(small_model, bought):
    """Exposed and followed of sequence rows are what plain pandas counts in the lines."""
    rows = small_model.predict(kind="new", k=30).query("source == 'sequence'")
    category_of = bought.drop_duplicates("item_id").set_index("item_id")["category"]
    seen = set()
    for row in rows.itertuples():
        level = "item_id" if row.trigger_item_id in category_of.index else "category"
        wanted = row.item_id if level == "item_id" else category_of[row.item_id]
        if (row.trigger_item_id, wanted) in seen:
            continue
        seen.add((row.trigger_item_id, wanted))
        first = bought.groupby(["customer_id", level])["day"].min().unstack()
        a, b = first[row.trigger_item_id], first[wanted]
        exposed = a.notna() & ~(b <= a)
        assert row.evidence_exposed == exposed.sum()
        assert row.evidence_followed == (exposed & ((b - a).dt.days <= 180)).sum()
        assert row.trigger_date == a[row.customer_id]
    assert len(seen) >= 3


def test_similar_evidence_can_be_recounted(made, bought):
    """Similar and basket rows count the trigger's buyers, and those who bought the item too (on that day)."""
    people = bought.groupby("item_id")["customer_id"].agg(set)
    visits = bought.groupby("item_id")[["customer_id", "day"]].agg(list)
    for source in ("similar_customers", "basket"):
        for row in (
            made[made["source"] == source]
            .drop_duplicates(["trigger_item_id", "item_id"])
            .head(40)
            .itertuples()
        ):
            assert row.evidence_exposed == len(people[row.trigger_item_id])
            if source == "similar_customers":
                both = people[row.trigger_item_id] & people[row.item_id]
            else:
                one, two = (
                    set(zip(*visits.loc[item], strict=True)) for item in (row.trigger_item_id, row.item_id)
                )
                both = {customer for customer, _ in one & two}
            assert row.evidence_followed == len(both)


def test_repurchase_evidence_can_be_recounted(made, bought):
    """Repeat rows count the item's buyers, and those who bought it on a second day."""
    days = (
        bought.drop_duplicates(["customer_id", "item_id", "day"]).groupby(["item_id", "customer_id"]).size()
    )
    for row in made[made["kind"] == "repeat"].drop_duplicates("item_id").head(60).itertuples():
        assert row.source == "repurchase"
        assert row.evidence_exposed == len(days[row.item_id])
        assert row.evidence_followed == (days[row.item_id] > 1).sum()


def test_popular_evidence_can_be_recounted(small_model, bought):
    """Popular rows count the customers active in 90 days, and those who bought the item in the last 21."""
    end = pd.Timestamp(small_model.as_of_)
    recent = bought[bought["day"] >= end - pd.Timedelta(days=21)]
    active = bought.loc[bought["day"] >= end - pd.Timedelta(days=90), "customer_id"].nunique()
    for row in small_model.predict(customers=["nobody"], k=10).itertuples():
        assert row.evidence_exposed == active
        assert row.evidence_followed == recent.loc[recent["item_id"] == row.item_id, "customer_id"].nunique()


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"kind": "old"}, "kind='old'"),
        ({"k": 0}, "k=0"),
        ({"k": 1.5}, "k=1.5"),
        ({"as_of": "soon"}, "as_of='soon'"),
    ],
)
def test_wrong_arguments_are_named(small_model, argument, text):
    """A wrong argument of predict is named, with what would do."""
    with pytest.raises(nb.InputError, match=text.replace(".", r"\.")):
        small_model.predict(**argument)
