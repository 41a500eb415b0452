"""What all tests share."""

from __future__ import annotations

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
