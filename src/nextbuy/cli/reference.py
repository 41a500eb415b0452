"""The page of the command line, made from the commands themselves."""

from __future__ import annotations

import sys
from pathlib import Path

from nextbuy.cli.app import COMMANDS, app
from nextbuy.storage.files import write_bytes


def reference() -> str:
    """Give docs/cli.md as text.

    Returns
    -------
    str
        Markdown: every command with its options, from the docstrings.
    """
    page = str(app.generate_docs(output_format="markdown", heading_level=1))
    for name in COMMANDS:
        # cyclopts puts the command's name before a usage line that has it already
        page = page.replace(f"nextbuy {name} {name} ", f"nextbuy {name} ")
    page = page.replace("## Table of Contents", f"{app.help_epilogue}\n\n## Table of Contents")
    return "\n".join(line.rstrip() for line in page.splitlines()).rstrip() + "\n"


if __name__ == "__main__":
    write_bytes(Path(sys.argv[1]), reference().encode())
