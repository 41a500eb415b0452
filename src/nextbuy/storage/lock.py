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


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process while the block runs.

    The kernel frees the lock of a killed process, so a lock file that is left behind is stale and taken over;
    the process number in it is for people.

    Raises
    ------
    RunError
        When another process works in it.
    """
    import fcntl

    path = directory / LOCK
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise RunError(
                f"Another job (process {owner}) is writing to {directory}. "
                "Wait for it, or choose another directory."
            ) from error
        # the one before may have removed the file between our opening and our locking it
        if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
            break
        os.close(handle)
    try:
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def is_running(process: int) -> bool:
    """Say whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
