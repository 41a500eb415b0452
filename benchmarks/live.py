"""One customer at a time: how long an answer takes in this process and over HTTP, and how long a model takes to open.

    python benchmarks/live.py FILE [--catalog FILE]     a history (Parquet or CSV): fits, stores, opens, asks
    python benchmarks/live.py FILE --model DIR          the same with a model that was stored before
    python benchmarks/live.py FILE --model DIR --requests 100000 [--replace]      also over HTTP (needs nextbuy[live])

Every customer asked is one of the file, with all own lines before the end of what the model knows, as a list of dicts;
2,000 of them, drawn once. Printed are milliseconds of wall time and of this thread's CPU time. Over HTTP one server
process (docs/examples/service.py) is kept on one core, `--connections` kept-alive connections ask it from here;
`--replace` stores the model anew over and over meanwhile, in French and in English in turn, so that the service changes
between two models.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import nextbuy as nb

SERVICE = Path(__file__).parents[1] / "docs" / "examples"
History = list[dict[str, Any]]
OPEN = """
import statistics, sys, time
import nextbuy as nb
import pyarrow.parquet
nb.load, nb.NextPurchase
wall, cpu = [], []
for _ in range(int(sys.argv[2])):
    began, worked = time.perf_counter(), time.thread_time()
    nb.load(sys.argv[1])
    wall.append(1000 * (time.perf_counter() - began))
    cpu.append(1000 * (time.thread_time() - worked))
print(statistics.median(wall), statistics.median(cpu))
"""
SAVE = """
import itertools, sys, time
import nextbuy as nb
for language in itertools.cycle(("fr", "en")):
    nb.save(nb.load(sys.argv[1]).set_params(language=language), sys.argv[1])
    time.sleep(3)
"""


def shown(name: str, took: list[float]) -> str:
    """Word a list of seconds."""
    low, high, most = np.quantile(np.array(took) * 1000, [0.5, 0.95, 0.99])
    return f"{name:24s} p50 {low:6.2f} ms   p95 {high:6.2f} ms   p99 {most:6.2f} ms"


def histories(orders: nb.Orders, as_of: str, count: int) -> list[History]:
    """Draw customers and give the lines of each, as a service gets them."""
    frame = nb.read_orders(orders.before(as_of).frame()).frame()
    frame["timestamp"] = frame["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    every = [rows.to_dict("records") for _, rows in frame.drop(columns="price").groupby("customer_id")]
    chosen = np.random.default_rng(0).permutation(len(every))[:count]
    return [every[i] for i in chosen]


def opened(model: Path) -> None:
    """Print how long a model takes to open: the first time in a process, and on."""

    def took(times: int) -> list[float]:
        command = [sys.executable, "-c", OPEN, str(model), str(times)]
        return [float(ms) for ms in subprocess.run(command, capture_output=True, check=True).stdout.split()]

    firsts = np.median([took(1) for _ in range(5)], axis=0)
    again = took(20)
    size = sum(f.stat().st_size for f in model.iterdir()) / 1e6
    print(
        f"bundle of {size:.1f} MB opened, imports done: first in a process {firsts[0]:.0f} ms wall, {firsts[1]:.0f} ms "
        f"CPU (median of 5); then {again[0]:.0f} ms wall, {again[1]:.0f} ms CPU (median of 20)"
    )


def in_process(model: Any, asked: list[History], as_of: str, k: int) -> None:
    """Ask one customer after the other, as a service would, and print how long each took."""
    for lines in asked[:50]:
        model.predict(lines, as_of=as_of, k=k)
    wall, cpu = [], []
    for lines in asked:
        began, worked = time.perf_counter(), time.thread_time()
        model.predict(lines, as_of=as_of, k=k)
        wall.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - worked)
    print(f"{len(asked):,} customers, lines of each: median {statistics.median(map(len, asked)):.0f}")
    print(shown("in process, wall", wall))
    print(shown("in process, CPU", cpu))


@contextlib.contextmanager
def service(model: Path) -> Any:
    """Run the example on one core, and give its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service:app", "--app-dir", str(SERVICE), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "warning"],
        env=os.environ | {"NEXTBUY_MODEL": str(model), "OMP_NUM_THREADS": "1"},
    )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {0})
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


async def over_http(
    port: int, bodies: list[bytes], requests: int, connections: int
) -> tuple[list[float], int, set[str]]:
    """Send requests over kept-alive connections; give the seconds of each, how many failed, the models met."""
    took: list[float] = []
    models: set[str] = set()
    left, failed = iter(range(requests)), 0

    async def one() -> None:
        nonlocal failed
        reader = writer = None
        for number in left:
            began = time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                body = bodies[number % len(bodies)]
                writer.write(
                    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                )
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                answer = json.loads(await reader.readexactly(size))
                failed += not head.startswith(b"http/1.1 200") or not answer["predictions"]
                models.add(answer["model"])
            except (OSError, ValueError, KeyError, asyncio.IncompleteReadError):
                failed, writer = failed + 1, None
            took.append(time.perf_counter() - began)
        if writer is not None:
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return took, failed, models


def load_test(
    model: Path, asked: list[History], as_of: str, *, k: int, requests: int, connections: int, replace: bool
) -> None:
    """Run the service and print what it does a second."""
    bodies = [json.dumps({"orders": lines, "as_of": as_of, "k": k}).encode() for lines in asked]
    with service(model) as (port, pid):
        asyncio.run(over_http(port, bodies, 200, connections))
        saver = None
        if replace:
            saver = subprocess.Popen([sys.executable, "-c", SAVE, str(model)])
        began, worked = time.perf_counter(), _cpu_of(pid)
        took, failed, models = asyncio.run(over_http(port, bodies, requests, connections))
        wall, cpu = time.perf_counter() - began, _cpu_of(pid) - worked
        if saver is not None:
            saver.terminate()
            saver.wait()
    print(
        f"{requests:,} requests over {connections} connections: {requests / wall:.0f} a second, "
        f"{1000 * cpu / requests:.2f} ms CPU of the server each ({requests / cpu:.0f} a second of one core), "
        f"{failed} failed, {len(models)} model(s) answered"
    )
    print(shown("over HTTP, wall", took))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Open, ask in this process, ask over HTTP."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="a history; `sample` for the generated store")
    parser.add_argument("--catalog")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--replace", action="store_true")
    given = parser.parse_args()
    if given.file == "sample":
        sample = nb.datasets.load_sample()
        orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    else:
        orders = nb.read_orders(given.file, catalog=given.catalog)
    with tempfile.TemporaryDirectory() as place:
        directory = given.model or nb.save(nb.NextPurchase().fit(orders), Path(place) / "model")
        model = nb.load(directory)
        asked = histories(orders, model.as_of_, given.customers)
        opened(directory)
        in_process(model, asked, model.as_of_, given.k)
        if given.requests:
            shape = {"k": given.k, "requests": given.requests, "connections": given.connections}
            load_test(directory, asked, model.as_of_, replace=given.replace, **shape)


if __name__ == "__main__":
    main()
