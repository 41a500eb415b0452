"""What the first release stored stays loadable, and says today what it said then (docs/decisions/model-files.md)."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

import nextbuy as nb

HERE = Path(__file__).parent / "fixtures"
STORED = sorted(place for place in (HERE / "0.1.0").iterdir() if place.is_dir())


def answers(model):
    """Ask as the script did that wrote the fixtures."""
    spec = importlib.util.spec_from_file_location("write_fixtures", HERE / "write.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.answers(model)


def test_every_class_is_there():
    """A bundle of each class that can be stored is kept."""
    from nextbuy.storage.bundle import CLASSES

    assert {place.name for place in STORED} == set(CLASSES)


@pytest.mark.parametrize("place", STORED, ids=lambda place: place.name)
def test_answers_are_those_of_then(place, tmp_path):
    """Each bundle of 0.1.0 loads; texts, dates and counts are those written down then, figures to a relative 1e-12."""
    model = nb.load(shutil.copytree(place, tmp_path / "model"))
    known = json.loads((HERE / "0.1.0" / f"{place.name}.json").read_text(encoding="utf-8"))
    made = answers(model)
    assert len(made) == len(known) > 0
    for row, then in zip(made, known, strict=True):
        assert set(then) <= set(row)  # a column more is no break
        for name, value in then.items():
            assert row[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


def test_the_fixtures_are_the_first_releases():
    """Nobody wrote them anew: each manifest names the release and the format that it was written in."""
    for place in STORED:
        manifest = nb.storage.read_manifest(place)
        assert (manifest["library_version"], manifest["format_version"]) == ("0.1.0", 1)
