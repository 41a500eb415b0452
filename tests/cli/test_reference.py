"""The page of the command line is what the commands say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextbuy.cli.app import COMMANDS, app
from nextbuy.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_current():
    """docs/cli.md is what python -m nextbuy.cli.reference docs/cli.md writes today."""
    assert PAGE.read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_names_every_command_and_option(command):
    """Each command has its heading, and each of its options stands under it."""
    part = PAGE.read_text(encoding="utf-8").split(f"## nextbuy {command}\n")[1].split("\n## ")[0]
    for argument in app[command].assemble_argument_collection():
        if argument.show and argument.names:
            assert any(name in part for name in argument.names), argument.names
