"""Wall time, CPU time and peak memory of each step of the command line, each a process of its own.

    python benchmarks/pipeline.py                       one million generated order lines
    python benchmarks/pipeline.py FILE [--backtest]     a history of your own (Parquet or CSV)
    python benchmarks/pipeline.py --customers 206000 --scale grocery --steps check       32 million lines, read only
    python benchmarks/pipeline.py --customers 206000 --scale grocery --growth 1 2 4 8 16 32 --jobs 2
                                                        the same history: 1, 2, ... 32 of 32 parts of its customers

What is printed for a step is the whole process, start-up and reading included. Its processes count together in CPU
seconds; the peak is that of the largest of them, and what no file lies behind (`RssAnon`) that of the first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import nextbuy as nb

STEPS = ("check", "basket", "sequence", "fit", "score")
PARTS = 32


def measured(step: str, *arguments: str) -> None:
    """Run `nextbuy STEP ...` and print what it took; stop at the first failure (1 of `check` is a finding)."""
    started = time.perf_counter()
    kind = ("rules", "--kind", step) if step in {"basket", "sequence"} else (step,)
    process = subprocess.Popen(
        [sys.executable, "-m", "nextbuy.cli", *kind, *arguments, "--quiet"], stdout=subprocess.DEVNULL
    )
    own, ended = 0, 0
    while not ended:
        time.sleep(0.02)
        own = max(own, anonymous(process.pid))
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    wall, code = time.perf_counter() - started, os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{step:10s} {wall:7.1f} s wall {cpu:7.1f} s CPU {usage.ru_maxrss / 1024:8,.0f} MB, of it no file's "
        f"{own:8,.0f} MB   exit {code}",
        flush=True,
    )
    if code not in ((0, 1) if step == "check" else (0,)):
        sys.exit(f"{step} failed")


def anonymous(process: int) -> float:
    """Give the MB that a process holds beside the files that it maps; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), default=0)


def measure(
    source: Path, catalog: list[str], place: Path, steps: list[str], jobs: int, most: str | None
) -> None:
    """Take the steps, one after the other, for one history."""
    bound = [] if most is None else ["--max-memory", most]
    catalog = [*catalog, *bound]
    config = place / "config.toml"
    config.write_text(f"n_jobs = {jobs}\n")
    model = str(place / "model")
    for step in steps:
        if step == "fit":
            measured(step, str(source), "--model", model, "--config", str(config), *catalog)
        elif step == "score":
            batches = pq.ParquetFile(source).iter_batches(columns=["timestamp"])
            end = max(batch["timestamp"].to_numpy().max() for batch in batches)
            as_of = str(end.astype("datetime64[D]") + 1)
            out = str(place / "out")
            measured(
                step,
                str(source),
                "--model",
                model,
                "--as-of",
                as_of,
                "--out",
                out,
                "-k",
                "5",
                "--overwrite",
                *bound,
            )
        else:
            measured(step, str(source), *bound)


def some_customers(source: Path, part: int, into: Path) -> None:
    """Write the lines of `part` of `PARTS` of the customers, picked by a hash of their numbers."""
    lines = pq.read_table(source)
    coded = lines["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    slot = (coded.astype(np.int64) * 2_654_435_761 % 2**32) % PARTS
    pq.write_table(lines.filter(pa.array(slot < part)), into)


def main() -> None:
    """Check, mine, fit and score."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--catalog", type=Path)
    parser.add_argument("--backtest", action="store_true")
    parser.add_argument("--customers", type=int, default=35_000, help="of the generated history")
    parser.add_argument(
        "--scale", default="store", choices=["store", "grocery"], help="of the generated history"
    )
    parser.add_argument("--steps", nargs="+", default=["check", "fit", "score"], choices=STEPS)
    parser.add_argument("--growth", nargs="+", type=int, help=f"so many of {PARTS} parts of the customers")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--max-memory", help="such as 2GB")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place, source = Path(name), given.file
        catalog = [] if given.catalog is None else ["--catalog", str(given.catalog)]
        if source is None:
            lines = nb.datasets.write_orders(place, customers=given.customers, scale=given.scale)
            source, catalog = place / "orders.parquet", ["--catalog", str(place / "items.parquet")]
            print(f"{lines:,} generated lines")
        if given.growth is None:
            measure(source, catalog, place, given.steps, given.jobs, given.max_memory)
        for part in given.growth or []:
            some = place / "part.parquet"
            # a process's peak counts what its parent held when it started: this one must stay small
            cut = get_context("spawn").Process(target=some_customers, args=(source, part, some))
            cut.start()
            cut.join()
            print(f"{pq.read_metadata(some).num_rows:,} lines", flush=True)
            measure(some, catalog, place, given.steps, given.jobs, given.max_memory)
        if given.backtest:
            measured("backtest", str(source))


if __name__ == "__main__":
    main()
