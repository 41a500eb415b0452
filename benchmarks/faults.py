"""Jobs that are killed, run out of disk, meet each other or lose a worker: nothing may be lost, doubled or half done.

    python benchmarks/faults.py [--kills 20] [--customers 800] [--seed 1] [--skip-spark]

`nextbuy fit`, `score` (over three files), `plan` and `backtest` run once undisturbed. Then each is killed (SIGKILL) at
random moments, stopped by the operating system when a file grows beyond a random size, given a source file that is cut
off or gone, and started twice at once; `backtest --jobs 2` and `score --engine spark` lose a worker to SIGKILL. After
each fault the target must be whole or refused by `nextbuy inspect`; the same command again must end with the bytes of
the undisturbed run, and each of its tables must hold each row once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

import nextbuy as nb

if TYPE_CHECKING:
    from collections.abc import Callable

AS_OF = "2026-01-01"
SPARK = {"PYSPARK_SUBMIT_ARGS": "--master local[2,4] --conf spark.ui.enabled=false pyspark-shell"}


def digests(place: Path) -> dict[str, str]:
    """Give the checksum of every file."""
    return {
        str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(place.rglob("*"))
        if file.is_file()
    }


def doubled(place: Path) -> int:
    """Count rows that stand twice in a table of customers and items."""
    found = 0
    for file in place.glob("*.parquet"):
        table = pq.read_table(file)
        if {"customer_id", "item_id"} <= set(table.column_names):
            keys = table.select(["customer_id", "item_id"])
            found += keys.num_rows - keys.group_by(["customer_id", "item_id"]).aggregate([]).num_rows
    return found


@dataclass
class Job:
    """One command, its target and what an undisturbed run of it leaves there."""

    name: str
    command: list[str]
    option: str
    sources: list[Path] = field(default_factory=list)
    sealed: bool = True  # whether `nextbuy inspect` knows what is there
    seconds: float = 0.0
    size: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def start(self, target: Path, limit: int | None = None) -> subprocess.Popen[bytes]:
        """Start it; `limit` is the size in bytes at which the operating system refuses to let a file grow."""

        def bound() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            [sys.executable, "-m", "nextbuy.cli", *self.command, self.option, str(target), "--quiet"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=bound,  # noqa: PLW1509 - this process has no threads
            env=os.environ | SPARK,
        )

    def finish(self, target: Path) -> str:
        """Run it to its end; give what it says when it fails."""
        running = self.start(target)
        told = running.communicate()[1].decode().strip()
        return told[-300:] or "no message" if running.returncode else ""

    def undisturbed(self, target: Path) -> None:
        """Run it once and remember the result."""
        began = time.perf_counter()
        told = self.finish(target)
        if told or doubled(target):
            sys.exit(f"{self.name}: {told or 'rows stand twice'}")
        self.seconds, self.known = time.perf_counter() - began, digests(target)
        self.size = max(file.stat().st_size for file in target.rglob("*") if file.is_file())


def whole(target: Path) -> bool:
    """Say whether `nextbuy inspect` takes it for finished."""
    asked = [sys.executable, "-m", "nextbuy.cli", "inspect", str(target), "--quiet"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def after(job: Job, target: Path) -> str:
    """Say what a fault left behind, and mend it by running the command again."""
    left = "whole" if job.sealed and whole(target) else "refused" if job.sealed else "unfinished"
    if left == "whole" and digests(target) != job.known:
        return "WRONG: taken for whole"
    if left != "whole":
        told = job.finish(target)
        if told:
            return f"WRONG: not resumed: {told}"
    if doubled(target):
        return "WRONG: rows stand twice"
    return f"{left}, then identical" if digests(target) == job.known else "WRONG: other bytes"


def killed(job: Job, target: Path, draw: random.Random) -> str:
    """Kill it at a random moment."""
    running = job.start(target)
    try:
        running.wait(draw.uniform(0, job.seconds))
    except subprocess.TimeoutExpired:
        running.kill()
    running.communicate()
    return after(job, target)


def failed(running: subprocess.Popen[bytes]) -> str:
    """Give "" when a command has failed with one message, else what is wrong."""
    told = running.communicate()[1].decode()
    if running.returncode == 0:
        return "WRONG: reported success"
    if "Traceback" in told or not told.strip():
        return f"WRONG: {told.strip()[-300:] or 'no message'}"
    return ""


def full(job: Job, target: Path, draw: random.Random) -> str:
    """Let no file grow beyond a random size: one clear error, no half file."""
    return failed(job.start(target, limit=draw.randrange(job.size))) or after(job, target)


def unreadable(job: Job, target: Path, draw: random.Random) -> str:
    """Cut one source file off, or take it away: one clear error that names it; whole again, the job goes on."""
    file = draw.choice(job.sources)
    content = file.read_bytes()
    try:
        if draw.random() < 0.5:
            file.write_bytes(content[: draw.randrange(len(content))])
        else:
            file.unlink()
            file.mkdir()
        running = job.start(target)
        told = running.communicate()[1].decode()
    finally:
        if file.is_dir():
            file.rmdir()
        file.write_bytes(content)
    if running.returncode == 0 or "Traceback" in told or file.stem not in told:
        return f"WRONG: {told.strip()[-300:]}"
    return after(job, target)


def together(job: Job, target: Path, draw: random.Random) -> str:
    """Start it twice at once: one does the work, the other is refused or finds it done."""
    first = job.start(target)
    time.sleep(draw.uniform(0, job.seconds / 2))
    second = job.start(target)
    for running in (first, second):
        running.communicate()
    if first.returncode and second.returncode:
        return "WRONG: both refused"
    return after(job, target)


def workers(parent: int) -> list[int]:
    """Give the processes below `parent` that work for it."""
    below: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                above = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                below.setdefault(above, []).append((int(entry.name), (entry / "cmdline").read_text()))
            except OSError:
                continue
    found, waiting = [], [parent]
    while waiting:
        for number, words in below.get(waiting.pop(), []):
            waiting.append(number)
            # Spark forks its workers from a daemon, joblib starts its own
            if ("pyspark.daemon" in words and number not in below) or "popen_loky" in words:
                found.append(number)
    return found


def without_a_worker(job: Job, target: Path, draw: random.Random) -> str:
    """Kill one of its workers: the job goes on, or ends with one message and goes on when it is started again."""
    running, until = job.start(target), time.perf_counter() + draw.uniform(0.2, 0.9) * job.seconds
    hit = 0
    while running.poll() is None and not hit:
        if time.perf_counter() > until:
            for number in workers(running.pid)[:1]:
                os.kill(number, signal.SIGKILL)
                hit = number
        time.sleep(0.05)
    told = running.communicate()[1].decode()
    if running.returncode and "nextbuy: " not in told:
        return f"WRONG: {told.strip()[-300:]}"
    word = "went on" if running.returncode == 0 else "failed"
    return f"{word}, {after(job, target)}" if hit else f"no worker at that moment, {after(job, target)}"


def jobs(place: Path, customers: int) -> list[Job]:
    """Write the orders as three files and give the commands."""
    nb.datasets.write_orders(place, customers=customers)
    table = pq.read_table(place / "orders.parquet")
    files = [place / f"orders-{part}.parquet" for part in range(3)]
    for part, file in enumerate(files):
        pq.write_table(table.slice(part * table.num_rows // 3, table.num_rows // 3 + 2 * (part == 2)), file)
    source = [*map(str, files), "--catalog", str(place / "items.parquet")]
    model, dated = ["--model", str(place / "fit")], ["--as-of", AS_OF]
    return [
        Job("fit", ["fit", *source, *dated], "--model", files),
        Job("score", ["score", *source, *model, *dated, "--csv", "--block-customers", "100"], "--out", files),
        Job("plan", ["plan", *source, "--predictions", str(place / "score")], "--out", files),
        Job(
            "backtest --jobs 2",
            ["backtest", *source, "--cutoffs", "2", "--jobs", "2"],
            "--resume",
            sealed=False,
        ),
        Job("score --engine spark", ["score", *source, *model, *dated, "--engine", "spark"], "--out"),
    ]


def main() -> None:
    """Print a table of faults, counts and outcomes; exit with 1 when any is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of each command")
    parser.add_argument("--customers", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip-spark", action="store_true")
    asked = parser.parse_args()
    draw, wrong = random.Random(asked.seed), 0  # noqa: S311 - moments, not secrets
    some, few = max(asked.kills // 4, 1), max(asked.kills // 7, 1)
    faults: tuple[tuple[str, Callable[[Job, Path, random.Random], str], int], ...] = (
        ("killed", killed, asked.kills),
        ("disk full", full, some),
        ("source unreadable", unreadable, some),
        ("two at once", together, some),
    )
    lost = (("worker killed", without_a_worker, few),)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print("| command | fault | times | outcome |\n|---|---|---|---|")
        for job in jobs(place, asked.customers)[: -1 if asked.skip_spark else None]:
            job.undisturbed(place / job.name)
            for what, fault, times in faults if job.sources else lost:
                found: Counter[str] = Counter()
                for _ in range(times):
                    target = place / "target"
                    found[fault(job, target, draw)] += 1
                    shutil.rmtree(target, ignore_errors=True)
                for outcome, many in sorted(found.items()):
                    print(f"| {job.name} | {what} | {many} | {outcome} |", flush=True)
                    wrong += many if "WRONG" in outcome else 0
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
