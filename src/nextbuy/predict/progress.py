"""How far learning has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[int, int, str], None]

# seconds of one core that a million lines take, and those that do not grow (measured at 1 and 32 million)
MINING, GATHERING, CROWD = 4.0, 0.8, 0.6
HEADS, CANDIDATES = 25.0, 5.0


class Progress:
    """Tells per cent of the work that is to be expected, from what each step takes of so many lines."""

    def __init__(self, tell: Tell | None, lines: int) -> None:
        self.tell, self.millions = tell, lines / 1e6
        self.done = self.total = 0.0
        self.ahead = 0.0

    def plan(self, cuts: int) -> None:
        """Say at how many past days the heads learn."""
        mined = (1 + bool(cuts)) * MINING
        gathered = (1 + cuts + bool(cuts)) * GATHERING
        self.total = (mined + gathered + CROWD) * self.millions + (HEADS + cuts * CANDIDATES) * bool(cuts)

    def begin(self, what: str, *, growing: float = 0.0, fixed: float = 0.0) -> None:
        """Say what comes next, and what it takes: so much a million lines and so much in any case."""
        self.done += self.ahead
        self.ahead = growing * self.millions + fixed
        self._say(what)

    def end(self) -> None:
        """Say that all is done."""
        self.done, self.ahead = self.total, 0.0
        self._say("")

    def _say(self, what: str) -> None:
        if self.tell is not None:
            share = self.done / self.total if self.total else 0.0
            self.tell(int(100 * min(share, 1.0)), 100, what)
