"""Parameters from a TOML file."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

from nextbuy.cli.output import USAGE, Stopped


def read_config(path: str | None, kind: type) -> dict[str, Any]:
    """Read the parameters of `kind` from a TOML file.

    Parameters
    ----------
    path : str or None
        A file such as ``horizon_days = 30``, with or without a table of the class's name around it.
    kind : type
        The estimator; its parameters are the keys that may stand there.

    Returns
    -------
    dict

    Raises
    ------
    Stopped
        With the exit code of wrong usage: the file cannot be read, or a key is unknown (the nearest named).
    """
    from nextbuy.orders.errors import nearest

    if path is None:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Stopped(f"--config {path} cannot be read: {error.strerror}.", USAGE) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stopped(
            f"--config {path} is no TOML: {error}. Write lines like: horizon_days = 30", USAGE
        ) from error
    if set(content) == {kind.__name__} and isinstance(content[kind.__name__], dict):
        content = content[kind.__name__]
    known = [name for name in inspect.signature(kind).parameters if name not in {"self", "args", "kwargs"}]
    for name in content:
        if name not in known:
            close = nearest(name, known, most=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise Stopped(
                f"--config {path} sets {name!r}, which {kind.__name__} does not know.{hint} "
                f"It knows {', '.join(known)}.",
                USAGE,
            )
    return content
