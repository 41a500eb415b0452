"""The command `nextbuy`: what it is called with, and how it ends."""

from __future__ import annotations

import os
import sys
import traceback
from inspect import signature
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

import nextbuy
from nextbuy.cli.backtest import backtest
from nextbuy.cli.check import check
from nextbuy.cli.demo import demo
from nextbuy.cli.fit import fit
from nextbuy.cli.inspect import inspect
from nextbuy.cli.output import FAILED, USAGE, Stopped, complain
from nextbuy.cli.plan import plan
from nextbuy.cli.report_campaign import report_campaign
from nextbuy.cli.rules import rules
from nextbuy.cli.score import score
from nextbuy.cli.source import as_options

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="nextbuy",
    help="What will this customer buy next, when, and which offer is worth sending.",
    help_format="plaintext",
    help_epilogue=(
        "Exit codes: 0 done; 1 `check` found problems, or any command under --strict did; "
        "2 wrong usage; 3 failed."
    ),
    version=nextbuy.__version__,
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
# the modules themselves are light: what is heavy is imported when a command runs
COMMANDS = {
    command.__name__.replace("_", "-"): command
    for command in (check, fit, rules, score, plan, report_campaign, backtest, inspect, demo)
}
for _name, _command in COMMANDS.items():
    _takes = {"source": "SOURCE... ", "directory": "DIRECTORY "}
    _first = "".join(word for name, word in _takes.items() if name in signature(_command).parameters)
    app.command(_command, usage=f"Usage: nextbuy {_name} {_first}[OPTIONS]")


def run(tokens: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code; whatever goes wrong is one message on stderr."""
    tokens = sys.argv[1:] if tokens is None else list(tokens)
    try:
        return app(tokens) or 0
    except CycloptsError as error:
        known = tokens[0] if tokens and tokens[0] in COMMANDS else ""
        complain(f"{_said(error)} See: nextbuy {known + ' ' * bool(known)}--help")
        return USAGE
    except Stopped as stop:
        if str(stop):
            complain(str(stop))
        return stop.code
    except KeyboardInterrupt:
        complain("Stopped from the keyboard.")
        return 130
    except Exception as error:  # noqa: BLE001 - a job's log gets a message, not a trace
        from nextbuy.orders.errors import InputError

        if isinstance(error, (InputError, OSError)):
            complain(as_options(_plainly(error)))
            return FAILED
        if os.environ.get("NEXTBUY_TRACEBACK"):
            traceback.print_exc()
        complain(f"{type(error).__name__}: {str(error).rstrip('.')}. Set NEXTBUY_TRACEBACK=1 to see where.")
        return FAILED


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run())


def _plainly(error: Exception) -> str:
    """Give the text of an error without the number that the operating system has for it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _said(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    return text if text.endswith((".", "?")) else f"{text}."
