"""A fitted model as a directory that is safe to load, whoever wrote it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nextbuy.storage import state as states
from nextbuy.storage.errors import BundleError
from nextbuy.storage.manifest import checksum, seal, unseal
from nextbuy.storage.replace import new_directory

FORMAT, FORMAT_VERSION = "nextbuy-model", 1
MANIFEST = "manifest.json"
# the only classes that a bundle can become; a name in a file imports nothing
CLASSES = {
    "AssociationRules": "nextbuy.mining",
    "NextPurchase": "nextbuy.predict",
    "Projects": "nextbuy.mining",
    "SequentialRules": "nextbuy.mining",
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.(npy|parquet|skops|json)")
_MOST_MANIFEST = 64 << 20


def save(estimator: Any, directory: str | os.PathLike[str]) -> Path:
    """Store a fitted estimator as a directory of Parquet, .npy and JSON files.

    Parameters
    ----------
    estimator : AssociationRules, SequentialRules, Projects or NextPurchase
        Fitted.
    directory : path
        Made, with its parents. A model that is already there is replaced in one step when the new one is whole;
        anything else that is there is left alone and refused.

    Returns
    -------
    pathlib.Path
        The directory.

    Raises
    ------
    BundleError
        When the directory holds something that is no model, or the estimator cannot be stored.

    Examples
    --------
    >>> import tempfile
    >>> import nextbuy as nb
    >>> rules = nb.AssociationRules(min_support=0.4, min_customers=1).fit([["tiles", "grout"], ["tiles", "grout"]])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = nb.save(rules, directory + "/model")
    ...     again = nb.load(path)
    >>> again.rules_.equals(rules.rules_)
    True
    """
    name = type(estimator).__name__
    if name not in CLASSES or not hasattr(estimator, "get_state"):
        raise BundleError(f"A {name} cannot be stored. Give one of {', '.join(CLASSES)}, fitted.")
    import nextbuy

    target = Path(os.path.realpath(directory))
    _check_target(target)
    state = estimator.get_state()
    with new_directory(target) as temporary:
        files: dict[str, dict[str, Any]] = {}

        def write(file: str, content: bytes) -> None:
            (temporary / file).write_bytes(content)
            files[file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

        try:
            states.encode(state, write)
        except TypeError as error:
            raise BundleError(f"This {name} cannot be stored: {error}.") from error
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "library_version": nextbuy.__version__,
            "class": name,
            "model_version": _version(name, state),
            "parameters": {k: _plain(v) for k, v in estimator.get_params(deep=False).items()},
            "data": {k: _plain(state.get(k)) for k in ("data_start", "data_end", "as_of") if k in state},
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "files": dict(sorted(files.items())),
        }
        (temporary / MANIFEST).write_bytes(seal(content))
    return Path(directory)


def load(directory: str | os.PathLike[str]) -> Any:
    """Bring a stored estimator back.

    Everything is checked before anything is used: the manifest's checksum, its format and version, that each file
    is there with the size and SHA-256 it should have and no other, and every type inside. Nothing in a bundle is
    executed, and a name in it imports nothing, so a stranger's bundle can be loaded safely.

    Parameters
    ----------
    directory : path

    Returns
    -------
    AssociationRules, SequentialRules, Projects or NextPurchase
        Fitted; predictions are the same to the bit.

    Raises
    ------
    BundleError
        When the bundle is missing, truncated, edited, written by a newer version, or no bundle at all.
    """
    path = Path(directory)
    while True:
        before = _identity(path)
        try:
            return _load(path)
        except BundleError:
            # replaced by a save while it was read: read the new one
            if before is None or _identity(path) == before:
                raise


def read_manifest(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Check a bundle's files against its manifest and give the manifest; no model is built.

    Returns
    -------
    dict
        format, format_version, library_version, class, model_version, parameters, data, created, files.

    Raises
    ------
    BundleError
        As `load`.
    """
    path = Path(directory)
    content = _manifest(path)
    names = set(content["files"])
    try:
        there = {entry.name for entry in os.scandir(path)} - {MANIFEST}
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    for word, some in (("is missing", names - there), ("does not belong to it", there - names)):
        if some:
            raise _broken(
                path, f"{sorted(some)[0]} {word}" + (f" (and {len(some) - 1} more)" if len(some) > 1 else "")
            )
    for name in content["files"]:
        _read(path, name, content["files"][name])
    return content


def _load(path: Path) -> Any:
    content = read_manifest(path)
    try:
        state, used = states.decode(lambda name: _read(path, name, content["files"][name]))
    except BundleError:
        raise
    # a file with the right checksum can still be crafted to hold anything
    except Exception as error:
        raise _broken(
            path, f"its state cannot be read ({type(error).__name__}: {str(error)[:200]})"
        ) from error
    if used != set(content["files"]):
        raise _broken(path, f"{sorted(set(content['files']) - used)[0]} belongs to no part of the model")
    kind = getattr(import_module(CLASSES[content["class"]]), content["class"])
    try:
        return kind.from_state(state)
    except Exception as error:
        raise _broken(
            path, f"its state is no {kind.__name__} ({type(error).__name__}: {str(error)[:200]})"
        ) from error


def _manifest(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BundleError(f"There is no model at {path}. Store one with nextbuy.save(model, {str(path)!r}).")
    if not path.is_dir():
        raise BundleError(f"{path} is a file; a model is a directory. Give the directory that save() wrote.")
    if not os.path.lexists(path / MANIFEST):
        raise BundleError(
            f"{path} is no nextbuy model: it has no {MANIFEST}. Give the directory that save() wrote."
        )
    raw = _read(path, MANIFEST, None)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"{MANIFEST} cannot be read") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f"{path} is no nextbuy model: its {MANIFEST} was written by something else.")
    version = content.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _broken(path, f"{MANIFEST} has format_version={version!r}")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"{path} was written in format {version} by nextbuy {content.get('library_version')}; this one reads up to "
            f"format {FORMAT_VERSION}. Upgrade: pip install -U nextbuy."
        )
    try:
        content = unseal(raw)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"{MANIFEST} was changed: {error}") from error
    if content.get("class") not in CLASSES:
        raise _broken(
            path, f"it says that it is a {str(content.get('class'))[:80]!r}, not one of {', '.join(CLASSES)}"
        )
    files = content.get("files")
    if not isinstance(files, dict) or states.TREE not in files:
        raise _broken(path, f"{MANIFEST} lists no {states.TREE}")
    for name, one in files.items():
        if (
            not _NAME.fullmatch(name)
            or name == MANIFEST
            or not isinstance(one, dict)
            or set(one) != {"sha256", "bytes"}
        ):
            raise _broken(path, f"{MANIFEST} lists {name[:80]!r}, which is no file of a model")
    return content


def _read(path: Path, name: str, expected: dict[str, Any] | None) -> bytes:
    """Give a file's bytes after comparing them with the manifest; links are not followed."""
    try:
        handle = os.open(
            path / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or (path / name).is_symlink():
                raise _broken(path, f"{name} is no plain file")
            size = expected["bytes"] if expected else found.st_size
            if found.st_size != size or (expected is None and size > _MOST_MANIFEST):
                raise _broken(path, f"{name} has {found.st_size:,} bytes instead of {size:,}")
            content = stream.read()
    except OSError as error:
        raise _broken(path, f"{name} cannot be opened as a plain file ({error.strerror})") from error
    if expected and hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise _broken(path, f"the content of {name} was changed")
    return content


def _broken(path: Path, what: str) -> BundleError:
    return BundleError(
        f"The model in {path} cannot be used: {what}. Copy it again from where it was fitted, or fit anew."
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_target(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise BundleError(f"{target} is a file; a model is a directory. Choose another name.")
    names = [entry.name for entry in os.scandir(target)]
    if names and (MANIFEST not in names or not all(_NAME.fullmatch(n) for n in names)):
        raise BundleError(
            f"{target} holds files that are no model, such as {sorted(names)[0]!r}, and would be lost. "
            "Choose another directory."
        )


def _plain(value: Any) -> Any:
    """Spell a parameter for the manifest, for people to read; the state holds it exactly."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if (
        value is None
        or isinstance(value, (bool, int, str))
        or (isinstance(value, float) and np.isfinite(value))
    ):
        return value
    return str(value)


def _version(name: str, state: dict[str, Any]) -> str:
    """Name what was learned, not when: two fits on the same orders with the same parameters have one version."""
    parts: dict[str, str] = {}

    def write(file: str, content: bytes) -> None:
        parts[file] = hashlib.sha256(content).hexdigest()

    states.encode(_without_boosters(state), write)
    return f"{name}-{checksum(parts)[:12]}"


def _without_boosters(value: Any) -> Any:
    """Replace boosters by their trees: a skops file holds memory addresses, which differ each time."""
    from nextbuy.storage.boosters import is_booster, trees

    if isinstance(value, dict):
        return {k: _without_boosters(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_boosters(v) for v in value]
    return trees(value) if is_booster(value) else value
