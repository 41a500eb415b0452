"""Put a new directory in the place of an old one in one step."""

from __future__ import annotations

import ctypes
import glob
import os
import secrets
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nextbuy.atomic import sync, told_when_full
from nextbuy.storage.lock import is_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """Give an empty directory beside `target` that takes its place when the block ends well.

    After an exception it is removed and `target` is as it was. What a killed process left beside `target` is
    removed too.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        with told_when_full(str(target), "make some there, or write elsewhere"):
            yield temporary
            for file in temporary.iterdir():
                sync(file)
            sync(temporary)
        swap(temporary, target)
        sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def swap(new: Path, target: Path) -> None:
    """Rename `new` to `target`; what was there is found at `new` afterwards."""
    if not os.path.lexists(target):
        new.rename(target)
    elif not _exchange(new, target):
        # no exchange on this system: between the two renames there is no model, but never half of one
        old = new.with_suffix(".old")
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            old.rename(target)
            raise
        old.rename(new)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two directories in one step where the kernel can (Linux, renameat2)."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _sweep(target: Path) -> None:
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.*"):
        number = left.name.removeprefix(f".{target.name}.").split(".")[0]
        if left.suffix in {".tmp", ".old"} and number.isdigit() and not is_running(int(number)):
            if left.suffix == ".old" and not target.exists():
                left.rename(target)
                continue
            shutil.rmtree(left, ignore_errors=True)
