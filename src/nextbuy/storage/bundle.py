"""A fitted model as a directory that is safe to load, whoever wrote it."""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nextbuy.storage import state as states
from nextbuy.storage.errors import BundleError
from nextbuy.storage.manifest import checksum, seal
from nextbuy.storage.replace import new_directory
from nextbuy.storage.sealed import MANIFEST, Content, Sealed, is_plain_name

MODEL = Sealed(
    format="nextbuy-model",
    version=1,
    noun="model",
    make="Fit and store one: nextbuy.save(model, directory), or nextbuy fit --model.",
    error=BundleError,
)
# the only classes that a bundle can become; a name in a file imports nothing
CLASSES = {
    "AssociationRules": "nextbuy.mining",
    "CustomerActivity": "nextbuy.timing",
    "NextPurchase": "nextbuy.predict",
    "Patterns": "nextbuy.mining",
    "Projects": "nextbuy.mining",
    "SequentialRules": "nextbuy.mining",
}


def save(estimator: Any, directory: str | os.PathLike[str]) -> Path:
    """Store a fitted estimator as a directory of Parquet, .npy and JSON files.

    Parameters
    ----------
    estimator : AssociationRules, SequentialRules, Patterns, Projects, CustomerActivity or NextPurchase
        Fitted.
    directory : path
        Made, with its parents. A model that is already there is replaced in one step when the new one is
        whole; anything else that is there is left alone and refused.

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
    >>> baskets = [["tiles", "grout"], ["tiles", "grout"]]
    >>> rules = nb.AssociationRules(min_support=0.4, min_customers=1).fit(baskets)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = nb.save(rules, directory + "/model")
    ...     again = nb.load(path)
    >>> again.rules_.equals(rules.rules_)
    True
    """
    import nextbuy

    name = type(estimator).__name__
    if name not in CLASSES or not hasattr(estimator, "get_state"):
        raise BundleError(f"A {name} cannot be stored. Give one of {', '.join(CLASSES)}, fitted.")
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
            "format": MODEL.format,
            "format_version": MODEL.version,
            "library_version": nextbuy.__version__,
            "class": name,
            # names what was learned, not when: equal fits on equal orders have one version
            "model_version": f"{name}-{checksum({f: one['sha256'] for f, one in files.items()})[:12]}",
            "parameters": {k: _plain(v) for k, v in estimator.get_params(deep=False).items()},
            "data": _data(estimator, state),
            "files": dict(sorted(files.items())),
        }
        (temporary / MANIFEST).write_bytes(seal(content))
    return Path(directory)


def load(directory: str | os.PathLike[str]) -> Any:
    """Bring a stored estimator back.

    Everything is checked before anything is used: the manifest's checksum, its format and version, that each
    file is there with the size and SHA-256 it should have and no other, and every type inside. Nothing in a
    bundle is executed, and a name in it imports nothing, so a stranger's bundle can be loaded safely.

    Parameters
    ----------
    directory : path

    Returns
    -------
    AssociationRules, SequentialRules, Patterns, Projects, CustomerActivity or NextPurchase
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
        except (BundleError, FileNotFoundError):
            # replaced by a save while it was read: read the new one
            if before is None or _identity(path) == before:
                raise


def read_manifest(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Check a stored model's files against its manifest and give the manifest; no model is built.

    Returns
    -------
    dict
        format, format_version, library_version, class, model_version, parameters, data, files.

    Raises
    ------
    BundleError
        As `load`.
    """
    return _open(Path(directory))[0]


def _open(path: Path) -> tuple[dict[str, Any], dict[str, Content]]:
    content, files = MODEL.open(path)
    if content.get("class") not in list(CLASSES):  # a list: it may be of a type that no dict looks up
        raise MODEL.broken(
            path,
            f"it says that it is a {str(content.get('class'))[:80]!r}, not one of {', '.join(CLASSES)}",
        )
    return content, files


def _load(path: Path) -> Any:
    content, files = _open(path)
    try:
        state, used = states.decode(files.__getitem__)
    # a file with the right checksum can still be crafted to hold anything
    except Exception as error:
        raise MODEL.broken(path, f"its state cannot be read ({_short(error)})") from error
    if used != set(files):
        raise MODEL.broken(path, f"{min(set(files) - used)} belongs to no part of the model")
    kind = getattr(import_module(CLASSES[content["class"]]), content["class"])
    try:
        return kind.from_state(state)
    except Exception as error:
        raise MODEL.broken(path, f"its state is no {content['class']} ({_short(error)})") from error


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _identity(path: Path) -> tuple[int, ...] | None:
    """Tell one directory from the next under the same name; a number of a deleted one may be given out again."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _check_target(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise BundleError(f"{target} is a file; a model is a directory. Choose another name.")
    names = [entry.name for entry in os.scandir(target)]
    if names and (MANIFEST not in names or not all(is_plain_name(n) for n in names)):
        raise BundleError(
            f"{target} holds files that are no model, such as {min(names)!r}, and would be lost. "
            "Choose another directory."
        )


def _data(estimator: Any, state: dict[str, Any]) -> dict[str, Any]:
    """Say what the model was fitted on, as far as the estimator tells."""
    facts = {"as_of": "as_of_", "customers": "n_customers_", "orders": "n_orders_"}
    found = {name: _plain(getattr(estimator, attribute, None)) for name, attribute in facts.items()}
    for name in ("customer_ids_", "item_ids_"):
        if hasattr(estimator, name):
            found[name.replace("_ids_", "s")] = len(getattr(estimator, name))
    days = state.get("events", {}).get("day")
    if days is not None and len(days):
        found |= {
            name: str(np.datetime64(int(d), "D")) for name, d in (("first", days.min()), ("last", days.max()))
        }
    return {name: value for name, value in found.items() if value is not None}


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
