"""Basket mining against its peers: CPU seconds and peak memory of whole processes, as ratios in one run.

    python benchmarks/mining/run.py [--data DIR] [--peers PYTHON] [--runs N] [--only WORKLOAD ...] [--methods NAME ...]
                                    [--blas-threads N]

DIR holds the real histories (default: shared/data beside the repository). PYTHON is the interpreter that has
the peers (pip install mlxtend pyfim efficient-apriori pami duckdb polars scipy pyarrow pandas); a peer that it has
not is skipped. CPU is the least and the median of N runs (one where a run takes more than 20 seconds), the methods in
turn; the least is what other work on the machine disturbed least. One run of every method before them is not counted
and leaves compiled bytecode, as an installed package has it. All methods of a workload must find the same number of
itemsets. --blas-threads 1 keeps OpenBLAS, in every process alike, from starting a thread that nobody uses: it spins
for 40 ms of CPU after `import numpy` and then sleeps.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PEERS = {
    "mlxtend_plain": "mlxtend",
    "mlxtend_rules": "mlxtend",
    "pyfim": "fim",
    "efficient_apriori": "efficient_apriori",
    "pami": "PAMI",
    "duckdb_join": "duckdb",
    "polars_join": "polars",
    "scipy_product": "scipy",
}
OURS = ("nextbuy_itemsets", "nextbuy_rules", "nextbuy_from_orders")
# name: file, least support, greatest length (0: any)
WORKLOADS = {
    "online_retail_like": ("mining/online_retail_like.parquet", 0.002, 2),
    "instacart_like": ("mining/instacart_like.parquet", 0.0005, 2),
    "instacart_like_x8": ("mining/instacart_like.parquet", 0.0005, 2),
    "online_retail_1": ("online_retail_1.parquet", 0.005, 2),
    "online_retail_1_any": ("online_retail_1.parquet", 0.002, 0),
    "dunnhumby": ("dunnhumby_lgsr5k.parquet", 0.0005, 2),
}
# mlxtend needs more than the memory of a small machine, the others more than ten minutes; joins know pairs only
TOO_LARGE = {
    ("instacart_like_x8", "mlxtend_plain"),
    ("instacart_like_x8", "mlxtend_rules"),
    ("instacart_like_x8", "efficient_apriori"),
    ("instacart_like_x8", "pami"),
    ("dunnhumby", "efficient_apriori"),
    ("dunnhumby", "pami"),
    ("online_retail_1_any", "efficient_apriori"),
    ("online_retail_1_any", "duckdb_join"),
    ("online_retail_1_any", "polars_join"),
    ("online_retail_1_any", "scipy_product"),
}
LONG = 20.0


def measured(python: str, arguments: list[str]) -> tuple[float, float, dict[str, int]] | None:
    """Run a worker and give its CPU seconds, peak MB and what it found; None when it failed."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONWARNINGS": "ignore"}
    environment |= {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "nextbuy-benchmark-bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [python, str(HERE / "worker.py"), *arguments],
            stdout=said,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        _, status, used = os.wait4(process.pid, 0)
        if status:
            return None
        said.seek(0)
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, ast.literal_eval(said.read())


def has(python: str, module: str) -> bool:
    """Say whether the interpreter can import the module."""
    return not subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode


def compare(name: str, path: Path, methods: list[str], asked: argparse.Namespace) -> bool:
    """Run all methods on one workload in turn, print their rows; say whether all found the same."""
    _, min_support, max_length = WORKLOADS[name]
    got: dict[str, list[tuple[float, float, dict[str, int]]]] = {}
    ready = sorted({m for m in methods if (name, m) not in TOO_LARGE}, key=lambda m: m != "nextbuy_rules")
    for _ in range(asked.runs):
        for method in list(ready):
            python = asked.peers if method in PEERS else sys.executable
            one = measured(python, [method, str(path), str(min_support), str(max_length)])
            if one is None:
                print(f"| {name} | {method} | failed | | | | | | |", flush=True)
            else:
                got.setdefault(method, []).append(one)
            if one is None or one[0] > LONG:
                ready.remove(method)
    rows = {
        m: (*(f(r[0] for r in runs) for f in (min, median)), median(r[1] for r in runs), runs[0][2])
        for m, runs in got.items()
    }
    ours = rows.get("nextbuy_rules") or next(iter(rows.values()))
    for method, (least, middle, peak, found) in rows.items():
        figures = f"{least:.2f} | {middle:.2f} | {peak:,.0f}"
        ratios = " | ".join(f"{a / b:.1f}" for a, b in zip((least, middle, peak), ours, strict=False))
        listed = ", ".join(f"{v:,} {k}" for k, v in found.items())
        print(f"| {name} | {method} | {figures} | {ratios} | {listed} |", flush=True)
    return len({found["itemsets"] for *_, found in rows.values()}) <= 1


def main() -> None:
    """Run all workloads and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--methods", nargs="*", default=[*OURS, *PEERS])
    parser.add_argument("--blas-threads", type=int)
    asked = parser.parse_args()
    if asked.blas_threads:
        os.environ["OPENBLAS_NUM_THREADS"] = str(asked.blas_threads)
    missing = [m for m in asked.methods if m in PEERS and not has(asked.peers, PEERS[m])]
    for method in missing:
        print(f"skipped: {method} ({PEERS[method]} is not installed in {asked.peers})")
    methods = [m for m in asked.methods if m not in missing]
    for method in methods:
        python = asked.peers if method in PEERS else sys.executable
        measured(python, [method, str(asked.data / "online_retail_1.parquet"), "0.02", "2"])
    print(
        "| workload | method | CPU s, least | median | peak MB | least x ours | median x | memory x | found |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    differ = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            path = asked.data / WORKLOADS[name][0]
            if name.endswith("x8"):
                # in a process of its own: a child's peak memory is never below its parent's size at the fork
                larger = Path(folder) / "x8.parquet"
                subprocess.run(
                    [sys.executable, str(HERE / "worker.py"), "eightfold", str(path), str(larger)], check=True
                )
                path = larger
            if not compare(name, path, methods, asked):
                differ.append(name)
    if differ:
        raise SystemExit(f"The methods found different itemsets on {', '.join(differ)}.")


if __name__ == "__main__":
    main()
