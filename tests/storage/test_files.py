"""Files are whole or not there, and a CSV runs nothing."""

from __future__ import annotations

import csv
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nextbuy.atomic import atomic
from nextbuy.storage.files import write_csv, write_json, write_parquet
from nextbuy.storage.replace import new_directory


def test_a_broken_write_leaves_the_old_file(tmp_path):
    """An exception on the way keeps what was there and leaves no temporary file."""
    target = tmp_path / "offers.json"
    write_json(target, {"run": 1})

    def breaks():
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        breaks()
    assert target.read_text() == '{\n  "run": 1\n}\n'
    assert list(tmp_path.iterdir()) == [target]


def test_tables_of_one_schema_become_one_file(tmp_path):
    """Parts written one after the other read back as the whole, types kept, all-unknown columns too."""
    parts = [
        pa.table({"id": pa.array(["a", None]), "day": pa.array(np.array(["2026-06-01"] * 2, "M8[us]"))}),
        pa.table(
            {"id": pa.array([None, None], pa.null()), "day": pa.array([None, None], pa.timestamp("us"))}
        ),
    ]
    assert write_parquet(tmp_path / "t.parquet", iter(parts)) == 4
    read = pq.read_table(tmp_path / "t.parquet")
    assert read.schema == parts[0].schema
    assert read["id"].to_pylist() == ["a", None, None, None]


def test_a_csv_holds_no_formula(tmp_path):
    """Each text that a spreadsheet would run begins with an apostrophe; all else is as it was."""
    risky = ["=1+1", "+49 30", "-tap", "@SUM(A1)", "\tx", 'tiles, 30x60 "white"', "a=b", "", None]
    table = pa.table({"reason": risky, "margin": [-1.5] * len(risky)})
    write_csv(tmp_path / "t.csv", table)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["reason"] for r in rows] == [
        "'=1+1",
        "'+49 30",
        "'-tap",
        "'@SUM(A1)",
        "'\tx",
        'tiles, 30x60 "white"',
        "a=b",
        "",
        "",
    ]
    assert {float(r["margin"]) for r in rows} == {-1.5}


def test_a_csv_is_utf8_with_iso_dates(tmp_path):
    """Days are written as days, moments as moments, ids of any script as they are."""
    moment = pa.array(np.array(["2026-06-01T13:05", "NaT"], "M8[us]"))
    table = pa.table(
        {"item": ["Fliese weiß", "水槽"], "send_on": moment, "ordered": moment, "owned": [["a", "b"], []]}
    )
    write_csv(tmp_path / "t.csv", table)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["item", "send_on", "ordered", "owned"],
            ["Fliese weiß", "2026-06-01", "2026-06-01T13:05:00", "a + b"],
            ["水槽", "", "", ""],
        ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="limits of Unix")
@pytest.mark.parametrize("kind", ["bytes", "parquet", "arrays"])
def test_a_full_disk_is_named_with_the_file(tmp_path, kind):
    """Whoever writes, Python, arrow or numpy: the error says which file had no room, and what to do."""
    import resource

    values = np.random.default_rng(0).random(100_000)
    write = {
        "bytes": lambda path: write_json(path, values.tolist()),
        "parquet": lambda path: write_parquet(path, pa.table({"x": values})),
        "arrays": lambda path: _save(path, values),
    }[kind]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(
            OSError, match=r"no room for .*/target \(.*\); make some there, or write elsewhere"
        ):
            write(tmp_path / "target")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def _save(path, values):
    with new_directory(path) as made:
        np.save(made / "values.npy", values)
