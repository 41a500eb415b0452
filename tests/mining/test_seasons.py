"""Seasonal lag tables: a season is no lag shape, and a lag is no season."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.mining.exposures import from_lines
from nextbuy.mining.lags import count_lags, edges, timing_signal
from nextbuy.mining.seasons import calendar, seasonal_days

DAYS, WINDOW, BUYERS = 730, 180, 20_000


def world(lag):
    """Everybody buys A (item 0) in the first spring; B (item 1) follows as `lag` says; C (item 2) marks the span."""
    random = np.random.default_rng(6)
    start = random.integers(80, 110, BUYERS)
    b = lag(random, start)
    rows = [(np.arange(BUYERS), start, 0), (np.arange(BUYERS), np.zeros(BUYERS, int), 2)]
    came = (b > 0) & (b < DAYS)
    rows += [(np.flatnonzero(came), b[came], 1), (np.array([0]), np.array([DAYS - 1]), 2)]
    customer, day = (np.concatenate([row[j] for row in rows]) for j in range(2))
    item = np.concatenate([np.full(len(row[0]), row[2]) for row in rows])
    order = [part.astype(np.int32) for part in (customer, day, item)]
    return from_lines(*order, half=np.zeros(BUYERS, dtype=bool), n_items=3)


def summer(random, start):
    """B sells ten times as well in July and August of either year, to whoever has none, without regard to A."""
    daily = np.where((np.arange(DAYS) % 365 >= 181) & (np.arange(DAYS) % 365 < 243), 0.01, 0.001)
    need = random.exponential(1, len(start))
    return np.searchsorted(np.cumsum(daily), need)


def counted(events, **options):
    pair = np.array([0]), np.array([1])
    plain, _ = count_lags(events, *pair, window_days=WINDOW)
    return replace(plain, watch_days=seasonal_days(events, *pair, window_days=WINDOW, **options))


def test_without_a_season_nothing_changes():
    """With one weight for all days the counts are those of the plain lag table."""
    events = world(summer)
    plain, _ = count_lags(events, np.array([0]), np.array([1]), window_days=WINDOW)
    made = counted(events, season=np.ones((3, DAYS)))
    np.testing.assert_allclose(made.watch_days, plain.watch_days)


def test_a_burn_in_leaves_out_the_same_watches():
    """With a burn-in, too, the unweighted days are those of the plain lag table."""
    events = world(summer)
    pair = np.array([0]), np.array([1])
    plain, _ = count_lags(events, *pair, window_days=WINDOW, burn_in_days=95)
    made = seasonal_days(events, *pair, window_days=WINDOW, burn_in_days=95, season=np.ones((3, DAYS)))
    np.testing.assert_allclose(made, plain.watch_days)


def test_a_rule_is_shown_on_its_season():
    """`lags(seasonal=True)` flattens the hazard of a rule that only the summer made; `any` purchases are refused."""
    events = world(summer)
    days = (events.day + 18_000).astype("datetime64[D]").astype("datetime64[s]")
    lines = {"customer_id": events.customer, "timestamp": days, "item_id": events.item}
    orders = nb.read_orders(pd.DataFrame(lines))
    links = nb.SequentialRules(window_days=WINDOW, fdr=None).fit(orders)
    plain, seasonal = (links.lags(0, 1, seasonal=on) for on in (False, True))
    assert plain["followers"].tolist() == seasonal["followers"].tolist()
    spread = [table["hazard"].max() / table["hazard"].min() for table in (plain, seasonal)]
    assert spread[0] > 4 * spread[1]
    with pytest.raises(nb.InputError, match="first purchases only"):
        nb.SequentialRules(window_days=WINDOW, fdr=None, occurrence="any").fit(orders).lags(
            0, 1, seasonal=True
        )


def test_the_calendar_finds_the_planted_season():
    """B's July is ten times its March."""
    season = calendar(world(summer))[1]
    assert season[190:230].mean() / season[380:500].mean() == pytest.approx(10, rel=0.25)


def test_a_season_is_no_lag_shape():
    """A summer sale looks like a peak after A in the plain table, and like nothing once the season is known."""
    events = world(summer)
    flat = np.ones(len(edges(WINDOW)) - 1)
    plain, _ = count_lags(events, np.array([0]), np.array([1]), window_days=WINDOW)
    assert timing_signal(plain, flat)[0].tolist() == ["strong"]
    made = counted(events)
    hazard = made.followers[0].sum() / made.watch_days[0].sum()
    likely = made.watch_days[0] * hazard >= 30
    ratio = made.followers[0] / (made.watch_days[0] * hazard)
    assert (np.abs(ratio[likely] - 1) < 0.25).all()
    assert timing_signal(made, flat)[0].tolist() != ["strong"]


def test_a_lag_remains_one():
    """Where A comes on any day of the year and B three weeks later, the season explains nothing of it."""

    def later(random, start):
        return start + np.where(
            random.random(len(start)) < 0.4, random.integers(18, 25, len(start)), 2 * DAYS
        )

    events = world(later)
    # spread the same customers over a year, so that A has no season of its own
    shift = np.random.default_rng(1).integers(0, 365, BUYERS).astype(np.int32)
    moved = np.where(events.item == 2, events.day, events.day + shift[events.customer])
    events = from_lines(
        events.customer, moved.astype(np.int32), events.item, half=np.zeros(BUYERS, dtype=bool), n_items=3
    )
    assert timing_signal(counted(events), np.ones(len(edges(WINDOW)) - 1))[0].tolist() == ["strong"]
