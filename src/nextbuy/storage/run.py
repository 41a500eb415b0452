"""An output directory that is finished or can be gone on with."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nextbuy.atomic import sync
from nextbuy.storage.errors import RunError
from nextbuy.storage.files import digest, write_bytes, write_csv, write_json, write_parquet
from nextbuy.storage.lock import only_one
from nextbuy.storage.manifest import checksum, seal
from nextbuy.storage.sealed import MANIFEST, Sealed, is_plain_name

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence


RUN = Sealed(
    format="nextbuy-offers",
    version=1,
    noun="run",
    make="Write one: nextbuy score --out, or nextbuy plan --out.",
    error=RunError,
    alone=False,
)
_WORK = ".work"


@dataclass(frozen=True)
class Plan:
    """What became of the predictions.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        "offers" and "suppressed".
    delivery : dict of str to pyarrow.Table
        What goes into a .csv instead of the whole table: control customers must not reach a file that is
        sent.
    facts : dict
        For the manifest, as JSON values that depend on the inputs alone.
    files : dict of str to pyarrow.Table or bytes
        More files by name: a table as .csv or .parquet, bytes as they are.
    for_people : collection of str
        Names of .csv files that people open by a double click: with a byte order mark, without which a spreadsheet
        takes UTF-8 for something else.
    """

    tables: Mapping[str, pa.Table]
    delivery: Mapping[str, pa.Table] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, pa.Table | bytes] = field(default_factory=dict)
    for_people: Collection[str] = ()


_TABLES = ("predictions", "offers", "suppressed")
_OLD = "old.json"


def write_run(
    directory: str | os.PathLike[str],
    *,
    inputs: Mapping[str, Any],
    blocks: Sequence[Any],
    score: Callable[[Any], pa.Table],
    plan: Callable[[pa.Table, str], Plan] | None = None,
    csv: bool = False,
    overwrite: bool = False,
    on_block: Callable[[int], None] | None = None,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Score block by block into a directory, and mark it complete with manifest.json, written last.

    Each block that is done is kept in a hidden place of the directory, so a killed run goes on where it
    stopped; the files come out the same to the byte, since they are always put together from what was kept
    and hold no clock time.

    Parameters
    ----------
    directory : path
        Made if missing.
    inputs : mapping
        All that the result depends on, as JSON values, with `as_of` and `model_version`; the run id is their
        checksum.
    blocks : sequence
        What `score` is called with, one after the other; none: the run has no predictions of its own.
    score : callable
        Gives the predictions of one block, the same whenever it is called.
    plan : callable, optional
        Called with all predictions and the run id; gives the tables "offers" and "suppressed".
    csv : bool, default False
        Write a .csv beside each .parquet.
    overwrite : bool, default False
        Replace a finished run.
    on_block : callable, optional
        Called with the number of blocks done.
    run_id : str, optional
        Default: from the checksum of the inputs.

    Returns
    -------
    dict
        The manifest: format, format_version, library_version, run_id, as_of, model_version, inputs, counts
        (rows by table), plan, files (sha256 and bytes by name).

    Raises
    ------
    RunError
        When the directory holds a finished run and `overwrite` is False, holds a manifest of something else,
        or another process is writing to it.
    """
    path = Path(directory)
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; the output is a directory. Choose another name.")
    path.mkdir(parents=True, exist_ok=True)
    with only_one(path):
        _check_free(path, overwrite=overwrite)
        work = _workplace(path / _WORK, {"inputs": dict(inputs), "blocks": len(blocks)})
        for number, block in enumerate(blocks):
            if not _is_done(work, number):
                write_parquet(_part(work, number), score(block))
                sha256, size = digest(_part(work, number))
                write_json(_done(work, number), {"sha256": sha256, "bytes": size})
            if on_block is not None:
                on_block(number + 1)
        run_id = run_id or checksum(dict(inputs))[:16]
        counts, facts, names = _assemble(work, len(blocks), plan, run_id, csv=csv)
        return _publish(path, work, {"run_id": run_id, "inputs": dict(inputs)}, counts, facts, names)


def read_run(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Check a finished run's files against its manifest and give the manifest.

    Raises
    ------
    RunError
        When the run is missing, unfinished, or its files were changed.
    """
    path = Path(directory)
    if (path / _WORK).is_dir() and not (path / MANIFEST).exists():
        raise RunError(
            f"The run in {path} is not finished. Start the same command again: it goes on from there."
        )
    return RUN.manifest(path)


def _check_free(path: Path, *, overwrite: bool) -> None:
    page = path / MANIFEST
    if not page.exists():
        return
    try:
        ours = json.loads(page.read_bytes()).get("format") == RUN.format
    except (ValueError, AttributeError):
        ours = False
    if not ours:
        raise RunError(f"{path} has a {MANIFEST} that is no run of nextbuy. Choose another directory.")
    if not overwrite:
        raise RunError(f"{path} already holds a finished run. Choose another directory, or give --overwrite.")


def _workplace(work: Path, job: dict[str, Any]) -> Path:
    """Give the place of this job's parts; what another job left there goes."""
    page = work / "job.json"
    if work.exists() and not (page.exists() and page.read_bytes() == _job(job)):
        shutil.rmtree(work)
    work.mkdir(exist_ok=True)
    write_bytes(page, _job(job))
    return work


def _job(job: dict[str, Any]) -> bytes:
    return json.dumps({"job": checksum(job)}).encode()


def _part(work: Path, number: int) -> Path:
    return work / f"part-{number:06}.parquet"


def _done(work: Path, number: int) -> Path:
    return work / f"part-{number:06}.done"


def _is_done(work: Path, number: int) -> bool:
    try:
        stated = json.loads(_done(work, number).read_bytes())
        return (stated["sha256"], stated["bytes"]) == digest(_part(work, number))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _assemble(
    work: Path, blocks: int, plan: Callable[[pa.Table, str], Plan] | None, run_id: str, *, csv: bool
) -> tuple[dict[str, int], dict[str, Any], list[str]]:
    """Put the files together; give the rows by table, the plan's facts and the files' names."""

    def parts() -> Iterator[pa.Table]:
        return (pq.read_table(_part(work, number)) for number in range(blocks))

    counts: dict[str, int] = {}
    names: list[str] = []
    predictions = pa.table({})
    if blocks:
        counts["predictions"] = write_parquet(work / "predictions.parquet", parts())
        names.append("predictions.parquet")
        if csv:
            write_csv(work / "predictions.csv", parts())
            names.append("predictions.csv")
        predictions = pq.read_table(work / "predictions.parquet")
    if plan is None:
        return counts, {}, names
    # a quota or a budget is about all customers at once
    planned = plan(predictions, run_id)
    for name, table in planned.tables.items():
        counts[name] = write_parquet(work / f"{name}.parquet", table)
        names.append(f"{name}.parquet")
        if csv:
            write_csv(work / f"{name}.csv", planned.delivery.get(name, table))
            names.append(f"{name}.csv")
    for name, content in planned.files.items():
        if isinstance(content, bytes):
            write_bytes(work / name, content)
        elif name.endswith(".csv"):
            write_csv(work / name, content, bom=name in planned.for_people)
        else:
            write_parquet(work / name, content)
        names.append(name)
    return counts, dict(planned.facts), names


def _publish(
    path: Path,
    work: Path,
    job: dict[str, Any],
    counts: dict[str, int],
    facts: dict[str, Any],
    names: list[str],
) -> dict[str, Any]:
    import nextbuy

    files = {}
    for name in names:
        sha256, size = digest(work / name)
        files[name] = {"sha256": sha256, "bytes": size}
    stale = _stale(path, work, names)
    # from here until the manifest is written the directory is unfinished
    (path / MANIFEST).unlink(missing_ok=True)
    sync(path)
    for name in names:
        (work / name).replace(path / name)
    for name in stale:
        (path / name).unlink(missing_ok=True)
    content = {
        "format": RUN.format,
        "format_version": RUN.version,
        "library_version": nextbuy.__version__,
        "run_id": job["run_id"],
        "as_of": job["inputs"].get("as_of"),
        "model_version": job["inputs"].get("model_version"),
        "inputs": job["inputs"],
        "counts": counts,
        "plan": facts,
        "files": files,
    }
    write_bytes(path / MANIFEST, seal(content))
    shutil.rmtree(work)
    return content


def _stale(path: Path, work: Path, names: Sequence[str]) -> list[str]:
    """Give the files of the run before this one that this one does not have; a killed publication remembers them."""
    known = {f"{table}.{suffix}" for table in _TABLES for suffix in ("parquet", "csv")}
    for page, key in ((path / MANIFEST, "files"), (work / _OLD, "names")):
        try:
            known |= {name for name in json.loads(page.read_bytes())[key] if is_plain_name(name)}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    stale = sorted(known - set(names) - {MANIFEST})
    write_json(work / _OLD, {"names": stale})
    return stale
