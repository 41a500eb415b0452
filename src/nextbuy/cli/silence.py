"""Keep what native code prints off stdout, which belongs to the command's own answer."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def silenced() -> Iterator[None]:
    """Send the process's stdout nowhere while the block runs.

    HiGHS, which solves small plans, prints a line of its own now and then whatever it is told; behind --json that would
    be one line too many. Only a command may do this: in a library it would swallow what other threads say.
    """
    sys.stdout.flush()
    try:
        saved = os.dup(1)
    except OSError:  # started without a stdout
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        _flush()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def _flush() -> None:
    """Have the C library write what it holds back, while it still goes nowhere."""
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, TypeError, AttributeError):  # Windows finds no library of that name
        ctypes.CDLL("ucrtbase").fflush(None)
