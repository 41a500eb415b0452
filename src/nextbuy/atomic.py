"""A file is either whole or not there. Below all rooms: whoever writes, writes like this."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


class NoRoom(OSError):  # noqa: N818 - said as it is
    """A disk is full; the text says which, and what to do."""


@contextmanager
def told_when_full(what: str, advice: str) -> Iterator[None]:
    """Raise `NoRoom` where a disk is full: the system's own error often names neither file nor directory."""
    try:
        yield
    except NoRoom:
        raise
    except OSError as error:
        # numpy gives no number, only "6612 requested and 4064 written"
        if error.errno not in _FULL and "requested and" not in str(error):
            raise
        number = error.errno or errno.ENOSPC
        raise NoRoom(number, f"no room for {what} ({os.strerror(number)}); {advice}") from error


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
        with told_when_full(str(target), "make some there, or write elsewhere"):
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
