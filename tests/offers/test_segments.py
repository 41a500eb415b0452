"""Segments, funnel, cohorts, repeat revenue, white space: against hand counts and pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.offers.segments import LIFECYCLE, quintile
from nextbuy.orders import InputError


def visits_of(orders, as_of=None):
    """One row a customer and day with an order, by pandas."""
    # what is returned later was still there at as_of
    frame = (orders if as_of is None else orders.before(as_of)).frame()
    frame = frame.assign(day=frame.timestamp.dt.normalize(), value=frame.quantity * frame.price)
    return frame.groupby(["customer_id", "day"], as_index=False).value.sum()


def test_every_customer_is_in_one_segment(sample_orders):
    """Each customer with an order has one row and one lifecycle, and the counts are those of pandas."""
    as_of = pd.Timestamp("2026-03-01")
    found = nb.segments(sample_orders, as_of=as_of, regular_orders=5, dormant_days=100, lost_days=250)
    visits = visits_of(sample_orders, as_of)
    by = visits.groupby("customer_id").agg(
        orders=("day", "size"), last=("day", "max"), revenue=("value", "sum")
    )
    assert found.customer_id.is_unique
    assert set(found.customer_id) == set(by.index)
    by = by.loc[found.customer_id]
    quiet = (as_of - pd.Timedelta(days=1) - by["last"]).dt.days.to_numpy()
    expected = np.where(by.orders >= 5, "regular", np.where(by.orders > 1, "engaged", "first_order"))
    expected = np.where(quiet > 250, "lost", np.where(quiet > 100, "dormant", expected))
    assert found.lifecycle.tolist() == expected.tolist()
    assert set(found.lifecycle) == set(LIFECYCLE)
    np.testing.assert_allclose(found.revenue, by.revenue)
    assert found.orders.tolist() == by.orders.tolist()


def test_quiet_is_measured_by_the_shops_own_gaps(sample_orders):
    """Without limits of your own, nine of ten gaps are shorter than what counts as dormant, and lost is twice that."""
    visits = visits_of(sample_orders)
    gaps = visits.groupby("customer_id").day.diff().dropna().dt.days
    limit = int(np.quantile(gaps, 0.9))
    assert nb.segments(sample_orders).equals(
        nb.segments(sample_orders, dormant_days=limit, lost_days=2 * limit)
    )


def test_quintiles_are_fifths(sample_orders):
    """Different values fall into five equal parts, the best is 5; equals share one."""
    assert np.bincount(quintile(np.random.default_rng(0).permutation(1000)))[1:].tolist() == [200] * 5
    found = nb.segments(sample_orders)
    assert found.groupby("quiet_days").recency.nunique().max() == 1
    assert found.loc[found.quiet_days.idxmin(), "recency"] == 5
    assert found.loc[found.revenue.idxmax(), "monetary"] == 5
    assert found.sort_values("orders").frequency.is_monotonic_increasing


def test_the_project_under_way_is_named(sample_orders):
    """With projects, a customer who just bought tiles is in the bathroom; others have none."""
    projects = nb.Projects().fit(nb.SequentialRules(level="category").fit(sample_orders))
    found = nb.segments(sample_orders, projects=projects).set_index("customer_id")
    now = projects.of(sample_orders).drop_duplicates("customer_id").set_index("customer_id")
    named = found[found.project.notna()]
    assert set(named.index) == set(now.index)
    assert named.project.tolist() == now.loc[named.index].project.tolist()
    assert named.stage.str.fullmatch(r"\d+ of \d+").all()


def test_the_funnel_from_first_to_second(sample_orders):
    """Customers, those watched long enough and those who came back in time are those that pandas counts."""
    found = nb.order_funnel(sample_orders, within_days=60, most_orders=3)
    visits = visits_of(sample_orders).sort_values(["customer_id", "day"])
    visits["number"] = visits.groupby("customer_id").cumcount() + 1
    visits["wait"] = (visits.groupby("customer_id").day.shift(-1) - visits.day).dt.days
    last = visits.day.max()
    for row in found.itertuples():
        mine = visits[visits.number == row.order_number]
        watched = mine[(last - mine.day).dt.days >= 60]
        assert (row.customers, row.watched) == (len(mine), len(watched))
        assert row.returned == (watched.wait <= 60).sum()
        assert row.days_p50 == mine.wait.median()
        assert row.share_low < row.share < row.share_high
    assert found.customers.is_monotonic_decreasing


def test_cohorts_by_pandas(sample_orders):
    """Each cell of the cohort table is what a pivot of months counts; the first column is everybody."""
    found = nb.cohort_retention(sample_orders)
    visits = visits_of(sample_orders)
    visits["month"] = visits.day.dt.to_period("M")
    visits["cohort"] = visits.groupby("customer_id").month.transform("min")
    visits["after"] = (visits.month - visits.cohort).map(lambda d: d.n)
    expected = visits.groupby(["cohort", "after"]).customer_id.nunique()
    for row in found.itertuples():
        assert row.active == expected.get((pd.Period(row.cohort, "M"), row.month), 0)
    assert found[found.month == 0].share.eq(1).all()
    # the sample's last order is of May 30, a Saturday: May has not ended
    assert not found[(found.cohort.dt.strftime("%Y-%m") == "2026-05")].complete.any()


def test_repeat_revenue_by_pandas(sample_orders):
    """Revenue of first days and of later ones add up to the month's, as pandas counts them."""
    found = nb.repeat_revenue(sample_orders)
    visits = visits_of(sample_orders)
    visits["month"] = visits.day.dt.to_period("M").dt.to_timestamp()
    visits["first"] = visits.day == visits.groupby("customer_id").day.transform("min")
    np.testing.assert_allclose(found.revenue, visits.groupby("month").value.sum())
    expected = visits[~visits["first"]].groupby("month").value.sum().reindex(found.month, fill_value=0)
    np.testing.assert_allclose(found.repeat_revenue, expected)
    assert found.new_customers.sum() == sample_orders.n_customers
    assert found.customers.tolist() == visits.groupby("month").customer_id.nunique().tolist()


def test_white_space_by_hand():
    """Nothing that is owned is listed, and shares and money are those of a hand count."""
    bought = {"A": ["x", "y"], "B": ["x", "y"], "C": ["x"], "D": ["y", "z"]}
    lines = [
        {"customer_id": c, "timestamp": "2026-01-05", "item_id": i, "quantity": 1, "price": {"x": 1, "y": 2, "z": 9}[i]}
        for c, items in bought.items() for i in items
    ]  # fmt: skip
    found = nb.white_space(nb.read_orders(lines), level="item").set_index(["customer_id", "category"])
    # C owns x; two of its three buyers have y. D owns y and z: x is owned by 2 of 3 and by 0 of 1
    assert found.loc[("C", "y"), "share"] == pytest.approx(2 / 3)
    assert found.loc[("D", "x"), "share"] == pytest.approx(1 / 3)
    assert found.loc[("A", "z"), "share"] == pytest.approx(1 / 6)
    assert found.loc[("A", "z"), "potential"] == pytest.approx(9 / 6)
    assert ("C", "x") not in found.index
    assert ("C", "z") not in found.index


def test_nothing_later_is_looked_at(small_world):
    """Orders from as_of on change no figure."""
    as_of = "2025-04-01"
    orders = nb.read_orders(small_world.orders, catalog=small_world.catalog)
    early = nb.read_orders(
        small_world.orders[small_world.orders.timestamp < as_of], catalog=small_world.catalog
    ).before(as_of)
    for count in (nb.segments, nb.order_funnel, nb.cohort_retention, nb.repeat_revenue, nb.white_space):
        one, two = count(orders, as_of=as_of), count(early, as_of=as_of)
        pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda _: nb.segments([1]), "orders must be Orders, not list"),
        (lambda o: nb.segments(o, as_of="2001-01-01"), "no order before as_of='2001-01-01'"),
        (lambda o: nb.segments(o, regular_orders=1), "regular_orders=1 must be a whole number, at least 2"),
        (lambda o: nb.segments(o, dormant_days=30, lost_days=10), "lost_days=10 must be .* at least 30"),
        (lambda o: nb.order_funnel(o, within_days=0), "within_days=0"),
        (lambda o: nb.white_space(o, k=0), "k=0"),
        (lambda o: nb.white_space(o, customers=["nobody"]), "1 of the customers asked for have no order"),
    ],
)
def test_one_clear_error_each(call, says, small_orders):
    """What makes no sense is refused by name."""
    with pytest.raises(InputError, match=says):
        call(small_orders)


def test_orders_without_customers_or_prices():
    """Segments need customers, revenue needs prices: each says so."""
    alone = nb.read_orders([{"order_id": "1", "timestamp": "2026-01-05", "item_id": "x"}])
    with pytest.raises(InputError, match="no customer column"):
        nb.segments(alone)
    free = nb.read_orders([{"customer_id": "A", "timestamp": "2026-01-05", "item_id": "x"}])
    with pytest.raises(InputError, match="No line has a price"):
        nb.repeat_revenue(free)
    assert nb.segments(free).revenue.isna().all()
    assert nb.segments(free).lifecycle.tolist() == ["first_order"]
