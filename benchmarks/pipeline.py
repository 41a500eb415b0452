"""Wall time, CPU time and peak memory of each step of the command line, each a process of its own.

    python benchmarks/pipeline.py                       one million generated order lines
    python benchmarks/pipeline.py FILE [--backtest]     a history of your own (Parquet or CSV)
    python benchmarks/pipeline.py --customers 206000 --scale grocery --check       32 million generated lines, read only

What is printed for a step is the whole process, start-up and reading included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nextbuy as nb


def measured(step: str, *arguments: str) -> None:
    """Run `nextbuy STEP ...` and print what it took; stop at the first failure (1 of `check` is a finding)."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "nextbuy.cli", step, *arguments, "--quiet"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall, code = time.perf_counter() - started, os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{step:10s} {wall:7.1f} s wall {cpu:7.1f} s CPU {usage.ru_maxrss / 1024:8,.0f} MB   exit {code}",
        flush=True,
    )
    if code not in ((0, 1) if step == "check" else (0,)):
        sys.exit(f"{step} failed")


def main() -> None:
    """Check, fit and score one history."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--backtest", action="store_true")
    parser.add_argument("--customers", type=int, default=35_000, help="of the generated history")
    parser.add_argument(
        "--scale", default="store", choices=["store", "grocery"], help="of the generated history"
    )
    parser.add_argument("--check", action="store_true", help="read and check, no more")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source, catalog = given.file, []
        if source is None:
            lines = nb.datasets.write_orders(place, customers=given.customers, scale=given.scale)
            source, catalog = Path(place, "orders.parquet"), ["--catalog", f"{place}/items.parquet"]
            print(f"{lines:,} generated lines")
        measured("check", str(source))
        if given.check:
            return
        as_of = nb.read_orders(source).end.date().isoformat()
        measured("fit", str(source), "--model", f"{place}/model", *catalog)
        measured("score", str(source), "--model", f"{place}/model", "--as-of", as_of, "--out", f"{place}/out")
        if given.backtest:
            measured("backtest", str(source))


if __name__ == "__main__":
    main()
