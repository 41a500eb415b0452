"""A file is either whole or not there. Below all rooms: whoever writes, writes like this."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    Parameters
    ----------
    path : path
        The directory must exist. What is there stays until the new file is whole and on disk.

    Yields
    ------
    pathlib.Path
        Write here. After an exception it is removed and `path` is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with atomic(Path(directory) / "plan.txt") as temporary:
    ...         _ = temporary.write_text("tiles, then a bathtub")
    ...     print((Path(directory) / "plan.txt").read_text())
    tiles, then a bathtub
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file's or directory's content on the disk before going on."""
    # Windows opens no directories; its renames are on disk when they return
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
