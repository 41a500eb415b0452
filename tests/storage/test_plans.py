"""A plan is written whole or not at all, and the same plan as the same bytes."""

from __future__ import annotations

import pytest

import nextbuy as nb
from nextbuy.storage import read_run

POLICY = nb.OfferPolicy(holdout=0.3, coupons=True, channels={"email": 0.0})


def made(small_orders):
    rows = [
        {"customer_id": c, "item_id": "BTB-0001", "probability": 0.1}
        for c in small_orders.customer_ids.to_pylist()
    ]
    return nb.OfferPlanner(POLICY).plan(rows, as_of=small_orders.end, catalog=small_orders.catalog)


def content(place):
    return {p.name: p.read_bytes() for p in place.iterdir()}


def test_the_same_plan_is_the_same_bytes(small_orders, tmp_path):
    """Planned and written twice, every file is equal to the byte; the manifest names them all."""
    for name in ("one", "two"):
        manifest = nb.write_plan(made(small_orders), tmp_path / name, orders=small_orders, adapters=["braze"])
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert set(content(tmp_path / "one")) == {"manifest.json", *manifest["files"]}
    assert read_run(tmp_path / "one")["run_id"] == made(small_orders).run_id
    assert {"call_list.csv", "customers.csv", "coupons.csv", "braze.csv"} <= set(manifest["files"])


def test_nothing_is_written_when_something_is_wrong(small_orders, tmp_path):
    """An unknown adapter leaves no directory, a finished plan is not overwritten unasked."""
    plan = made(small_orders)
    with pytest.raises(nb.InputError, match="no adapter"):
        nb.write_plan(plan, tmp_path / "plan", adapters=["excel"])
    assert not (tmp_path / "plan").exists()
    nb.write_plan(plan, tmp_path / "plan", orders=small_orders)
    before = content(tmp_path / "plan")
    with pytest.raises(nb.RunError, match="already holds a finished run"):
        nb.write_plan(plan, tmp_path / "plan")
    assert content(tmp_path / "plan") == before
    nb.write_plan(plan, tmp_path / "plan", overwrite=True)
    assert "call_list.csv" not in content(tmp_path / "plan")
