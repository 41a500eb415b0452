"""`nextbuy inspect`: what a stored model or a finished run is, and whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.source import Directory  # noqa: TC001 - cyclopts reads the types


def inspect(directory: Directory, /, *, output: Output = PLAIN) -> int:
    """Check a stored model or a finished run and say what it is.

    Every file is compared with the manifest; nothing is executed.

    Parameters
    ----------
    directory : str
        Directory that `nextbuy fit`, `nextbuy score` or `nextbuy plan` wrote.
    """
    from nextbuy.storage import read_manifest, read_run

    path = Path(directory)
    manifest = read_run(path) if _is_run(path) else read_manifest(path)
    size = sum(one["bytes"] for one in manifest["files"].values())
    output.show(
        _facts(manifest), plain(f"{len(manifest['files'])} files, {size:,} bytes, all as they were written.")
    )
    output.summarise(manifest)
    return OK


def _is_run(path: Path) -> bool:
    try:
        return bool(json.loads((path / "manifest.json").read_bytes()).get("format") == "nextbuy-offers")
    except (OSError, ValueError, AttributeError):
        return (path / ".work").is_dir()


def _facts(manifest: dict[str, Any]) -> Any:
    rows = []
    for name, value in manifest.items():
        if name == "files":
            continue
        if isinstance(value, dict):
            rows += [(f"{name} {key}", _text(one)) for key, one in value.items()]
        else:
            rows.append((name, _text(value)))
    return table("", ("what", "value"), rows)


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
