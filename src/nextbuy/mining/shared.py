"""Parts of the customers in memory-mapped files, which several processes count without a copy of their own."""

from __future__ import annotations

import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nextbuy.mining.parts import Listed, made, split
from nextbuy.orders import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts

IDLE_SECONDS = 3_600


class Shared:
    """Parts in files of `folder`, counted by `n_jobs` processes; the counts are added in the order of the parts."""

    def __init__(
        self,
        parts: Sequence[Any],
        *,
        folder: Path,
        n_jobs: int,
        changes: tuple[Callable[[Any], Any], ...] = (),
    ) -> None:
        self.parts, self.folder, self.n_jobs, self.changes = list(parts), folder, n_jobs, changes

    def total(self, count: Callable[..., Any], **given: Any) -> Any:
        """Give the sum of `count(part, **given)` over all parts."""
        return reduce(add, self._over([partial(count, **given)] * len(self.parts)))

    def each(self, change: Callable[..., Any], **given: Any) -> Self:
        """Give the parts that `change(part, **given)` makes of these."""
        return self._with(self.parts, (*self.changes, partial(change, **given)))

    def kept(self) -> Self:
        """Give the same parts, made now and stored."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        return self._with(
            self._over([partial(store, folder=place / str(n)) for n in range(len(self.parts))]), ()
        )

    def _with(self, parts: Sequence[Any] | Iterator[Any], changes: tuple[Callable[[Any], Any], ...]) -> Self:
        return type(self)(list(parts), folder=self.folder, n_jobs=self.n_jobs, changes=changes)

    def _over(self, last: list[Callable[[Any], Any]]) -> Iterator[Any]:
        """Make each part, do the last thing to it, and give what comes of it, in the parts' order."""
        work = zip(self.parts, last, strict=True)
        return spread((partial(made, part, (*self.changes, end)) for part, end in work), n_jobs=self.n_jobs)


def spread(calls: Iterable[Callable[[], Any]], *, n_jobs: int) -> Iterator[Any]:
    """Give what each call gives, in their order; with several jobs in processes that share large arrays."""
    if n_jobs == 1:
        return (call() for call in calls)
    from joblib import Parallel, delayed  # a fifth of a second, which one process can do without

    # joblib takes the pages of mapped files for a leak, replaces the process and says so: nothing is lost by it
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
    # between two counts a fit may boost for minutes, and processes that end meanwhile have to start again
    pool = Parallel(n_jobs=n_jobs, return_as="generator", idle_worker_timeout=IDLE_SECONDS)
    found: Iterator[Any] = pool(delayed(_bounded)(call, scratch.bound()) for call in calls)
    return found


def _bounded(call: Callable[[], Any], bound: int | None) -> Any:
    """Call in a process that knows nothing of its caller's bound."""
    with scratch.bounded(bound):
        return call()


def store(record: Any, *, folder: Path) -> Any:
    """Write the arrays of a dataclass to files and give it with these, memory-mapped and read-only."""
    folder.mkdir(parents=True)
    values: dict[str, Any] = {}
    for f in fields(record):
        value = getattr(record, f.name)
        if is_dataclass(value):
            value = store(value, folder=folder / f.name)
        elif isinstance(value, np.ndarray) and len(value):  # nothing cannot be mapped
            place = folder / f"{f.name}.npy"
            with scratch.room("parts of the purchases"):
                np.save(place, value, allow_pickle=False)
            value = np.load(place, mmap_mode="r", allow_pickle=False)
        values[f.name] = value
    return type(record)(**values)


@contextmanager
def parted(events: Purchases, *, n_jobs: int = 1) -> Iterator[Parts]:
    """Give events in parts: in memory, for several processes or bounded memory in files that are gone afterwards."""
    if n_jobs == 1 and scratch.bound() is None:
        yield Listed(split(events))
        return
    with tempfile.TemporaryDirectory(prefix="nextbuy-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        yield Shared(split(store(events, folder=folder / "events")), folder=folder, n_jobs=n_jobs)
