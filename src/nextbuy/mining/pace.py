"""When B comes after whatever else: the background against which the lags of a rule A -> B are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.exposures import Occurrence, Purchases, anchors
from nextbuy.mining.lags import LagCounts, count_lags, edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.parts import Parts

WORTH = 10  # a lag bin is drawn to the pace of all pairs, which counts as so many followers


def follow_anything(
    events: Purchases,
    items: NDArray[np.int64],
    *,
    window_days: int,
    burn_in_days: int = 0,
    occurrence: Occurrence = "first",
) -> NDArray[np.float64]:
    """Followers and watched days, (2, items, lag bins), of every pair X -> B together, B one of `items`.

    No pair is expanded: how many first purchases of a customer lie so many days before a B, and how many days after it
    they would have been watched on, are differences of running sums. Time: the purchases of `items` times the bins.
    """
    bins, last = edges(window_days), events.end - 1 - events.start
    if occurrence == "first":
        events = events.where(events.first)
    rows = anchors(events, burn_in_days=burn_in_days)
    since = (events.day[rows] - events.start).astype(np.int64)
    width = np.int64(last + 3)
    key = events.customer[rows] * width + since
    begin = np.searchsorted(key, np.arange(events.n_customers + 1) * width)
    sums = np.concatenate([[0], np.cumsum(since)])

    code = np.full(events.n_items, -1, np.int64)
    code[items] = np.arange(len(items))
    bought = np.flatnonzero(code[events.item] >= 0)
    item, customer = code[events.item[bought]], events.customer[bought]
    day = (events.day[bought] - events.start).astype(np.int64)

    def before(limit: NDArray) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(key, customer * width + np.maximum(limit, 0)))

    # whose watch for B this purchase ends: everything of the customer's, or what came since the last B
    low = begin[customer]
    high = begin[customer + 1]
    if occurrence == "any":
        low, high = before(events.previous[bought] - events.start), before(day)

    def days_until(limit: NDArray) -> NDArray[np.int64]:
        limit = np.maximum(limit, 0)
        at = np.clip(before(limit), low, high)
        return np.asarray((at - low) * limit - (sums[at] - sums[low]))

    came, lost = (np.zeros((len(items), len(bins))) for _ in range(2))
    for k, lag in enumerate(bins):
        earlier = np.clip(before(day - lag), low, high) - low
        ended = days_until(np.full(len(day), last - lag)) - days_until(day - lag)
        came[:, k] = np.bincount(item, earlier, len(items))
        lost[:, k] = np.bincount(item, ended, len(items))
    watch = np.minimum(last - since, window_days)
    watched = np.array([np.minimum(watch, lag).sum() for lag in bins], np.float64)
    came, days = -np.diff(came, axis=1), np.diff(watched) + np.diff(lost, axis=1)
    if occurrence == "any":  # B after B is a repurchase
        again, _ = count_lags(
            events, items, items, window_days=window_days, burn_in_days=burn_in_days, occurrence=occurrence
        )
        came, days = came - again.followers, days - again.watch_days
    return np.stack([came, days])


def own_pace(
    events: Parts,
    consequent: NDArray[np.int64],
    counts: LagCounts,
    *,
    background: NDArray[np.float64],
    standing: NDArray[np.bool_],
    window_days: int,
    burn_in_days: int = 0,
    occurrence: Occurrence = "first",
) -> NDArray[np.float64]:
    """Hazard of each rule's B by lag bin after all that B does not follow: (rules, bins).

    Items differ in how their hazard fades: what many buy soon, and what new customers buy first, looks early after
    everything. Left out are the rule itself and the rules with the same B that stand; what is left is shrunk to
    `background`, the hazard of all pairs.
    """
    items, code = np.unique(consequent, return_inverse=True)
    totals = events.total(
        follow_anything,
        items=items,
        window_days=window_days,
        burn_in_days=burn_in_days,
        occurrence=occurrence,
    )
    left = []
    for total, part in zip(totals, (counts.followers, counts.watch_days), strict=True):
        rules = np.zeros(total.shape)
        np.add.at(rules, code[standing], part[standing])
        left.append(np.maximum((total - rules)[code] - np.where(standing[:, None], 0, part), 0))
    came, days = left
    level = came.sum(axis=1, keepdims=True) / np.maximum(days @ background, 1e-12)[:, None]
    return np.asarray((came + WORTH) / (days + WORTH / np.maximum(level * background, 1e-12)))
