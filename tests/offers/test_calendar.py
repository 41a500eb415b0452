"""Sliding caps against a checker that counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nextbuy.offers.calendar import Calendar

EMPTY = np.zeros(0, np.int64)


def allowed(days, day, *, quiet_days, cap, cap_days):
    """Say whether one more contact on `day` breaks nothing, by looking at every window."""
    quiet = all(abs(d - day) >= quiet_days for d in days)
    full = any(
        sum(start <= d < start + cap_days for d in [*days, day]) > cap
        for start in range(day - cap_days + 1, day + 1)
    )
    return quiet, not full


@pytest.mark.parametrize("seed", range(30))
def test_free_days_by_hand(seed):
    """Each day of each customer is free exactly when no window through it would overflow."""
    rng = np.random.default_rng(seed)
    rule = {
        "quiet_days": int(rng.integers(0, 12)),
        "cap": int(rng.integers(0, 5)),
        "cap_days": int(rng.integers(1, 40)),
    }
    calendar = Calendar(6, first_day=500, days=25, **rule)
    customer, day = rng.integers(0, 6, 40), rng.integers(420, 600, 40)
    calendar.add(customer, day)
    quiet, capped = calendar.free(np.arange(6))
    for c in range(6):
        days = day[customer == c].tolist()
        for d in range(25):
            assert (quiet[c, d], capped[c, d]) == allowed(days, 500 + d, **rule)


def test_nearest_free_day_and_why_not():
    """An offer moves to the nearest free day of its window; quiet days and caps are told apart."""
    calendar = Calendar(4, first_day=100, days=30, quiet_days=7, cap=2, cap_days=30)
    calendar.add(np.array([1, 2, 2, 3]), np.array([99, 95, 96, 110]))
    day, by_cap = calendar.place(
        np.array([0, 1, 2, 3]), low=np.full(4, 100), high=np.array([129, 129, 120, 116]),
        target=np.array([105, 100, 100, 108]), barred=EMPTY, barred_from=EMPTY, barred_to=EMPTY,
    )  # fmt: skip
    assert day.tolist() == [105, 106, -1, 103]
    assert by_cap[2]
    day, by_cap = calendar.place(
        np.array([3]), low=np.array([105]), high=np.array([116]), target=np.array([108]),
        barred=EMPTY, barred_from=EMPTY, barred_to=EMPTY,
    )  # fmt: skip
    assert (day[0], by_cap[0]) == (-1, False)


def test_cool_down_bars_its_own_row():
    """A barred span closes its days to one row and to no other."""
    calendar = Calendar(2, first_day=0, days=10, quiet_days=0, cap=9, cap_days=1)
    day, by_cap = calendar.place(
        np.array([0, 1]), low=np.zeros(2, int), high=np.full(2, 9), target=np.zeros(2, int),
        barred=np.array([1, 1]), barred_from=np.array([-5, 2]), barred_to=np.array([3, 5]),
    )  # fmt: skip
    assert day.tolist() == [0, 6]
    assert not by_cap[0]


def test_room_counts_what_fits():
    """With a week between contacts a month holds five; a cap of three allows three; a full log none."""
    for cap, expected in ((9, [5, 4, 0]), (3, [3, 2, 0])):
        calendar = Calendar(3, first_day=0, days=30, quiet_days=7, cap=cap, cap_days=60)
        calendar.add(np.full(1, 1), np.array([-1]))
        calendar.add(np.full(10, 2), np.arange(-5, 5) * 6)
        assert calendar.room(10).tolist() == expected
