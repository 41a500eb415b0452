"""What a command says: to people on the terminal, to machines as JSON, and by its exit code."""

from __future__ import annotations

import json as json_text
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, RenderableType

OK, FOUND, USAGE, FAILED = 0, 1, 2, 3
_WIDE = 160  # of a table that goes to a file or a pipe


class Stopped(Exception):  # noqa: N818 - not always an error: under --strict it is what was asked for
    """Ends a command with an exit code and a message."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def complain(message: str) -> None:
    """Write one message to stderr."""
    from nextbuy.orders.database import without_addresses

    print(f"nextbuy: {without_addresses(message)}", file=sys.stderr)  # noqa: T201 - stderr is where a command line complains


_FLAG = Parameter(negative="", show_default=False)


@Parameter(name="*", group="Output")
@dataclass(frozen=True, kw_only=True)
class Output:
    """What a command says and when it stops.

    Parameters
    ----------
    json : bool
        One JSON object with the summary on stdout, nothing else.
    quiet : bool
        Nothing on stdout, no progress; errors still go to stderr.
    strict : bool
        Stop with exit code 1, before any work, when the checks of the orders found anything.
    """

    json: Annotated[bool, _FLAG] = False
    quiet: Annotated[bool, _FLAG] = False
    strict: Annotated[bool, _FLAG] = False

    @property
    def speaks(self) -> bool:
        """Whether people read along."""
        return not (self.json or self.quiet)

    def show(self, *what: RenderableType) -> None:
        """Print for people."""
        if self.speaks:
            console = stdout()
            for one in what:
                console.print(one)

    def summarise(self, summary: dict[str, Any]) -> None:
        """Print for machines."""
        if self.json:
            from nextbuy.orders.database import without_addresses

            text = json_text.dumps(summary, indent=2, default=str, ensure_ascii=False)
            print(without_addresses(text))  # noqa: T201 - what --json is for

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show on a terminal that something takes its time."""
        console = stderr()
        if not self.speaks or not console.is_terminal:
            yield
            return
        with console.status(what):
            yield


PLAIN = Output()


@contextmanager
def progress_bar(output: Output, what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Give a function to call with the number done, of how many, and what; a terminal shows a bar and the time left."""
    console = stderr()
    if not output.speaks or not console.is_terminal:
        yield lambda done, total, text: None  # noqa: ARG005 - nobody looks
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    # steps may take minutes: the pace is that of all of them
    with Progress(*columns, console=console, transient=True, speed_estimate_period=86_400) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


def stdout() -> Console:
    """Give the console for results; as wide as it needs where it is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def stderr() -> Console:
    """Give the console for progress."""
    from rich.console import Console

    return Console(stderr=True)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> RenderableType:
    """Lay out rows of text under their column names; those in `right` are aligned right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    found = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in columns:
        found.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        # as Text: an id such as [red] is no markup
        found.add_row(*(Text(cell) for cell in row))
    return found


def plain(text: str) -> RenderableType:
    """Give text that holds no markup."""
    from rich.text import Text

    return Text(text)
