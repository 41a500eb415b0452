"""One job at a time in one directory."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nextbuy.storage.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process while the block runs.

    The kernel frees the lock of a killed process, so a lock file that is left behind is stale and taken over; the
    process number in it is for people. Where the kernel has no such locks (Windows), the file itself is the lock,
    and one that a killed process left must be deleted by hand.

    Raises
    ------
    RunError
        When another process works in it.
    """
    path = directory / LOCK
    handle = _create(path) if fcntl is None else _lock(path)
    try:
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        if fcntl is None:
            # an open file cannot be removed there
            os.close(handle)
            path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)
            os.close(handle)


def _lock(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise RunError(f"{_taken(path)} Wait for it, or choose another directory.") from error
        # the one before may have removed the file between our opening and our locking it
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            return handle
        os.close(handle)


def _create(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise RunError(
            f"{_taken(path)} Wait for it, or choose another directory. If no such process runs, delete {path}."
        ) from error


def _taken(path: Path) -> str:
    try:
        owner = path.read_text(encoding="utf-8").strip()
    except OSError:
        owner = ""
    return f"Another job (process {owner or 'unknown'}) is writing to {path.parent}."


def is_running(process: int) -> bool:
    """Say whether a process of this number runs on this machine; yes where that cannot be asked."""
    if os.name == "nt":
        # there a signal 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
