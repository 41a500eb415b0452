"""The first look works, and works again."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest


@pytest.mark.slow
def test_the_demo_twice(nextbuy, tmp_path):
    """It shows tiles before bathtubs and ten offers with their reason, and a second time changes no byte."""
    code, out, err = nextbuy("demo", "--out", tmp_path / "offers")
    assert (code, err) == (0, "")
    assert "bathtub" in next(line for line in out.splitlines() if line.strip().startswith("tiles"))
    place = tmp_path / "offers" / "2026-05-31"
    offers = pq.read_table(place / "offers.parquet").to_pandas()
    shown = [c for c in offers["customer_id"].unique() if f" {c} " in out]
    assert len(shown) == 10
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    assert nextbuy("demo", "--out", tmp_path / "offers", "--quiet") == (0, "", "")
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before
