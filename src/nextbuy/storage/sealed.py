"""Directories whose manifest says what is in them, read with suspicion."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextbuy.storage.manifest import unseal

if TYPE_CHECKING:
    from nextbuy.orders.errors import InputError

MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.(npy|parquet|json|jsonl|csv)")
_MOST_MANIFEST = 64 << 20
_LEAST_MAPPED = 64 << 10  # a mapping takes a file handle for as long as it lives
Content = bytes | mmap.mmap


@dataclass(frozen=True)
class Sealed:
    """A kind of directory.

    Attributes
    ----------
    format, version : str, int
        What its manifest must say; a higher version was written by a newer nextbuy.
    noun : str
        What it is called in messages.
    make : str
        How one gets another.
    error : type
        What is raised.
    alone : bool
        Whether files that the manifest doesn't list make it invalid.
    """

    format: str
    version: int
    noun: str
    make: str
    error: type[InputError]
    alone: bool = True

    def broken(self, path: Path, what: str) -> InputError:
        """Make the error for something wrong inside."""
        return self.error(f"The {self.noun} in {path} cannot be used: {what}. {self.make}")

    def manifest(self, directory: str | os.PathLike[str]) -> dict[str, Any]:
        """Compare every file with the manifest and give the manifest; see `open`."""
        return self.open(directory)[0]

    def open(self, directory: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Content]]:
        """Compare every file with the manifest; give the manifest, and each file's content by name.

        Large files are mapped, not copied: processes that open the same directory share them.

        Raises
        ------
        error
            When anything is missing, changed, cut short, newer or foreign.
        """
        path = Path(directory)
        content = self._files(path, self._page(path))
        names = set(content["files"])
        there = {entry.name for entry in os.scandir(path)} - {MANIFEST}
        for word, some in (
            ("is missing", names - there),
            ("does not belong to it", there - names if self.alone else set()),
        ):
            if some:
                more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
                raise self.broken(path, f"{min(some)} {word}{more}")
        return content, {name: self.read(path, name, one) for name, one in content["files"].items()}

    def read(self, path: Path, name: str, expected: dict[str, Any] | None) -> Content:
        """Give a file's content after comparing them with the manifest; links are not followed."""
        try:
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with os.fdopen(os.open(path / name, flags), "rb") as stream:
                found = os.fstat(stream.fileno())
                if not stat.S_ISREG(found.st_mode) or (path / name).is_symlink():
                    raise self.broken(path, f"{name} is no plain file")
                size = expected["bytes"] if expected else min(found.st_size, _MOST_MANIFEST)
                if found.st_size != size:
                    raise self.broken(path, f"{name} has {found.st_size:,} bytes instead of {size:,}")
                # what is compared is what is used: the same mapping
                content = (
                    mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                    if size >= _LEAST_MAPPED
                    else stream.read()
                )
        except OSError as error:
            raise self.broken(path, f"{name} cannot be opened as a plain file ({error.strerror})") from error
        if expected and hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise self.broken(path, f"the content of {name} was changed")
        return content

    def _page(self, path: Path) -> dict[str, Any]:
        """Read the manifest, and say first of all whether it is one of ours and of a version known here."""
        if not path.exists():
            raise self.error(f"There is no {self.noun} at {path}. {self.make}")
        if not path.is_dir():
            raise self.error(f"{path} is a file; a {self.noun} is a directory.")
        if not os.path.lexists(path / MANIFEST):
            raise self.error(f"{path} is no nextbuy {self.noun}: it has no {MANIFEST}. {self.make}")
        raw = bytes(self.read(path, MANIFEST, None)[:])
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self.broken(path, f"{MANIFEST} cannot be read") from error
        if not isinstance(content, dict) or content.get("format") != self.format:
            raise self.error(
                f"{path} is no nextbuy {self.noun}: its {MANIFEST} was written by something else. {self.make}"
            )
        version = content.get("format_version")
        if type(version) is not int or version < 1:
            raise self.broken(path, f"{MANIFEST} has format_version={version!r}")
        if version > self.version:
            raise self.error(
                f"{path} was written in format {version} by nextbuy {content.get('library_version')}; "
                f"this one reads up to format {self.version}. Upgrade: pip install -U nextbuy."
            )
        try:
            return unseal(raw)
        except (ValueError, RecursionError) as error:
            raise self.broken(path, f"{MANIFEST} was changed: {error}") from error

    def _files(self, path: Path, content: dict[str, Any]) -> dict[str, Any]:
        files = content.get("files")
        if not isinstance(files, dict):
            raise self.broken(path, f"{MANIFEST} lists no files")
        for name, one in files.items():
            known = isinstance(one, dict) and type(one.get("bytes")) is int and "sha256" in one
            if not known or not is_plain_name(name) or name == MANIFEST:
                raise self.broken(path, f"{MANIFEST} lists {name[:80]!r}, which is no file of a {self.noun}")
        return content


def is_plain_name(name: str) -> bool:
    """Say whether `name` is one that this house gives: no way into another directory."""
    return _NAME.fullmatch(name) is not None
