"""Whatever comes in ends in a result or in one clear error; `benchmarks/hostile_input.py` runs these for hours."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from hostile.commands import Commands, Policies
from hostile.guard import Broken, watched
from hostile.sources import Csv, Frames, Parquet, Several

draws = st.randoms(use_true_random=False)
patiently = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def ends_of(run):
    """Give all ends that drawn cases come to."""
    seen = set()

    @given(draws)
    @patiently
    def check(draw):
        seen.add(run(draw))

    check()
    return seen


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("target", [Csv, Parquet, Several, Policies])
def test_bytes_are_read_or_refused(target, place):
    """Files cut, flipped and spliced anywhere: a ledger that adds up, or an InputError; nothing else is opened.

    With memory bounded the same arrays, ids, ledger and problems, or the same error.
    """
    made = target(place)
    assert ends_of(lambda draw: made.run(made.case(draw))) == {"read", "refused"}


def test_frames_of_any_type_are_read_or_refused(place):
    """Views, structures, spans, years beyond all calendars, objects, in four kinds of frame: read or refused."""
    assert {"read", "refused"} <= ends_of(Frames(place).drawn)


def test_command_lines_end_with_an_exit_code(place, monkeypatch):
    """Any words over any files: 0 to 3, a message where it is 2 or 3, and no error that nobody foresaw."""
    monkeypatch.setenv("NEXTBUY_TRACEBACK", "1")
    assert {"exit 0", "exit 2", "exit 3"} <= ends_of(Commands(place).drawn)


def test_the_guard_sees_what_it_must(tmp_path):
    """A file opened outside, code executed and a call that does not end are findings: the checks above can fail."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_text("secret")
    with watched(tmp_path / "inside"), pytest.raises(FileNotFoundError):
        (tmp_path / "inside" / "none").read_text()
    with pytest.raises(Broken, match="reached outside: open"), watched(tmp_path / "inside"):
        (tmp_path / "outside").read_text()
    with pytest.raises(Broken, match="reached outside: exec"), watched(tmp_path):
        exec("1 + 1")
    with pytest.raises(Broken, match="not done after"), watched(tmp_path, seconds=0.05):
        time.sleep(5)
