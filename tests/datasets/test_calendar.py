"""Days, seasons and opening hours."""

from datetime import date, timedelta

import numpy as np
import pytest

from nextbuy.datasets.calendar import day_of_year, draw_minutes, nearest_open, next_open, season_weight

START = date(2024, 6, 1)
START_DAY = (START - date(1970, 1, 1)).days


def test_day_of_year_is_the_calendar_s():
    """Python's own calendar agrees, leap year and turn of the year included."""
    days = np.arange(0, 1_500, 7)
    expected = [(START + timedelta(days=int(d))).timetuple().tm_yday - 1 for d in days]
    assert day_of_year(days, start_day=START_DAY).tolist() == expected


@pytest.mark.parametrize(("move", "step"), [(next_open, 1), (nearest_open, -1)])
def test_sundays_are_moved_and_nothing_else(move, step):
    """A Sunday becomes the day after or before it; other days stay."""
    days = np.arange(1, 60)
    for day, moved in zip(days.tolist(), move(days, start_day=START_DAY).tolist(), strict=True):
        sunday = (START + timedelta(days=day)).isoweekday() == 7
        assert moved == day + (step if sunday else 0)


def test_a_first_day_that_is_sunday_moves_forward():
    """There is no day before the first."""
    sunday = (date(2024, 6, 2) - date(1970, 1, 1)).days
    assert nearest_open(np.array([0]), start_day=sunday).tolist() == [1]


@pytest.mark.parametrize(("season", "month"), [("spring", 4), ("summer", 6), ("autumn", 10), ("winter", 12)])
def test_seasons_peak_in_their_month(season, month):
    """The weight is highest in the season's month and averages 1 over the year."""
    weight = season_weight(season, np.arange(365))
    peak = date(2025, 1, 1) + timedelta(days=int(weight.argmax()))
    assert abs(peak.month - month) <= 0
    assert weight.mean() == pytest.approx(1)


def test_minutes_are_within_opening_hours():
    """From 7:00 to 19:59."""
    minutes = draw_minutes(np.random.default_rng(0), 10_000)
    assert minutes.min() >= 7 * 60
    assert minutes.max() < 20 * 60
