"""Basket mining against its peers: CPU seconds and peak memory of whole processes, as ratios in one run.

    python benchmarks/mining/run.py [--data DIR] [--peers PYTHON] [--only WORKLOAD ...] [--methods METHOD ...]

DIR holds the real histories (default: shared/data beside the repository). PYTHON is the interpreter that has
the peers (pip install pyfim efficient-apriori mlxtend pyarrow pandas); a peer that it has not is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PEERS = {
    "pyfim": "fim",
    "mlxtend_plain": "mlxtend",
    "mlxtend_rules": "mlxtend",
    "efficient_apriori": "efficient_apriori",
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
# mlxtend needs more than the memory of a small machine, efficient-apriori more than ten minutes
TOO_LARGE = {
    ("instacart_like_x8", "mlxtend_plain"),
    ("instacart_like_x8", "mlxtend_rules"),
    ("instacart_like_x8", "efficient_apriori"),
    ("dunnhumby", "efficient_apriori"),
    ("online_retail_1_any", "efficient_apriori"),
}


def measured(python: str, arguments: list[str]) -> tuple[float, float, dict[str, int]] | None:
    """Run a worker and give its CPU seconds, peak MB and what it found; None when it failed."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [python, str(HERE / "worker.py"), *arguments], stdout=said, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)
        if status:
            return None
        said.seek(0)
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(said.read())


def has(python: str, module: str) -> bool:
    """Say whether the interpreter can import the module."""
    return not subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode


def main() -> None:
    """Run all workloads and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--only", nargs="*", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--methods", nargs="*", default=[*OURS, *PEERS])
    asked = parser.parse_args()
    missing = [m for m in asked.methods if m in PEERS and not has(asked.peers, PEERS[m])]
    for method in missing:
        print(f"skipped: {method} ({PEERS[method]} is not installed in {asked.peers})")
    print("| workload | method | CPU s | peak MB | CPU x nextbuy_rules | found |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            file, min_support, max_length = WORKLOADS[name]
            path = asked.data / file
            if name.endswith("x8"):
                # in a process of its own: a child's peak memory is never below its parent's size at the fork
                larger = Path(folder) / "x8.parquet"
                subprocess.run(
                    [sys.executable, str(HERE / "worker.py"), "eightfold", str(path), str(larger)], check=True
                )
                path = larger
            ours = None
            order = sorted(asked.methods, key=lambda m: m != "nextbuy_rules")
            for method in [m for m in order if m not in missing and (name, m) not in TOO_LARGE]:
                python = asked.peers if method in PEERS else sys.executable
                got = measured(python, [method, str(path), str(min_support), str(max_length)])
                if got is None:
                    print(f"| {name} | {method} | failed | | | |", flush=True)
                    continue
                cpu, peak, found = got
                ours = cpu if method == "nextbuy_rules" else ours
                ratio = f"{cpu / ours:.2f}" if ours else ""
                listed = ", ".join(f"{v:,} {k}" for k, v in found.items())
                print(f"| {name} | {method} | {cpu:.2f} | {peak:.0f} | {ratio} | {listed} |", flush=True)


if __name__ == "__main__":
    main()
