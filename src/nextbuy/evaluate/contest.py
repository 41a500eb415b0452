"""Every method answers every question of a backtest: in parallel, and going on where a killed run stopped."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, delayed
from sklearn.base import clone

from nextbuy.atomic import atomic
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.table import codes_of
from nextbuy.predict.asked import KINDS

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from nextbuy.evaluate.splits import Fold, Splits
    from nextbuy.orders.table import Orders

SCHEMA = pa.schema(
    {
        "split": pa.int32(),
        "asked": pa.string(),
        "customer": pa.int32(),
        "item": pa.int32(),
        "rank": pa.int32(),
        "probability": pa.float64(),
        "window_start": pa.int32(),
        "window_end": pa.int32(),
    }
)
MARK = b"nextbuy.answers"


@dataclass(frozen=True)
class Job:
    """One fit of one method, and its questions."""

    method: str
    estimator: Any
    fold: Fold
    k: int


def hold(
    orders: Orders,
    splits: Splits,
    contest: Mapping[str, Any],
    *,
    k: int,
    n_jobs: int = 1,
    resume_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, pa.Table]:
    """Let every method answer everything; one table a method, with the columns of `SCHEMA`.

    `asked` is the kind that was asked for, the window is empty where a row has no timing signal. Each answer depends
    on its own job alone, so that neither `n_jobs` nor a killed run changes any of them.
    """
    jobs = [Job(name, estimator, fold, k) for fold in splits.folds for name, estimator in contest.items()]
    kept = Kept(resume_dir, orders) if resume_dir is not None else None
    found = [None if kept is None else kept.read(job) for job in jobs]
    missing = [number for number, table in enumerate(found) if table is None]
    if progress is not None:
        progress(len(jobs) - len(missing), len(jobs), "")
    for done, (number, table) in enumerate(_answers(orders, jobs, missing, n_jobs), 1):
        found[number] = table
        if kept is not None:
            kept.write(jobs[number], table)
        if progress is not None:
            progress(len(jobs) - len(missing) + done, len(jobs), _title(jobs[number]))
    return {
        name: pa.concat_tables([t for job, t in zip(jobs, found, strict=True) if job.method == name])
        for name in contest
    }


def _title(job: Job) -> str:
    return f"{np.datetime64(job.fold.day, 'D')}: {job.method}"


def _answers(
    orders: Orders, jobs: list[Job], numbers: list[int], n_jobs: int
) -> Iterator[tuple[int, pa.Table]]:
    if n_jobs == 1 or len(numbers) < 2:
        yield from ((number, answer(orders, jobs[number])) for number in numbers)
        return
    pool = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    yield from pool(delayed(_numbered)(number, orders, jobs[number]) for number in numbers)


def _numbered(number: int, orders: Orders, job: Job) -> tuple[int, pa.Table]:
    return number, answer(orders, job)


def answer(orders: Orders, job: Job) -> pa.Table:
    """Fit one method on what was known before the fold's day, and ask it."""
    fitted = clone(job.estimator).fit(orders, as_of=_date(job.fold.day))
    tables = []
    for ask in job.fold.asks:
        given: tuple[Orders, ...] = ()
        options: dict[str, Any] = {}
        if ask.customers is not None:
            ids = orders.customer_ids.take(pa.array(ask.customers)).to_pylist()
            given, options = (
                (orders.of(ids).before(_date(ask.day)),),
                {"as_of": _date(ask.day), "customers": ids},
            )
        for kind in KINDS:
            made = fitted.predict(*given, **options, kind=kind, k=job.k)
            tables.append(_as_codes(made, orders, ask.split, kind))
    return pa.concat_tables(tables)


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _as_codes(made: Any, orders: Orders, split: int, kind: str) -> pa.Table:
    import narwhals as nw

    table = nw.from_native(made, eager_only=True).to_arrow()
    rows = len(table)
    probability = table["probability"].to_numpy(zero_copy_only=False).astype(np.float64)
    window = [pa.nulls(rows, pa.int32())] * 2
    if "timing_signal" in table.column_names:
        silent = np.array([word == "none" for word in table["timing_signal"].to_pylist()], dtype=bool)
        window = [_days(table[name], silent) for name in ("window_start", "window_end")]
    columns = [
        pa.array(np.full(rows, split, np.int32)),
        pa.array([kind] * rows, pa.string()),
        pa.array(codes_of(orders.customer_ids, table["customer_id"].to_pylist()), pa.int32()),
        pa.array(codes_of(orders.item_ids, table["item_id"].to_pylist()), pa.int32()),
        table["rank"].combine_chunks().cast(pa.int32()),
        pa.array(probability, from_pandas=True),
        *window,
    ]
    return pa.table(columns, schema=SCHEMA)


def _days(column: pa.ChunkedArray, silent: np.ndarray) -> pa.Array:
    moment = column.combine_chunks().cast(pa.timestamp("us"))
    us = moment.cast(pa.int64()).fill_null(0).to_numpy()
    return pa.array(
        (us // DAY_US).astype(np.int32), mask=silent | moment.is_null().to_numpy(zero_copy_only=False)
    )


class Kept:
    """Answers in a directory, each bound to everything that it depends on.

    Parameters
    ----------
    directory : path
        Made if missing.
    orders : Orders
    """

    def __init__(self, directory: str | os.PathLike[str], orders: Orders) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.orders = orders.checksum()

    def read(self, job: Job) -> pa.Table | None:
        """Give the answers of a finished job; None where there are none, or their file was damaged."""
        path, mark = self._place(job)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                if (file.schema_arrow.metadata or {}).get(MARK) != mark:
                    return None
                table = file.read(use_threads=False)
        except (OSError, pa.ArrowException):
            return None
        return table.replace_schema_metadata(None).cast(SCHEMA)

    def write(self, job: Job, table: pa.Table) -> None:
        """Keep the answers of a job."""
        path, mark = self._place(job)
        with atomic(path) as temporary:
            pq.write_table(
                table.replace_schema_metadata({MARK: mark}),
                temporary,
                compression="zstd",
                write_page_checksum=True,
            )

    def _place(self, job: Job) -> tuple[Path, bytes]:
        made_of = {
            "version": version("nextbuy"),
            "orders": self.orders,
            "estimator": f"{type(job.estimator).__module__}.{type(job.estimator).__qualname__}",
            "parameters": {name: repr(value) for name, value in job.estimator.get_params().items()},
            "day": job.fold.day,
            "asks": [
                [a.split, a.day, None if a.customers is None else a.customers.tolist()] for a in job.fold.asks
            ],
            "k": job.k,
        }
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9_.]+", "-", job.method)
        return self.directory / f"{_date(job.fold.day)}-{name}-{key[:12]}.parquet", key.encode()
