"""A run ends complete and the same, however often it was killed on the way."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nextbuy as nb
from nextbuy.storage import Plan, lock, read_run, run, write_run
from nextbuy.storage.lock import LOCK, only_one

INPUTS = {"as_of": "2026-06-01", "model_version": "NextPurchase-1", "k": 3}
BLOCKS = [["a", "b"], ["c"], ["d", "e"]]


def _score(block):
    return pa.table({"customer_id": block, "probability": [0.1 * len(c) for c in block]})


def _plan(predictions, run_id):
    tables = {"offers": predictions.slice(0, 2), "suppressed": predictions.slice(2)}
    return Plan(tables, delivery={"offers": predictions.slice(1, 1)}, facts={"run_id": run_id})


def _write(directory, **changes):
    return write_run(
        directory, **({"inputs": INPUTS, "blocks": BLOCKS, "score": _score, "plan": _plan} | changes)
    )


def _bytes(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def test_a_finished_run_says_what_it_holds(tmp_path):
    """All rows of all blocks arrive in order, the manifest counts them, and nothing else stays."""
    manifest = _write(tmp_path / "out", csv=True)
    assert pq.read_table(tmp_path / "out" / "predictions.parquet")["customer_id"].to_pylist() == list("abcde")
    assert manifest["counts"] == {"predictions": 5, "offers": 2, "suppressed": 3}
    assert set(_bytes(tmp_path / "out")) == {"manifest.json"} | {
        f"{t}.{s}" for t in ("predictions", "offers", "suppressed") for s in ("parquet", "csv")
    }
    for name, one in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == one["sha256"]
    assert read_run(tmp_path / "out") == manifest
    assert manifest["plan"] == {"run_id": manifest["run_id"]}
    # what is delivered leaves out the control customers
    assert (tmp_path / "out" / "offers.csv").read_text().splitlines()[1:] == ['"b",0.1']


def test_the_run_id_comes_from_the_inputs(tmp_path):
    """The same inputs give the same id and bytes anywhere; another date gives another id."""
    first, second = _write(tmp_path / "1"), _write(tmp_path / "2")
    assert first == second
    assert _bytes(tmp_path / "1") == _bytes(tmp_path / "2")
    third = _write(tmp_path / "3", inputs=INPUTS | {"as_of": "2026-06-02"})
    assert third["run_id"] != first["run_id"]


@pytest.mark.parametrize("stop", range(3))
def test_a_broken_run_goes_on_where_it_stopped(tmp_path, stop):
    """Blocks that were done are not scored again, and the files are those of a run that never stopped."""
    scored = []

    def breaks(block):
        if len(scored) == stop:
            raise KeyboardInterrupt
        scored.append(block)
        return _score(block)

    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "out", score=breaks)
    assert not (tmp_path / "out" / "manifest.json").exists()
    with pytest.raises(nb.RunError, match="Start the same command again"):
        read_run(tmp_path / "out")
    again = []
    _write(tmp_path / "out", score=lambda block: again.append(block) or _score(block))
    assert scored + again == BLOCKS
    _write(tmp_path / "whole")
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_a_break_while_publishing_is_mended(tmp_path, monkeypatch):
    """Stopped with some files in place and no manifest, the next start completes the run."""

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(run, "seal", full)
        with pytest.raises(OSError, match="No space"):
            _write(tmp_path / "out")
    assert (tmp_path / "out" / "predictions.parquet").exists()
    assert not (tmp_path / "out" / "manifest.json").exists()
    _write(tmp_path / "out", score=None)
    _write(tmp_path / "whole")
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_another_job_does_not_go_on_with_foreign_parts(tmp_path):
    """Parts of other inputs are thrown away, not mixed in."""
    with pytest.raises(ZeroDivisionError):
        _write(tmp_path / "out", score=lambda block: _score(block) if block == ["a", "b"] else 1 / 0)
    scored = []
    _write(tmp_path / "out", inputs=INPUTS | {"k": 4}, score=lambda b: scored.append(b) or _score(b))
    assert scored == BLOCKS


def test_a_damaged_part_is_scored_again(tmp_path):
    """A part whose content is not what its mark says is not trusted."""
    with pytest.raises(ZeroDivisionError):
        _write(tmp_path / "out", score=lambda block: _score(block) if block != ["d", "e"] else 1 / 0)
    part = tmp_path / "out" / ".work" / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    _write(tmp_path / "out")
    _write(tmp_path / "whole")
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_a_finished_run_is_not_overwritten_by_accident(tmp_path):
    """It is refused unless asked for; asked for, files that the new run lacks are gone."""
    _write(tmp_path / "out", csv=True)
    before = _bytes(tmp_path / "out")
    with pytest.raises(nb.RunError, match=r"already holds a finished run.*--overwrite"):
        _write(tmp_path / "out", inputs=INPUTS | {"k": 9})
    assert _bytes(tmp_path / "out") == before
    _write(tmp_path / "out", plan=None, overwrite=True)
    assert set(_bytes(tmp_path / "out")) == {"predictions.parquet", "manifest.json"}


def test_foreign_directories_are_left_alone(tmp_path):
    """A manifest of something else, or a file in the place, is refused even with overwrite."""
    (tmp_path / "manifest.json").write_text('{"format": "web app"}')
    with pytest.raises(nb.RunError, match="no run of nextbuy"):
        _write(tmp_path, overwrite=True)
    with pytest.raises(nb.RunError, match="is a file"):
        _write(tmp_path / "manifest.json", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_two_jobs_do_not_share_a_directory(tmp_path):
    """The second is refused and names the first; when the first is done, it may."""
    with only_one(tmp_path), pytest.raises(nb.RunError, match=f"Another job \\(process {os.getpid()}\\)"):
        _write(tmp_path)
    _write(tmp_path)


def test_a_stale_lock_is_taken_over(tmp_path):
    """The lock file of a process that is gone stops nobody."""
    (tmp_path / LOCK).write_text("999999999\n")
    _write(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_without_kernel_locks_the_file_is_the_lock(tmp_path, monkeypatch):
    """On a system without flock a second job is refused too, and told which file to delete if the first is dead."""
    monkeypatch.setattr(lock, "fcntl", None)
    with only_one(tmp_path), pytest.raises(nb.RunError, match=f"process {os.getpid()}.*delete .*{LOCK}"):
        _write(tmp_path)
    _write(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_a_killed_process_resumes_to_the_same_bytes(tmp_path):
    """A process killed in the middle (SIGKILL) leaves no manifest; the next one ends byte-identical."""
    code = f"""
import sys, time
import pyarrow as pa
from nextbuy.storage import write_run
def score(block):
    if block == ["c"]:
        print("there", flush=True)
        time.sleep(60)
    return pa.table({{"customer_id": block, "probability": [0.1 * len(c) for c in block]}})
write_run(sys.argv[1], inputs={INPUTS!r}, blocks={BLOCKS!r}, score=score)
"""
    job = subprocess.Popen([sys.executable, "-c", code, tmp_path / "out"], stdout=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "there\n"
    with pytest.raises(nb.RunError, match=f"process {job.pid}"):
        _write(tmp_path / "out", plan=None)
    job.send_signal(signal.SIGKILL)
    job.wait()
    job.stdout.close()
    scored = []
    _write(tmp_path / "out", plan=None, score=lambda b: scored.append(b) or _score(b))
    assert scored == BLOCKS[1:]
    _write(tmp_path / "whole", plan=None)
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_a_changed_output_is_seen(tmp_path):
    """A byte changed in a finished run's file is found."""
    _write(tmp_path / "out")
    file = tmp_path / "out" / "offers.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(nb.RunError, match=r"the content of offers\.parquet was changed"):
        read_run(tmp_path / "out")


def test_more_files_of_a_plan(tmp_path):
    """A plan's own files stand in the manifest, and go when a run without them takes its place."""
    table = pa.table({"customer_id": ["Ана", "+359"], "send_on": pa.array([0, None], pa.timestamp("us"))})

    def plan(predictions, run_id):
        files = {"delivery_email.csv": table, "call_list.csv": table, "x.jsonl": b"{}\n"}
        return replace(_plan(predictions, run_id), files=files, for_people={"call_list.csv"})

    manifest = _write(tmp_path, plan=plan)
    assert {"delivery_email.csv", "call_list.csv", "x.jsonl"} <= set(manifest["files"])
    assert read_run(tmp_path) == manifest
    text = (tmp_path / "delivery_email.csv").read_text(encoding="utf-8")
    assert text.splitlines() == ['"customer_id","send_on"', '"Ана","1970-01-01"', '"\'+359",']
    assert (tmp_path / "call_list.csv").read_bytes() == b"\xef\xbb\xbf" + text.encode()
    _write(tmp_path, overwrite=True)
    assert {p.name for p in tmp_path.iterdir()} == {
        "manifest.json", "predictions.parquet", "offers.parquet", "suppressed.parquet",
    }  # fmt: skip


def test_a_killed_publication_remembers_what_to_remove(tmp_path, monkeypatch):
    """When the process ends while files are moved, the next start still removes those of the run before."""
    _write(tmp_path, plan=lambda p, r: replace(_plan(p, r), files={"delivery_sms.csv": pa.table({"a": [1]})}))
    real = run.seal

    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "seal", killed)
    (tmp_path / "delivery_sms.csv").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path, overwrite=True)
    (tmp_path / "delivery_sms.csv").write_text("still here")
    monkeypatch.setattr(run, "seal", real)
    _write(tmp_path, overwrite=True)
    assert not (tmp_path / "delivery_sms.csv").exists()


def test_a_run_without_predictions(tmp_path):
    """A plan that was made elsewhere is written under its own name, without blocks."""
    manifest = _write(
        tmp_path, blocks=[], run_id="spring-1",
        plan=lambda _, run_id: Plan({"offers": pa.table({"offer_id": [run_id]})}),
    )  # fmt: skip
    assert manifest["run_id"] == "spring-1"
    assert manifest["counts"] == {"offers": 1}
    assert set(manifest["files"]) == {"offers.parquet"}
