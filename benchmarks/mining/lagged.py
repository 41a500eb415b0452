"""Lagged pairs with lag tables against DuckDB's self-join and seq2pat: wall time and peak memory of whole processes.

    python benchmarks/mining/lagged.py [--peers PYTHON] [--customers N] [--items N] [--runs N] [--methods NAME ...]
                                       [--semantics NAME ...] [--chunks]

counted: a customer's first A, then the first B of their life, 1 to 90 days later. first: the same with a histogram of
the lags of every pair. any: the first A, then any B in the 1 to 90 days after it, each customer once, with histograms.
any_any: any A, then any B in the 1 to 90 days after it, each customer once. Pairs with 8 customers or more. Ours is
what `SequentialRules` calls: `count_pairs` for all pairs, `count_lags` (which also counts who had B before, and how
long everybody was watched) for chosen ones, here all of them; for any_any the first step of `Patterns`. All results
must be equal. PYTHON has the peers (pip install duckdb seq2pat numpy pyarrow). With --chunks also our peak memory at
three chunk sizes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
WINDOW, LEAST = 90, 8
EDGES = [0, 1, 3, 7, 14, 21, 30, 45, 60, 75, 90]


def nextbuy(path: str, occurrence: str, chunk: str = "") -> dict[str, np.ndarray]:
    """Count followers of all pairs, keep the pairs with enough of them, and tabulate the lags of these."""
    import pyarrow.parquet as pq

    from nextbuy.mining import expansion, exposures
    from nextbuy.orders.arrays import to_numpy

    expansion.CHUNK = int(chunk) if chunk else expansion.CHUNK
    table = pq.ParquetFile(path).read(use_threads=False)
    customer, day, item = (np.concatenate([to_numpy(c) for c in v.chunks]) for v in table.columns)
    half = np.zeros(int(customer.max()) + 1, bool)
    events = exposures.from_lines(customer, day, item, half=half, n_items=int(item.max()) + 1)
    if occurrence == "any_any":
        from nextbuy.mining.growth import Growth, Limits

        limits = Limits(1, WINDOW, WINDOW, LEAST, 2, 1 << 40)
        _, *longer = Growth(events, limits).levels()
        (a, b), count = longer[0].items.T, longer[0].customers
        rows = np.flatnonzero((longer[0].steps[:, 1] == 1) & (a != b))
        rows = rows[np.lexsort((b[rows], a[rows]))]
        return {"a": a[rows], "b": b[rows], "count": count[rows]}
    within: dict[str, Any] = {"window_days": WINDOW, "occurrence": "any" if occurrence == "any" else "first"}
    followed = exposures.count_pairs(events, **within).followed
    keep = followed.data >= LEAST
    a = np.repeat(np.arange(events.n_items), np.diff(followed.indptr))[keep]
    found = {"a": a, "b": followed.indices[keep].astype(np.int64), "count": followed.data[keep]}
    if occurrence == "counted":
        return found
    from nextbuy.mining.lags import count_lags

    return found | {"lags": count_lags(events, found["a"], found["b"], **within)[0].followers}


def duckdb(path: str, occurrence: str) -> dict[str, np.ndarray]:
    """Join the table with itself."""
    import duckdb as db

    bins = " ".join(f"when lag <= {high} then {k}" for k, high in enumerate(EDGES[1:]))
    base = f"from read_parquet('{path}')"
    if occurrence == "any_any":
        return dict(
            db.sql(f"""
        select a, b, count(*) as count from (
          select distinct a.customer, a.item as a, b.item as b
          from (select distinct customer, item, day {base}) a join (select distinct customer, item, day {base}) b
            on a.customer = b.customer and b.day > a.day and b.day <= a.day + {WINDOW} and a.item <> b.item)
        group by all having count >= {LEAST} order by a, b""").fetchnumpy()  # noqa: S608 - numbers of our own
        )
    first = f"(select customer, item, min(day) as day {base} group by all)"
    if occurrence == "counted":
        return dict(
            db.sql(f"""
        select a.item as a, b.item as b, count(*) as count from {first} a join {first} b
          on a.customer = b.customer and b.day > a.day and b.day <= a.day + {WINDOW} and a.item <> b.item
        group by all having count >= {LEAST} order by a, b""").fetchnumpy()  # noqa: S608 - numbers of our own
        )
    later = first if occurrence == "first" else f"(select distinct customer, item, day {base})"
    found = db.sql(f"""
        with pair as (
          select a.item as a, b.item as b, min(b.day - a.day) as lag
          from {first} a join {later} b
            on a.customer = b.customer and b.day > a.day and b.day <= a.day + {WINDOW} and a.item <> b.item
          group by a.customer, a.item, b.item),
        cell as (select a, b, case {bins} end as bin, count(*) as n from pair group by all)
        select *, sum(n) over (partition by a, b) as total from cell
        qualify total >= {LEAST} order by a, b, bin""").fetchnumpy()  # noqa: S608 - numbers of our own
    new = np.ones(len(found["a"]), bool)
    new[1:] = (found["a"][1:] != found["a"][:-1]) | (found["b"][1:] != found["b"][:-1])
    lags = np.zeros((int(new.sum()), len(EDGES) - 1), np.int64)
    lags[np.cumsum(new) - 1, found["bin"]] = found["n"]
    return {"a": found["a"][new], "b": found["b"][new], "count": lags.sum(1), "lags": lags}


def seq2pat(path: str, occurrence: str) -> dict[str, np.ndarray]:
    """Mine sequences (of first purchases) with 1 to 90 days between neighbours; patterns of two are the pairs."""
    import pyarrow.parquet as pq
    from sequential.seq2pat import Attribute, Seq2Pat

    events: dict[int, dict[tuple[int, int], int]] = {}
    table = pq.read_table(path).to_pydict()
    for customer, day, item in zip(table["customer"], table["day"], table["item"], strict=True):
        key = (item, day if occurrence == "any_any" else 0)
        events.setdefault(customer, {}).setdefault(key, day)  # sorted by day
    sequences = [[i + 1 for i, _ in s] for s in events.values()]
    days = [list(s.values()) for s in events.values()]
    miner = Seq2Pat(sequences=sequences, max_span=max(map(len, sequences)) + 1)
    gap = Attribute(days)
    miner.add_constraint(1 <= gap.gap() <= WINDOW)
    pairs = sorted(
        (p[0] - 1, p[1] - 1, p[2]) for p in miner.get_patterns(LEAST) if len(p) == 3 and p[0] != p[1]
    )
    return dict(zip("ab", np.array(pairs).T[:2], strict=True)) | {"count": np.array(pairs)[:, 2]}


def measured(python: str, method: str, path: Path, out: Path, *more: str) -> tuple[float, float, float]:
    """Run one method in a process of its own; give wall seconds, CPU seconds, peak MB."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1] / "src")}
    start = time.perf_counter()
    process = subprocess.Popen(
        [python, __file__, "--run", method, str(path), str(out), *more], env=environment
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{method} failed")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Run all methods, compare what they found, print one table."""
    if sys.argv[1:2] == ["--run"]:
        method, path, out, occurrence, *more = sys.argv[2:]
        np.savez(
            out, **{"nextbuy": nextbuy, "duckdb": duckdb, "seq2pat": seq2pat}[method](path, occurrence, *more)
        )
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--customers", type=int, default=96_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=["nextbuy", "duckdb", "seq2pat"])
    parser.add_argument("--semantics", nargs="*", default=["counted", "first", "any", "any_any"])
    parser.add_argument("--chunks", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "store.parquet", Path(folder) / "found.npz"
        make = "import sys, store, pyarrow as pa, pyarrow.parquet as pq; n, i, p = sys.argv[1:]; "
        make += "c, d, k = store.lines(int(n), items=int(i)); print(f'{len(c):,} lines'); "
        make += "pq.write_table(pa.table({'customer': c, 'day': d, 'item': k}), p)"
        subprocess.run(
            [sys.executable, "-c", make, str(asked.customers), str(asked.items), str(path)],
            cwd=HERE,
            check=True,
        )
        print(
            "| semantics | method | wall s | CPU s | peak MB | wall x nextbuy | pairs |\n|---|---|---|---|---|---|---|"
        )
        for occurrence, methods in (
            ("counted", ("nextbuy", "duckdb", "seq2pat")),
            ("first", ("nextbuy", "duckdb")),
            ("any", ("nextbuy", "duckdb")),
            ("any_any", ("nextbuy", "duckdb", "seq2pat")),
        ):
            if occurrence not in asked.semantics:
                continue
            ours: tuple[float, dict[str, np.ndarray]] | None = None
            for method in [m for m in methods if m in asked.methods]:
                python = sys.executable if method == "nextbuy" else asked.peers
                runs = 1 if method == "seq2pat" else asked.runs
                got = [measured(python, method, path, out, occurrence) for _ in range(runs)]
                wall, cpu, peak = (median(v) for v in zip(*got, strict=True))
                with np.load(out) as file:
                    found = {name: file[name].astype(np.int64) for name in file.files}
                ours = (wall, found) if ours is None else ours
                for name, values in found.items():
                    assert np.array_equal(values, ours[1][name]), f"{method} differs in {name}"
                row = (
                    f"| {occurrence} | {method} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {wall / ours[0]:.1f} "
                )
                print(row + f"| {len(found['a']):,} |", flush=True)
        for chunk in ("500000", "2000000", "8000000") if asked.chunks else ():
            wall, cpu, peak = measured(sys.executable, "nextbuy", path, out, "counted", chunk)
            print(
                f"chunk of {int(chunk):,} pairs: {wall:.2f} s wall, {cpu:.2f} CPU s, peak {peak:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
