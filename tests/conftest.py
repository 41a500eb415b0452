"""What all tests share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

import nextbuy as nb


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the directory of real histories beside the repository, or skip the test."""
    found = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not found.is_dir():
        pytest.skip("no real histories beside the repository")
    return found


@pytest.fixture(scope="session")
def sample():
    """Give the shipped sample with its truth."""
    return nb.datasets.load_sample()


@pytest.fixture(scope="session")
def sample_orders(sample):
    """Read the shipped sample."""
    return nb.read_orders(sample.orders, catalog=sample.catalog)


@pytest.fixture(scope="session")
def small_world():
    """Generate a shop of 400 customers."""
    return nb.datasets.make_orders(customers=400, days=400, seed=3)


@pytest.fixture(scope="session")
def small_orders(small_world):
    """Read the small shop."""
    return nb.read_orders(small_world.orders, catalog=small_world.catalog)


@pytest.fixture(scope="session")
def small_model(small_orders):
    """Fit the main estimator on the small shop, once for all tests."""
    return nb.NextPurchase().fit(small_orders)


@pytest.fixture(scope="session")
def postgresql():
    """Give the address of a PostgreSQL server: NEXTBUY_POSTGRESQL, or one of our own while the tests run."""
    if "NEXTBUY_POSTGRESQL" in os.environ:
        yield os.environ["NEXTBUY_POSTGRESQL"]
        return
    homes = [Path(found).parent for found in [shutil.which("initdb")] if found]
    homes += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not homes:
        pytest.skip("no PostgreSQL server on this machine")
    # a folder of its own: the parents of pytest's are closed to others whenever another pytest starts
    place = Path(tempfile.mkdtemp(prefix="nextbuy-postgresql-"))
    # it refuses to run as root
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(place, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *arguments: str, check: bool = True) -> None:
        command = [*user, str(homes[0] / program), *arguments]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd=place)

    data = str(place / "data")
    run("initdb", "-D", data, "-U", "shop", "-A", "trust", "--no-sync")
    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", data, "-o", options, "-l", str(place / "log"), "-w", "start")
    try:
        yield f"postgresql://shop:s3cret@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(place, ignore_errors=True)
