"""Lag tables as multipliers on the season: watched days weighed by how much B sells at the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.lags import edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases

WEEK = 7
WORTH = 2.0  # a week's sales are drawn to the usual ones, which count as so many


def calendar(events: Purchases) -> NDArray[np.float64]:
    """How many times its usual hazard each item has on each day: (items, days of the table), by weeks.

    The hazard is first purchases over customers who had entered the table and did not own the item yet. Needs
    12 bytes x items x days for a moment.
    """
    days = events.end - events.start
    weeks = -(-days // WEEK)
    first = events.where(events.first)
    week = (first.day - events.start) // WEEK
    arrivals = np.bincount(first.item * np.int64(weeks) + week, minlength=events.n_items * weeks)
    arrivals = arrivals.reshape(events.n_items, weeks).astype(np.float64)
    entry = np.full(events.n_customers, events.end, np.int64)
    np.minimum.at(entry, events.customer, events.entry)
    entered = np.cumsum(np.bincount((entry[entry < events.end] - events.start) // WEEK, minlength=weeks))
    at_risk = np.maximum(entered - (np.cumsum(arrivals, axis=1) - arrivals), 0)
    usual = arrivals.sum(axis=1) / np.maximum(at_risk.sum(axis=1), 1)
    weekly = (arrivals + WORTH) / (usual[:, None] * at_risk + WORTH)
    return np.repeat(weekly, WEEK, axis=1)[:, :days]


def seasonal_days(
    events: Purchases,
    antecedent: NDArray[np.int64],
    consequent: NDArray[np.int64],
    *,
    window_days: int,
    burn_in_days: int = 0,
    season: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Watched days by rule and lag bin as in `count_lags`, each weighed by B's season on it: (rules, bins).

    `season` is `calendar(events)` or a table of your own (items x days of the table, 1 is usual). Hazards over these
    days are multipliers on the season: a sale of B half a year after everybody bought A is then no lag shape. First
    purchases only. Time: the antecedents' buyers x lag bins a rule.
    """
    season = calendar(events) if season is None else season
    first = events.where(events.first)
    by = np.lexsort((first.customer, first.item))
    customer, day = first.customer[by], (first.day[by] - first.start).astype(np.int64)
    starts = np.searchsorted(first.item[by], np.arange(events.n_items + 1))
    bins, last = edges(window_days), events.end - events.start - 1
    watched = np.zeros((len(antecedent), len(bins) - 1))
    bought = np.full(events.n_customers, np.iinfo(np.int64).max // 2)
    for rule, (a, b) in enumerate(zip(antecedent, consequent, strict=True)):
        mine, theirs = (slice(starts[item], starts[item + 1]) for item in (a, b))
        bought[customer[theirs]] = day[theirs]
        since = day[mine]
        lag = bought[customer[mine]] - since
        bought[customer[theirs]] = np.iinfo(np.int64).max // 2
        exposed = (lag > 0) & (since >= burn_in_days)
        since = since[exposed]
        until = np.minimum(np.minimum(lag[exposed], window_days), last - since)
        total = np.cumsum(season[b])
        at = total[since[:, None] + np.minimum(bins, until[:, None])]
        watched[rule] = np.diff(at, axis=1).sum(axis=0)
    return watched
