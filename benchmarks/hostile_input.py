"""Input that nobody would write: order files, frames, command lines, policies and stored models.

    python benchmarks/hostile_input.py [csv parquet frames several commands policies bundles] [--cases 1000] [--seed 1]
    python benchmarks/hostile_input.py csv --engine atheris --cases 100000      # pip install atheris

What must hold for each case: a result, or an InputError or BundleError with a message; no other exception, no crash,
nothing that takes longer than its limit; no file outside of the given directory is opened, and nothing is started or
executed (an audit hook watches). Each target runs in a process of its own; one that dies is
started again behind the case that killed it. A finding is printed with the number that makes it again (--first).
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import shutil
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

GIGABYTES = 4


def targets() -> dict[str, Any]:
    """Give the targets by name."""
    from hostile.bundles import Bundles
    from hostile.commands import Commands, Policies
    from hostile.sources import Csv, Frames, Parquet, Several

    return {
        "csv": Csv,
        "parquet": Parquet,
        "frames": Frames,
        "several": Several,
        "commands": Commands,
        "policies": Policies,
        "bundles": Bundles,
    }


def work(name: str, asked: argparse.Namespace, first: int, shared: mmap.mmap) -> None:
    """Run cases from `first` on; the number of the one that runs stands in `shared`."""
    from hostile.guard import Broken, temporary

    resource.setrlimit(resource.RLIMIT_DATA, (GIGABYTES << 30, GIGABYTES << 30))
    place, found = temporary(), Counter[str]()
    try:
        target = targets()[name](place)
        for number in range(first, asked.first + asked.cases):
            shared[:8] = struct.pack("q", number)
            content = target.case(random.Random(f"{asked.seed} {name} {number}"))  # noqa: S311 - no secret
            try:
                found[target.run(content)] += 1
            except Broken as broken:
                found["BROKEN"] += 1
                print(f"BROKEN {name} --first {number} --seed {asked.seed}: {broken}", flush=True)
            if number % 1000 == 999:
                _report(name, asked, found)
                found.clear()
        _report(name, asked, found)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _report(name: str, asked: argparse.Namespace, found: Counter[str]) -> None:
    with Path(asked.tally).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name}\t{outcome}\t{many}\n" for outcome, many in found.items())


def run(name: str, asked: argparse.Namespace) -> None:
    """Run one target to its end, in as many processes as it takes."""
    shared, first = mmap.mmap(-1, 8), asked.first
    while first < asked.first + asked.cases:
        shared[:8] = struct.pack("q", first)
        child = os.fork()
        if not child:
            try:
                work(name, asked, first, shared)
            except BaseException:  # noqa: BLE001 - reported by the parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            return
        first = struct.unpack("q", shared[:8])[0]
        what = (
            signal.Signals(os.WTERMSIG(status)).name
            if os.WIFSIGNALED(status)
            else f"exit {os.WEXITSTATUS(status)}"
        )
        print(f"BROKEN {name} --first {first} --seed {asked.seed}: the process died ({what})", flush=True)
        _report(name, asked, Counter({"DIED": 1}))
        first += 1


def guided(name: str, asked: argparse.Namespace) -> None:
    """Run one target under atheris: bytes that reach new code are kept and changed further."""
    import atheris

    with atheris.instrument_imports(include=["nextbuy"]):
        import nextbuy.cli.app
        import nextbuy.orders.read
        import nextbuy.storage.bundle  # noqa: F401 - instrumented
    from hostile.guard import temporary

    place, found = temporary(), Counter[str]()
    target = targets()[name](place)
    seeds = place / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.seeds):
        (seeds / f"{number}").write_bytes(b"\5\5" + seed)

    def one(content: bytes) -> None:
        found[target.run(content)] += 1
        if sum(found.values()) % 1000 == 0:
            _report(f"{name} (atheris)", asked, found)
            found.clear()

    atheris.Setup(
        [
            sys.argv[0],
            str(seeds),
            f"-runs={asked.cases}",
            f"-seed={asked.seed}",
            "-max_len=6000",
            "-rss_limit_mb=4096",
        ],
        one,
    )
    atheris.Fuzz()


def main() -> None:
    """Print how often each target read, refused or broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("mutation", "atheris"), default="mutation")
    parser.add_argument("--tally", default="/tmp/hostile_input.tsv", help="file to which counts are added")  # noqa: S108 - told to the user
    asked = parser.parse_args()
    began = time.process_time()
    for name in asked.target or targets():
        guided(name, asked) if asked.engine == "atheris" else run(name, asked)
    print(f"{time.process_time() - began:.0f} CPU s in this process")
    total: Counter[tuple[str, str]] = Counter()
    for line in Path(asked.tally).read_text(encoding="utf-8").splitlines():
        name, outcome, many = line.split("\t")
        total[name, outcome] += int(many)
    print("| target | outcome | cases |\n|---|---|---|")
    for (name, outcome), many in sorted(total.items()):
        print(f"| {name} | {outcome} | {many:,} |")
    sys.exit(any(outcome in {"BROKEN", "DIED"} for _, outcome in total))


if __name__ == "__main__":
    main()
