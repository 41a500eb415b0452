"""Planted worlds: the next step of a project is named while its window is open, and not after."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

import nextbuy as nb

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "next_steps.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("next_steps", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules["next_steps"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def world():
    return nb.datasets.make_orders(seed=11)


@pytest.fixture(scope="module")
def as_of(world):
    return world.orders["timestamp"].max().normalize() - pd.Timedelta(days=60)


def test_waiting_steps_are_those_of_the_plan(benchmark, world, as_of):
    """Each waiting step was not bought before, and an open one is bought within the horizon, on the planned day."""
    orders = nb.read_orders(world.orders, catalog=world.catalog)
    steps = benchmark.waiting(world, orders, as_of, horizon_days=30)
    lines = orders.frame().merge(world.catalog[["item_id", "category"]], on="item_id")
    lines["day"] = lines["timestamp"].dt.normalize()
    some = steps[steps["open"]].head(40)
    assert len(some) == 40
    for row in some.itertuples():
        mine = lines[(lines["customer_id"] == row.customer_id) & (lines["category"] == row.consequent)]
        assert not (mine["day"] < as_of).any()
        planned = row.antecedent_date + pd.Timedelta(days=row.lag_days)
        assert as_of <= planned < as_of + pd.Timedelta(days=30)
    assert not (steps["open"] & steps["over"]).any()
    assert steps.loc[steps["next"], "customer_id"].is_unique


@pytest.fixture(scope="module")
def found(benchmark, world, as_of):
    return benchmark.judge(world, as_of)


@pytest.mark.slow
def test_an_open_step_can_be_known(found):
    """Who knows shares and lags, and not the plan, names at least nine of ten."""
    assert found.customers_open > 80
    assert found.oracle >= 0.9


@pytest.mark.slow
def test_an_open_step_is_among_the_first_three(found):
    """Of the customers in an open window, at least 80 % find the next planned step among three new items."""
    assert found.open >= 0.8


@pytest.mark.slow
def test_a_step_goes_when_its_time_is_over(found):
    """After the window at most 5 % still find it there."""
    assert found.customers_after > 500
    assert found.after <= 0.05
