"""What stands behind each prediction: its source, its trigger, the counts, the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.measures import wilson_interval
from nextbuy.predict.triggers import FIGURES
from nextbuy.timing.repurchase import remaining, rhythm
from nextbuy.timing.windows import best_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Sources
    from nextbuy.predict.crowd import Crowd
    from nextbuy.predict.history import History
    from nextbuy.predict.table import Ranked, Ranking

RULE_SHARE = 0.3  # a rule names the reason when it alone explains so much of the probability
SAME_DAY_SHARE = 0.5
OPENS_SOON_DAYS = 3
FURTHEST_DAYS = 365  # no window reaches further ahead


@dataclass
class Evidence:
    """One row per prediction; days are counted since 1970-01-01, lags in days.

    `trigger` is an item code, or a category code where `trigger_is_category`; -1 where nothing triggered. A category
    rule speaks of its `consequent` category, of which the predicted item is one.
    """

    source: NDArray[np.str_]
    reason_code: NDArray[np.str_]
    trigger: NDArray[np.int64]
    trigger_is_category: NDArray[np.bool_]
    consequent: NDArray[np.int64]
    trigger_day: NDArray[np.float64]
    exposed: NDArray[np.int64]
    followed: NDArray[np.int64]
    confidence: NDArray[np.float64]
    confidence_low: NDArray[np.float64]
    confidence_high: NDArray[np.float64]
    lag_p10: NDArray[np.float64]
    lag_p50: NDArray[np.float64]
    lag_p90: NDArray[np.float64]
    window_start: NDArray[np.float64]
    best_date: NDArray[np.float64]
    window_end: NDArray[np.float64]
    window_status: NDArray[np.str_]
    timing_signal: NDArray[np.str_]

    @classmethod
    def blank(cls, rows: int, *, cut: int, horizon_days: int) -> Evidence:
        """Start as "popular": no trigger, no timing signal, the window is the horizon."""
        number, code = np.full((10, rows), np.nan), np.full((4, rows), -1, np.int64)
        number[0], number[1], number[2] = cut, cut, cut + horizon_days - 1
        code[2:] = 0
        text = np.empty((4, rows), dtype="<U20")
        text.T[:] = ("popular", "popular", "open", "none")
        return cls(
            source=text[0],
            reason_code=text[1],
            trigger=code[0],
            trigger_is_category=np.zeros(rows, dtype=bool),
            consequent=code[1],
            trigger_day=number[3],
            exposed=code[2],
            followed=code[3],
            confidence=number[4],
            confidence_low=number[5],
            confidence_high=number[6],
            lag_p10=number[7],
            lag_p50=number[8],
            lag_p90=number[9],
            window_start=number[0],
            best_date=number[1],
            window_end=number[2],
            window_status=text[2],
            timing_signal=text[3],
        )

    def put(self, rows: NDArray, **columns: NDArray | str | bool) -> None:
        """Fill some columns of some rows."""
        for name, values in columns.items():
            getattr(self, name)[rows] = values

    def put_counts(self, rows: NDArray, exposed: NDArray, followed: NDArray) -> None:
        """Fill evidence counts and what follows from them: share and Wilson interval."""
        low, high = wilson_interval(followed, exposed)
        share = followed / np.maximum(exposed, 1)
        self.put(
            rows,
            exposed=exposed,
            followed=followed,
            confidence=share,
            confidence_low=low,
            confidence_high=high,
        )


def gather_evidence(history: History, sources: Sources, crowd: Crowd, ranking: Ranking) -> Evidence:
    """Explain every row of an answer."""
    e = Evidence.blank(len(ranking.item), cut=history.cut, horizon_days=sources.horizon_days)
    for part in ranking.parts:
        if not len(part.rows):
            continue
        if part.candidates.pair[part.rows[0]] >= 0:
            _repurchase(e, part.places, history, sources, part.candidates.pair[part.rows])
            continue
        item = ranking.item[part.places]
        e.put_counts(part.places, np.full(len(item), crowd.active), crowd.recent[item])
        _similar(e, part.places, history, sources, crowd, ranking.customer[part.places], item)
        _sequence(e, part, history, sources, ranking.own[part.places])
    return e


def _repurchase(
    e: Evidence, rows: NDArray[np.int64], h: History, sources: Sources, pair: NDArray[np.int64]
) -> None:
    intervals = sources.items.intervals
    item, gaps = h.item[pair], h.count[pair] - 1
    mean_log, square_log = h.log_gaps
    mean, spread = intervals.own(item, gaps, mean_log[pair], square_log[pair])
    elapsed = (h.cut - 1 - h.last_day[pair]).astype(np.float64)
    shares = np.array([[0.1], [0.5], [0.9]])
    start, best, end = h.cut + np.minimum(np.floor(remaining(mean, spread, elapsed, shares)), FURTHEST_DAYS)
    lags = {f"lag_p{p}": np.exp(mean + spread * z) for p, z in ((10, -1.2816), (50, 0.0), (90, 1.2816))}
    late, signal = elapsed > lags["lag_p90"], rhythm(spread, gaps)
    ahead = (start > h.cut + OPENS_SOON_DAYS) & (
        signal != "none"
    )  # without a rhythm there is no day to wait for
    e.put_counts(rows, intervals.buyers[item], intervals.repeaters[item])
    e.put(
        rows,
        source="repurchase",
        reason_code=np.where(gaps > 0, "repurchase", "repurchase_once"),
        trigger=item.astype(np.int64),
        trigger_day=h.last_day[pair].astype(np.float64),
        window_start=start,
        best_date=best,
        window_end=end,
        window_status=np.where(ahead, "not_yet", np.where(late, "closing", "open")),
        timing_signal=signal,
        **lags,
    )


def _sequence(e: Evidence, part: Ranked, h: History, sources: Sources, own: NDArray[np.float64]) -> None:
    """Rows that a running rule explains; where an item and a category rule both run, the stronger one speaks."""
    candidates = part.candidates
    strength = candidates.strength[part.rows]
    side = strength.argmax(axis=1)
    explained = -np.expm1(-strength.max(axis=1)) >= RULE_SHARE * own
    for triggers, links in zip(candidates.triggers, sources.links, strict=True):
        rows = np.flatnonzero(explained & (side == int(links.by_category)))
        trigger = candidates.trigger[part.rows[rows], int(links.by_category)]
        rows, trigger = rows[trigger >= 0], trigger[trigger >= 0]
        if not len(rows):
            continue
        rule, day = triggers.rule[trigger], triggers.day[trigger]
        windows = best_windows(links.table, rule, (h.cut - 1 - day).astype(np.float64))
        figures = {name: getattr(links, name)[rule] for name in FIGURES}
        e.put(
            part.places[rows],
            source="sequence",
            reason_code="sequence",
            trigger=links.antecedent[rule],
            trigger_is_category=links.by_category,
            consequent=links.consequent[rule] if links.by_category else np.array(-1),
            trigger_day=day.astype(np.float64),
            window_start=h.cut + windows.start,
            # half has come by the end of so many days from now: the day before their last edge
            best_date=h.cut + np.maximum(windows.best - 1, windows.start),
            window_end=h.cut + windows.end - 1,
            window_status=windows.status,
            timing_signal=links.signal[rule],
            **figures,
        )


def _similar(
    e: Evidence,
    places: NDArray[np.int64],
    h: History,
    sources: Sources,
    crowd: Crowd,
    customer: NDArray[np.int64],
    item: NDArray[np.int64],
) -> None:
    """Rows for which an owned item speaks: bought by the same customers, or in the same orders."""
    owned = sources.ease.strongest(h, customer, item)
    rows = np.flatnonzero(owned >= 0)
    trigger, item = owned[rows], item[rows]
    both, same_day = crowd.together(trigger, item)
    keep = both > 0
    if not keep.any():
        return
    rows, trigger, both, same_day = rows[keep], trigger[keep], both[keep], same_day[keep]
    pair = np.searchsorted(
        h.customer.astype(np.int64) * h.n_items + h.item, customer[rows] * h.n_items + trigger
    )
    day = h.last_day[pair].astype(np.float64)
    in_last = h.last_day[pair] == h.customers.last_day[customer[rows]]
    basket = in_last & (same_day >= SAME_DAY_SHARE * both)
    word = np.where(basket, "basket", "similar_customers")
    e.put_counts(places[rows], crowd.buyers[trigger], np.where(basket, same_day, both))
    e.put(places[rows], source=word, reason_code=word, trigger=trigger, trigger_day=day)
