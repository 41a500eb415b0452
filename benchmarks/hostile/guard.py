"""Watches a call: what it opens, whether it starts or executes anything, and whether it ends."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename",
    "shutil.rmtree",
    "socket.connect", "socket.bind", "ctypes.dlopen", "exec", "code.__new__", "marshal.loads",
    "pickle.find_class",
    "urllib.Request", "sqlite3.connect",
)  # fmt: skip
_OWN = tuple({os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, *sys.path) if p})
_watched: list[tuple[tuple[str, ...], list[str]]] = []


class Broken(Exception):  # noqa: N818 - what is found, not what is raised to a caller
    """Something happened that must not."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    roots, seen = _watched[-1]
    if event in FORBIDDEN:
        if event in {"exec", "code.__new__", "marshal.loads"} and _importing():
            return
        seen.append(f"{event} {str(arguments)[:200]}")
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        place = os.path.realpath(os.fsdecode(arguments[0]))
        # modules that are imported on first use are read too
        if not place.startswith((*roots, *_OWN, "/proc/", "/sys/", "/dev/null")):
            seen.append(f"open {place}")


def _importing() -> bool:
    """Say whether a module of Python's or of a library is imported just now, on first use."""
    frame = sys._getframe(2)  # noqa: SLF001 - the one way to ask
    while frame is not None:
        if "importlib._bootstrap" in frame.f_code.co_filename:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


sys.addaudithook(_hook)


@contextmanager
def watched(*roots: str | Path, seconds: float = 20, forbid: bool = True) -> Iterator[None]:
    """Raise `Broken` when the block opens a file outside `roots`, starts or executes anything, or takes too long."""

    def late(*_: object) -> None:
        raise Broken(f"not done after {seconds:g} seconds")

    seen: list[str] = []
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    if forbid:
        _watched.append((tuple(os.path.realpath(r) for r in roots), seen))
    try:
        yield
    finally:
        if forbid:
            _watched.pop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if seen:
        raise Broken(f"reached outside: {seen[0]}")


def told(error: BaseException, known: Sequence[type[BaseException]]) -> str:
    """Say that a refusal is one of the known kinds and has a message, or raise `Broken`."""
    if isinstance(error, tuple(known)) and len(str(error)) > 20:
        return "refused"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "nextbuy" in f.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    raise Broken(f"{type(error).__name__}{where}: {str(error)[:300]}") from error


def temporary() -> Path:
    """Give a place in memory where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    return Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
