"""Projects against what was planted, and stages against a count in plain pandas."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.mining.clusters import markov_clusters

ROOT = Path(__file__).parents[2]
AS_OF = "2026-02-01"


@pytest.fixture(scope="module")
def bench():
    """The benchmark's own judges: the Rand index, the count of stages, the second world."""
    spec = importlib.util.spec_from_file_location("project_benchmark", ROOT / "benchmarks" / "projects.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def links(sample_orders):
    return nb.SequentialRules(level="category").fit(sample_orders)


@pytest.fixture(scope="module")
def projects(links, sample_orders):
    return nb.Projects().fit(links, orders=sample_orders)


@pytest.fixture(scope="module")
def said(projects, sample_orders):
    return projects.of(sample_orders, as_of=AS_OF, open_only=False)


def line(customer, day, item):
    return {"customer_id": customer, "order_id": f"{customer} {day}", "timestamp": day, "item_id": item}


def test_the_planted_projects_are_found(projects, sample, bench):
    """On the sample the projects are the ten planted ones, with an adjusted Rand index above .9."""
    assert len(projects.projects_) == 10
    assert bench.rand_index(projects.items_, bench.planted_in_store(sample, "category")) > 0.9


def test_another_world_by_item(bench):
    """Some thirty random projects in a store of another design are found, by item."""
    lines, planted = bench.planted_projects(7, customers=10_000)
    links = nb.SequentialRules().fit(nb.read_orders(lines))
    assert bench.rand_index(nb.Projects().fit(links).items_, planted) > 0.8


def test_the_bathroom(projects, sample):
    """Steps, start and order of the bathroom are the planted ones; shares and days come near."""
    bathroom = projects.projects_.set_index("start").loc["tiles"]
    assert set(bathroom["signs"]) == {"adhesive", "grout", "spacers"}
    assert bathroom["steps"][0] == "tiles"
    assert bathroom["steps"][-1] == "mirror"
    assert bathroom["project"].startswith("tiles, ")
    truth = sample.truth[(sample.truth["antecedent"] == "tiles") & (sample.truth["kind"] == "link")]
    items = projects.items_.set_index("item_id").loc[truth["consequent"]]
    assert items["usual_day"].to_numpy() == pytest.approx(truth["lag_p50"].to_numpy(), rel=0.25)
    # a share of the planned purchases is lost to customers who leave
    assert (items["share"].to_numpy() / truth["share"].to_numpy() > 0.75).all()
    assert (items["share"].to_numpy() < truth["share"].to_numpy() * 1.1).all()


def test_an_item_has_one_project(projects):
    """No item stands twice, and each project has one start."""
    assert projects.items_["item_id"].is_unique
    assert (projects.items_["role"] == "start").sum() == len(projects.projects_)
    assert projects.projects_["project"].is_unique


def test_stages_are_what_pandas_counts(projects, sample_orders, bench, said):
    """Done and missing of every customer and project equal a plain count of the lines."""
    total, right = bench.stages_right(projects, sample_orders, AS_OF)
    assert total == right == len(said)
    assert total > 2_000


def test_stages_are_the_planted_ones():
    """For customers whose only purchases of bathroom goods are the planned ones, done is what truly happened."""
    world = nb.datasets.make_orders(customers=1_500, seed=12, return_share=0.0)
    orders = nb.read_orders(world.orders, catalog=world.catalog)
    projects = nb.Projects().fit(nb.SequentialRules(level="category").fit(orders))
    rows = projects.of(orders, as_of=orders.end, open_only=False)
    start = projects.projects_.set_index("start").loc["stove"]
    rows = rows[(rows["project"] == start["project"]) & rows["owned"].map(lambda o: "stove" in o)]
    events = world.events[(world.events["project"] == "stove") & world.events["happened"]]
    end = pd.Timestamp(orders.end)
    events = events[events["antecedent_date"] + pd.to_timedelta(events["lag_days"], unit="D") < end]
    happened = events.groupby("customer_id")["consequent"].agg(set).to_dict()
    wanted = set(start["steps"])
    assert len(rows) > 30
    right = [
        set(r.owned) == ({"stove"} | happened.get(r.customer_id, set())) & wanted
        and set(r.missing) == wanted - {"stove"} - happened.get(r.customer_id, set())
        for r in rows.itertuples()
    ]
    # nobody buys these goods without a project, apart from firewood
    assert np.mean(right) > 0.9


def test_rows_hold_together(said, projects):
    """Owned and missing make the whole, the stage says so, dates are in order, chances lie in 0 to 1."""
    steps = projects.projects_.set_index("project")["steps"]
    for r in said.head(500).itertuples():
        assert {*r.owned, *r.missing} == set(steps[r.project])
        assert len(r.owned) + len(r.missing) == r.size
        assert re.fullmatch(rf"{len(r.owned)} of {r.size}", r.stage)
        assert r.done == len(r.owned)
    assert said["probability"].between(0, 1).all()
    open_ = said[said["probability"] > 0]
    assert open_["next_item"].notna().all()
    assert all(r.next_item in r.missing for r in open_.head(500).itertuples())
    assert (open_["next_from"] <= open_["next_date"]).all()
    assert (open_["next_date"] <= open_["next_until"]).all()
    assert (open_["next_from"] >= pd.Timestamp(AS_OF)).all()
    assert (said["started"] <= said["last"]).all()
    assert (said["last"] < pd.Timestamp(AS_OF)).all()
    closed = said[said["probability"] == 0]
    assert closed["next_item"].isna().all()


def test_nothing_looks_ahead(projects, sample, said):
    """A source that ends at the moment gives the same answer as one that goes on."""
    lines = sample.orders[sample.orders["timestamp"] < AS_OF]
    known = nb.read_orders(lines, catalog=sample.catalog)
    pd.testing.assert_frame_equal(projects.of(known, as_of=AS_OF, open_only=False), said)


def test_chances_are_calibrated(sample_orders, bench):
    """Learned on what was known, chances said come within a quarter of what happened in the next 30 days."""
    text = bench.chances(sample_orders, "category", [pd.Timestamp(AS_OF)])
    said, came = (float(v) for v in re.match(r"said/came ([\d.]+)/([\d.]+)", text).groups())
    assert said == pytest.approx(came, rel=0.25)
    top_said, top_came = (float(v) for v in text.rstrip(")").split(", ")[-1].split("/"))
    assert top_said == pytest.approx(top_came, rel=0.25)


def test_one_customer_by_hand(projects, sample):
    """Tiles in January and a toilet in February: two of eight, and six are missing in usual order."""
    item = sample.catalog.groupby("category")["item_id"].first()
    lines = [
        line("me", "2026-01-05", item["tiles"]),
        line("me", "2026-02-01", item["toilet"]),
        line("old", "2025-01-05", item["tiles"]),
        line("none", "2026-01-05", item["batteries"]),
    ]
    orders = nb.read_orders(lines, catalog=sample.catalog)
    now = projects.of(orders, as_of="2026-02-10")
    assert now["customer_id"].tolist() == ["me"]
    (row,) = now.itertuples()
    assert row.stage == "2 of 8"
    assert row.owned == ("tiles", "toilet")
    assert set(row.missing) == {"bathtub", "cabinet", "mirror", "shower", "sink", "tap"}
    assert list(row.missing) == [
        s for s in projects.projects_.set_index("start").loc["tiles", "steps"] if s in row.missing
    ]
    assert row.trigger_item in row.owned
    assert row.probability >= row.next_probability > 0.1
    every = projects.of(orders, as_of="2026-02-10", open_only=False).set_index("customer_id")
    assert every.loc["old", "stage"] == "1 of 8"
    assert every.loc["old", "probability"] == 0
    # a pause longer than the window: the cabinet begins a new run
    later = nb.read_orders([*lines, line("old", "2026-02-03", item["cabinet"])], catalog=sample.catalog)
    again = projects.of(later, as_of="2026-02-10").set_index("customer_id").loc["old"]
    assert again["owned"] == ("cabinet",)
    assert again["next_item"] == "mirror"
    assert again["started"] == pd.Timestamp("2026-02-03")


def test_only_these_customers(projects, sample_orders, said):
    """Asked for some customers, their rows are those of the whole answer; unknown ids have none."""
    some = said["customer_id"].unique()[:5].tolist()
    rows = projects.of(sample_orders, as_of=AS_OF, customers=[*some, "nobody"], open_only=False)
    pd.testing.assert_frame_equal(rows, said[said["customer_id"].isin(some)].reset_index(drop=True))
    assert len(projects.of(sample_orders, customers=["nobody"])) == 0


def test_basket_rules_add_companions(links, sample_orders, sample):
    """Paint's roller and tape join as companions; what goes with no project's item stays out."""
    basket = nb.AssociationRules(level="category").fit(sample_orders)
    found = nb.Projects().fit(links, basket=basket).items_
    companions = found[found["role"] == "companion"]
    planted = sample.truth[sample.truth["kind"] == "companion"].set_index("consequent")["antecedent"]
    assert len(companions)
    project = found.set_index("item_id")["project"]
    for item in companions["item_id"]:
        assert project[item] == project[planted[item]]
    assert "charcoal" not in set(found["item_id"])


def test_every_frame_holds_the_same(sample, projects):
    """Asked in polars, the answer is polars: lists instead of tuples, the same words and figures."""
    import polars as pl

    orders = nb.read_orders(pl.from_pandas(sample.orders), catalog=sample.catalog)
    other = nb.Projects().fit(nb.SequentialRules(level="category").fit(orders), orders=orders)
    assert other.projects_["steps"].to_list() == [list(s) for s in projects.projects_["steps"]]
    rows, wanted = (
        other.of(orders, as_of=AS_OF),
        projects.of(nb.read_orders(sample.orders, catalog=sample.catalog), as_of=AS_OF),
    )
    assert rows["missing"].to_list() == [list(m) for m in wanted["missing"]]
    assert rows["stage"].to_list() == wanted["stage"].tolist()


def test_no_links_no_projects(small_world):
    """Where nothing follows anything there are no projects, and nobody is in one."""
    lines = small_world.orders.drop_duplicates("customer_id")
    orders = nb.read_orders(lines, catalog=small_world.catalog)
    empty = nb.Projects().fit(nb.SequentialRules(level="category").fit(orders), orders=orders)
    assert len(empty.projects_) == len(empty.items_) == len(empty.of(orders)) == 0
    assert "stage" in empty.of(orders).columns


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"inflation": 1.0}, "inflation=1.0"),
        ({"min_items": 1}, "min_items=1"),
        ({"horizon_days": 0}, "horizon_days=0"),
    ],
)
def test_wrong_parameters_are_named(options, text, links):
    """A parameter out of range is named with its value."""
    with pytest.raises(nb.InputError, match=text):
        nb.Projects(**options).fit(links)


def test_what_is_not_fitted_rules_is_refused(links, small_orders, projects):
    """Orders instead of links, rules of another level, and a frame instead of orders say what to do."""
    with pytest.raises(nb.InputError, match="SequentialRules"):
        nb.Projects().fit(small_orders)
    with pytest.raises(nb.InputError, match=r"AssociationRules\(level='category'\)"):
        nb.Projects().fit(links, basket=nb.AssociationRules().fit(small_orders))
    with pytest.raises(nb.InputError, match="read_orders"):
        projects.of(pd.DataFrame())


def test_clusters_survive_a_wrong_link():
    """Two cliques joined by one link stay two; a lone node is alone; a component of two is one."""
    edges = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3), (7, 8)]
    first, second = np.array(edges).T
    groups = markov_clusters(first, second, np.ones(len(edges)), size=9, inflation=1.5)
    assert groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3]
