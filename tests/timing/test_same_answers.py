"""Row order, time zone, kind of ids and days told twice change no lag table, no activity, no cadence."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb

MONEY = ["expected_order_value", "expected_revenue", "expected_contribution"]
VARIANTS = ["shuffled", "another zone", "local times", "numbers", "days told twice"]


@pytest.fixture(scope="module")
def lines(small_world):
    # purchases at noon, so that no zone moves one to another day
    frame = small_world.orders[["customer_id", "order_id", "timestamp", "item_id"]].copy()
    items = frame["item_id"].value_counts().index[:40]
    frame = frame[frame["item_id"].isin(items)]
    frame["timestamp"] = pd.to_datetime(frame["timestamp"]).dt.normalize() + pd.Timedelta(hours=12)
    return frame


def read(frame, **options):
    return nb.read_orders(frame, **options)


def varied(frame, name):
    """The same purchases, told otherwise."""
    moment = frame["timestamp"].dt.tz_localize("UTC")
    if name == "shuffled":
        return read(frame.sample(frac=1, random_state=3))
    if name == "another zone":
        return read(frame.assign(timestamp=moment.dt.tz_convert("Asia/Tokyo")))
    if name == "local times":
        local = moment.dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
        return read(frame.assign(timestamp=local), timezone="Europe/Berlin")
    if name == "numbers":
        customer = frame["customer_id"].str.removeprefix("C-").astype(int)
        return read(frame.assign(customer_id=customer))
    again = frame.sample(frac=0.3, random_state=4)
    again = again.assign(
        timestamp=again["timestamp"] + pd.Timedelta(hours=3),
        order_id=again["order_id"].astype(str) + "-again",
    )
    return read(pd.concat([frame, again]))


def by_customer(frame, *more):
    """Sort by the number of the customer, however it is written: which customer comes first is no answer."""
    number = frame["customer_id"].astype(str).str.removeprefix("C-").astype(int)
    return frame.assign(customer_id=number).sort_values(["customer_id", *more], ignore_index=True)


def answers(orders):
    links = nb.SequentialRules(fdr=None, min_followed=3, min_customers=10, window_days=90).fit(orders)
    item = links.item_ids_.to_pylist()
    a, b = (np.array(item)[codes] for codes in (links.mined_.antecedent, links.mined_.consequent))
    by = np.lexsort((b, a))
    tables = {
        name: getattr(part, name)[by]
        for part, names in (
            (links.mined_.counts, ("followers", "watch_days", "entered", "lost")),
            (links.mined_.table, ("hazard",)),
        )
        for name in names
    }
    activity = by_customer(nb.CustomerActivity(horizon_days=30).fit(orders).predict())
    due = by_customer(nb.replenishment(orders, min_repeat_share=0), "item_id")
    return (
        {"antecedent": a[by], "consequent": b[by], **tables},
        activity.drop(columns=MONEY),
        due,
    )


@pytest.fixture(scope="module")
def plain(lines):
    return answers(read(lines))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_purchases_give_the_same_answers(lines, plain, name):
    """However the same purchases are told, lag tables, activity and cadences are what they were."""
    tables, activity, due = answers(varied(lines, name))
    wanted_tables, wanted_activity, wanted_due = plain
    assert len(tables["antecedent"]) > 20
    for key, wanted in wanted_tables.items():
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(tables[key], wanted, rtol=1e-9, err_msg=key)
        else:
            np.testing.assert_array_equal(tables[key], wanted, err_msg=key)
    assert len(due) > 20
    pd.testing.assert_frame_equal(activity, wanted_activity, rtol=1e-9)
    pd.testing.assert_frame_equal(due, wanted_due, rtol=1e-9)
