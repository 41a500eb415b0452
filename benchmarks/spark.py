"""A model fitted and asked on Spark beside one machine: the same bytes and rows, and what each takes.

    python benchmarks/spark.py [FILE.parquet] [--catalog F] [--as-of DATE] [--partitions 1 3 8] [-k 5]

Without a file: the shipped sample. CPU seconds of this process (the driver) and of everything that Spark started: its
own process and the workers (Linux). Two tasks at once, 3 GB for Spark's own process.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd

import nextbuy as nb

OWN = ("events.", "customer_ids.", "manifest.json")  # of purchases, which a model from Spark does not hold


def cpu_seconds() -> tuple[float, float]:
    """Give the CPU seconds of this process, and of all that it started and that these started."""
    parent, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended since
            continue
        parent[int(place.parent.name)] = int(fields[1])
        ticks[int(place.parent.name)] = sum(map(int, fields[11:15]))  # with the children that it waited for
    below, grown = {os.getpid()}, -1
    while grown != len(below):
        grown = len(below)
        below |= {one for one, of in parent.items() if of in below}
    below -= {os.getpid()}
    return time.process_time(), sum(ticks[one] for one in below) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Prints what was taken since it was made or asked last."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def say(self, what: str, found: str = "") -> None:
        """Print one line and begin anew."""
        here, there = (now - before for now, before in zip(cpu_seconds(), self.cpu, strict=True))
        wall = time.perf_counter() - self.wall
        print(
            f"{what:24s} {wall:7.1f} s wall {here:7.1f} s CPU here {there:7.1f} s CPU in Spark  {found}",
            flush=True,
        )
        self.begin()


def files(model: nb.NextPurchase) -> dict[str, bytes]:
    """Give what a model has learned, as the files of its bundle."""
    with tempfile.TemporaryDirectory() as place:
        saved = nb.save(model, Path(place) / "model").iterdir()
        found = {one.name: one.read_bytes() for one in saved if not one.name.startswith(OWN)}
    state = json.loads(found.pop("state.json"))
    del state["dict"]["events"]
    return found | {"state.json": json.dumps(state).encode()}


def sorted_rows(rows: Any) -> pd.DataFrame:
    """Give rows customer by customer, best first."""
    frame = rows.to_pandas() if hasattr(rows, "to_pandas") else rows
    return frame.sort_values(["customer_id", "rank"], ignore_index=True)


def main() -> None:
    """Fit and score here, then there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sample = nb.datasets.sample_path()
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--catalog", type=Path)
    parser.add_argument("--as-of")
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 3, 8])
    parser.add_argument("-k", type=int, default=5)
    asked = parser.parse_args()
    file = asked.file or sample / "orders.parquet"
    catalog = asked.catalog or (None if asked.file else sample / "items.parquet")

    watch = Watch()
    orders = nb.read_orders(file, catalog=catalog)
    local = nb.NextPurchase().fit(orders, as_of=asked.as_of)
    watch.say("one machine: read, fit", f"{orders.ledger['read']:,} lines")
    as_of = asked.as_of or local.as_of_
    rows = sorted_rows(local.predict(orders, as_of=as_of, k=asked.k))
    watch.say("one machine: predict", f"{len(rows):,} rows")
    known = files(local)

    from pyspark.sql import SparkSession

    from nextbuy.engines.spark import collect, fit, predict

    os.environ["PYSPARK_PYTHON"] = sys.executable
    start = SparkSession.builder.master("local[2]").config("spark.driver.memory", "3g")
    session = start.config("spark.ui.enabled", "false").getOrCreate()
    frame = session.read.parquet(str(file.resolve()))
    wrong = False
    for partitions in asked.partitions:
        watch = Watch()
        made = fit(nb.NextPurchase(), frame, as_of=asked.as_of, catalog=catalog, partitions=partitions)
        same = files(made) == known
        watch.say(f"{partitions} partitions: fit", "the same bytes" if same else "OTHER BYTES")
        found = sorted_rows(collect(predict(made, frame, as_of=as_of, k=asked.k, partitions=partitions)))
        try:
            pd.testing.assert_frame_equal(found, rows, check_exact=True, check_dtype=False)
            told = f"the same {len(found):,} rows"
        except AssertionError as error:
            told = f"OTHER ROWS: {error}"
        watch.say(f"{partitions} partitions: predict", told)
        wrong |= not same or not told.startswith("the")
    session.stop()
    sys.exit(wrong)


if __name__ == "__main__":
    main()
