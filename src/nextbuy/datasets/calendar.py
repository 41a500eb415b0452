"""Days, seasons and opening hours of the generated shop. A day is a whole number counted from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.datasets.projects import SEASONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

YEAR_DAYS = 365.25
BIN_DAYS = 10  # seasons are constant within such a stretch
SEASON_BINS = 37
OPENS_MINUTE, CLOSES_MINUTE = 7 * 60, 20 * 60
_SUNDAY = 6


def day_of_year(day: NDArray[np.int64], *, start_day: int) -> NDArray[np.int64]:
    """Give the day of the year, from 0, of days counted from `start_day` (days since 1970-01-01)."""
    date = (np.asarray(day) + start_day).astype("datetime64[D]")
    since: NDArray[np.int64] = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return since


def season_weight(season: str, day_in_year: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give how much is bought on a day of the year relative to the year's mean of 1."""
    bell = SEASONS[season]

    def raw(day: NDArray[np.float64]) -> NDArray[np.float64]:
        away = np.abs(day - bell.peak_day)
        away = np.minimum(away, YEAR_DAYS - away)
        return bell.floor + bell.height * np.exp(-0.5 * (away / bell.width_days) ** 2)

    weight: NDArray[np.float64] = raw(np.asarray(day_in_year, np.float64)) / raw(np.arange(365.0)).mean()
    return weight


def next_open(day: NDArray[np.int64], *, start_day: int) -> NDArray[np.int64]:
    """Move Sundays, when the shop is closed, to the Monday after."""
    closed = ((day + start_day + 3) % 7) == _SUNDAY
    opened: NDArray[np.int64] = day + closed
    return opened


def nearest_open(day: NDArray[np.int64], *, start_day: int) -> NDArray[np.int64]:
    """Move Sundays to the Saturday before; the very first day, to the Monday after."""
    closed = ((day + start_day + 3) % 7) == _SUNDAY
    return np.where(closed, np.where(day == 0, 1, day - 1), day)


def draw_minutes(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Draw minutes of the day within opening hours."""
    share = rng.beta(2.2, 2.0, size)
    return OPENS_MINUTE + np.minimum(
        (share * (CLOSES_MINUTE - OPENS_MINUTE)).astype(np.int64), CLOSES_MINUTE - OPENS_MINUTE - 1
    )
