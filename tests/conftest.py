"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the directory of real histories beside the repository, or skip the test."""
    found = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not found.is_dir():
        pytest.skip("no real histories beside the repository")
    return found
