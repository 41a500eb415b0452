"""Jobs that are killed, run out of disk or meet each other: nothing may be lost, doubled or half done.

    python benchmarks/faults.py [--kills 25] [--customers 1500] [--seed 1]

Each of `nextbuy fit` and `nextbuy score` runs once undisturbed. Then it is killed (SIGKILL) at random moments, stopped
by the operating system when a file grows beyond a random size, and started twice at once. After each fault the target
must be whole or refused by `nextbuy inspect`; the same command again must end with the bytes of the undisturbed run.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import nextbuy as nb

if TYPE_CHECKING:
    from collections.abc import Callable

AS_OF = "2026-01-01"


def digests(place: Path) -> dict[str, str]:
    """Give the checksum of every file."""
    return {
        str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(place.rglob("*"))
        if file.is_file()
    }


@dataclass
class Job:
    """One command, its target and what an undisturbed run of it leaves there."""

    name: str
    command: list[str]
    option: str
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
        )

    def undisturbed(self, target: Path) -> None:
        """Run it once and remember the result."""
        began = time.perf_counter()
        job = self.start(target)
        if job.wait():
            sys.exit(job.stderr.read().decode())  # type: ignore[union-attr]
        self.seconds, self.known = time.perf_counter() - began, digests(target)
        self.size = max(file.stat().st_size for file in target.rglob("*") if file.is_file())


def whole(target: Path) -> bool:
    """Say whether `nextbuy inspect` takes it for finished."""
    asked = [sys.executable, "-m", "nextbuy.cli", "inspect", str(target), "--quiet"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def after(job: Job, target: Path) -> str:
    """Say what a fault left behind, and mend it by running the command again."""
    left = "whole" if whole(target) else "refused"
    if left == "whole" and digests(target) != job.known:
        return "WRONG: taken for whole"
    if left == "refused":
        again = job.start(target)
        if again.wait():
            told = again.stderr.read().decode().strip()  # type: ignore[union-attr]
            return f"WRONG: not resumed: {told}"
    return f"{left}, then identical" if digests(target) == job.known else "WRONG: other bytes"


def killed(job: Job, target: Path, draw: random.Random) -> str:
    """Kill it at a random moment."""
    running = job.start(target)
    try:
        running.wait(draw.uniform(0, job.seconds))
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
    return after(job, target)


def full(job: Job, target: Path, draw: random.Random) -> str:
    """Let no file grow beyond a random size: one clear error, no half file."""
    running = job.start(target, limit=draw.randrange(job.size))
    told = running.stderr.read().decode()  # type: ignore[union-attr]
    if running.wait() == 0:
        return "WRONG: reported success"
    if "Traceback" in told:
        return f"WRONG: {told.strip().splitlines()[-1]}"
    return after(job, target)


def together(job: Job, target: Path, draw: random.Random) -> str:
    """Start it twice at once: one does the work, the other is refused or finds it done."""
    first = job.start(target)
    time.sleep(draw.uniform(0, job.seconds / 2))
    second = job.start(target)
    codes = [running.wait() for running in (first, second)]
    if codes[0] and codes[1]:
        return "WRONG: both refused"
    return after(job, target)


def main() -> None:
    """Print a table of faults, counts and outcomes; exit with 1 when any is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=25, help="of each command")
    parser.add_argument("--customers", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    draw, wrong = random.Random(asked.seed), 0  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        nb.datasets.write_orders(place, customers=asked.customers)
        source, model = str(place / "orders.parquet"), place / "model"
        fit = Job("fit", ["fit", source, "--as-of", AS_OF], "--model")
        score = Job(
            "score",
            ["score", source, "--model", str(model), "--as-of", AS_OF, "--csv", "--block-customers", "200"],
            "--out",
        )
        faults: tuple[tuple[str, Callable[[Job, Path, random.Random], str], int], ...] = (
            ("killed", killed, asked.kills),
            ("disk full", full, max(asked.kills // 4, 1)),
            ("two at once", together, max(asked.kills // 4, 1)),
        )
        print("| command | fault | times | outcome |\n|---|---|---|---|")
        for job, first in ((fit, model), (score, place / "scored")):
            job.undisturbed(first)
            for what, fault, times in faults:
                found: Counter[str] = Counter()
                for _ in range(times):
                    target = place / "target"
                    found[fault(job, target, draw)] += 1
                    shutil.rmtree(target, ignore_errors=True)
                for outcome, many in sorted(found.items()):
                    print(f"| {job.name} | {what} | {many} | {outcome} |", flush=True)
                    wrong += many if outcome.startswith("WRONG") else 0
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
