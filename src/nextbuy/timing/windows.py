"""The days in which a need is open, for a customer who bought A so many days ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.lags import LagTable

STATUSES = ("not_yet", "open", "closing", "closed")
CLOSING = 0.25  # of what was to come at the start, so much or less is left
CLOSED = 0.05


@dataclass(frozen=True)
class Windows:
    """Windows in days from now; `status` as in `STATUSES`.

    Attributes
    ----------
    start, best, end : ndarray of float64
        First day of the window, the day by which half of what the window holds has come, and its last day.
    status : ndarray of str
    left : ndarray of float64
        Share of the followers who are still to come.
    """

    start: NDArray[np.float64]
    best: NDArray[np.float64]
    end: NDArray[np.float64]
    status: NDArray[np.str_]
    left: NDArray[np.float64]


def best_windows(
    table: LagTable,
    rule: NDArray[np.int64],
    elapsed_days: NDArray[np.float64],
    *,
    width_days: int = 14,
    block: int = 20_000,
) -> Windows:
    """Find the window of `width_days` with the highest chance for each (rule, elapsed) row.

    The best start is the argmax over tau of [S(s + tau) - S(s + tau + W)] / S(s), S the share not yet followed. Only
    starts on the lag table's days are tried, the earliest of equals wins. Memory: `block` x window days.
    """
    length = int(table.bins[-1])
    out = {name: np.zeros(len(rule)) for name in ("start", "best", "end", "left")}
    status = np.empty(len(rule), dtype="<U8")
    grid = np.arange(length + width_days + 1.0)
    for at in range(0, len(rule), block):
        part = slice(at, at + block)
        r, s = rule[part], np.floor(np.asarray(elapsed_days[part], np.float64))
        rows = len(r)
        stay = np.exp(-table.cumulative((s[:, None] + grid).ravel(), np.repeat(r, len(grid)))).reshape(
            rows, -1
        )
        mass = stay[:, : length + 1] - stay[:, width_days:][:, : length + 1]
        start = np.argmax(mass >= mass.max(1, keepdims=True) * (1 - 1e-9), axis=1)
        never = np.exp(-table.cumulative(np.full(rows, float(length)), r))
        left = (stay[:, 0] - never) / np.maximum(1 - never, 1e-12)
        row = np.arange(rows)
        half = stay[row, start] - mass[row, start] / 2
        best = np.maximum((stay > half[:, None]).sum(1), start)
        out["start"][part], out["best"][part], out["end"][part] = (
            start,
            np.minimum(best, start + width_days),
            start + width_days,
        )
        out["left"][part] = left
        status[part] = np.select(
            [left <= CLOSED, start > 0, left <= CLOSING], ["closed", "not_yet", "closing"], "open"
        )
    return Windows(out["start"], out["best"], out["end"], status, out["left"])
