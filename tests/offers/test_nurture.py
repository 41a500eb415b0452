"""The series of a project: dated once, stopped by purchases."""

from __future__ import annotations

import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.orders import InputError

AS_OF = "2026-02-01"


@pytest.fixture(scope="module")
def projects(sample_orders):
    return nb.Projects().fit(nb.SequentialRules(level="category").fit(sample_orders))


@pytest.fixture(scope="module")
def series(projects, sample_orders):
    return nb.nurture_series(projects, sample_orders, as_of=AS_OF)


def test_the_series_holds_what_is_missing(projects, sample_orders, series):
    """Each customer's rows are the missing steps of the open projects, the start left out."""
    now = projects.of(sample_orders, as_of=AS_OF)
    starts = set(projects.projects_.start)
    expected = {(r.customer_id, r.project, i) for r in now.itertuples() for i in r.missing if i not in starts}
    assert set(zip(series.customer_id, series.project, series.item_id, strict=True)) == expected
    assert len(series) == len(expected) > 500


def test_days_are_apart_and_in_order(series):
    """Inside one series two messages are at least a week apart, in the project's usual order."""
    for _, mine in series.groupby(["customer_id", "project"]):
        assert (mine.send_on.diff().dropna().dt.days >= 7).all()
        assert mine.step.is_monotonic_increasing
    today = pd.Timestamp(AS_OF)
    assert ((series.send_on >= today) == (series.status == "to_come")).all()


def test_a_purchase_stops_its_step_and_moves_no_other(projects, sample, series):
    """When a customer buys a missing step, only its row goes; when all that is missing is bought, the series ends."""
    customer, project = next(
        key
        for key, mine in series[series.status == "to_come"].groupby(["customer_id", "project"])
        if len(mine) >= 3
    )
    mine = series[(series.customer_id == customer) & (series.project == project)]
    item_of = sample.catalog.drop_duplicates("category").set_index("category").item_id

    def after(bought):
        lines = pd.DataFrame({"customer_id": customer, "order_id": "new", "timestamp": pd.Timestamp("2026-01-31 12:00")}
                             | {"item_id": item_of[list(bought)].tolist(), "quantity": 1, "price": 1.0})  # fmt: skip
        orders = nb.read_orders(pd.concat([sample.orders, lines]), catalog=sample.catalog)
        found = nb.nurture_series(projects, orders, as_of=AS_OF, customers=[customer])
        return found[found.project == project]

    gone = mine.item_id.iloc[1]
    left = after([gone])
    kept = mine[mine.item_id != gone]
    assert left[["item_id", "send_on"]].values.tolist() == kept[["item_id", "send_on"]].values.tolist()
    assert len(after(mine.item_id)) == 0


def test_nonsense_is_refused(projects, sample_orders):
    """Days below zero are refused by name."""
    with pytest.raises(InputError, match="lead_days=-1"):
        nb.nurture_series(projects, sample_orders, lead_days=-1)
