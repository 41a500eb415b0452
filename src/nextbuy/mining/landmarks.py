"""Chances in a project, made honest on past days: what was said then against what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from nextbuy.mining import stages

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANDMARKS = 6
FEWEST = 50  # of those who bought and of those who did not: with fewer nothing is learned
LEAST = 1e-4


class Said(NamedTuple):
    """Chances by run: of any missing step, and of the likeliest; `next` is a row of the chances, -1 for none."""

    any: NDArray[np.float64]
    next: NDArray[np.int64]
    next_chance: NDArray[np.float64]


class Calibration(NamedTuple):
    """Logistic weights: constant, logit of the chance, its square, start owned, log days since, share done."""

    any: NDArray[np.float64]
    next: NDArray[np.float64]


PLAIN = Calibration(np.array([0.0, 1, 0, 0, 0, 0]), np.array([0.0, 1, 0, 0, 0, 0]))


def say(
    runs: stages.Runs,
    found: stages.Chances,
    *,
    plan: stages.Plan,
    today: int,
    calibration: Calibration = PLAIN,
) -> Said:
    """Give each run its chances."""
    count = len(runs.customer)
    best = np.lexsort((found.item, -found.chance, found.run))
    best = best[found.chance[best] > 0]
    best = best[np.flatnonzero(np.diff(found.run[best], prepend=-1))]
    next_ = np.full(count, -1, np.int64)
    next_[found.run[best]] = best
    chances = [stages.any_of(found, count), np.append(found.chance, 0.0)[next_]]
    situation = _situation(runs, plan=plan, today=today)
    for j, weights in enumerate(calibration):
        if not np.array_equal(weights, PLAIN.any):
            sure = weights[0] + np.column_stack([_curve(chances[j]), situation]) @ weights[1:]
            chances[j] = np.where(chances[j] > 0, special.expit(sure), 0.0)
    return Said(chances[0], next_, chances[1])


def _logit(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = special.logit(np.clip(chance, LEAST, 1 - LEAST))
    return out


def _curve(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logit of a chance, and its square: small chances miss what no link leads to."""
    x = _logit(chance)
    return np.column_stack([x, x * x])


def _situation(runs: stages.Runs, *, plan: stages.Plan, today: int) -> NDArray[np.float64]:
    count = len(runs.customer)
    steps = np.bincount(plan.project[plan.is_step], minlength=1)
    done = np.bincount(runs.run[plan.is_step[runs.item]], minlength=count)
    begun = np.bincount(runs.run[plan.is_start[runs.item]], minlength=count)
    since = np.log1p(np.maximum(today - runs.last, 0))
    return np.column_stack([begun, since, done / steps[runs.project]] if count else [np.zeros(0)] * 3)


def learn(
    customer: NDArray[np.int64],
    item: NDArray[np.int64],
    day: NDArray[np.int64],
    *,
    plan: stages.Plan,
    pause_days: int,
    horizon_days: int,
    end: int,
) -> Calibration:
    """Compare what would have been said on past days with what came in the horizon after each.

    The days are the last `LANDMARKS` multiples of the horizon before `end` (the day after the last); each fit is a
    logistic regression on the logit of the plain chance and its square, whether the start is owned, the days since
    the last purchase and the share done.
    """
    rows: list[tuple[NDArray, ...]] = []
    for back in range(1, LANDMARKS + 1):
        today = end - back * horizon_days
        known, later = day < today, (day >= today) & (day < today + horizon_days)
        if not known.any():
            break
        runs = stages.latest_runs(customer[known], item[known], day[known], plan=plan, pause_days=pause_days)
        found = stages.chances(runs, plan=plan, today=today, horizon_days=horizon_days)
        said = say(runs, found, plan=plan, today=today)
        came, came_next = _came(runs, found, said, customer[later], item[later], plan=plan)
        open_ = said.any > 0
        situation = _situation(runs, plan=plan, today=today)
        rows.append(tuple(v[open_] for v in (said.any, said.next_chance, situation, came, came_next)))
    if not rows:
        return PLAIN
    some, likeliest, situation, came, came_next = (np.concatenate(c) for c in zip(*rows, strict=True))
    return Calibration(_weights(some, situation, came), _weights(likeliest, situation, came_next))


def _weights(chance: NDArray, situation: NDArray, came: NDArray[np.bool_]) -> NDArray[np.float64]:
    if min(int(came.sum()), int((~came).sum())) < FEWEST:
        return PLAIN.any
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000).fit(np.column_stack([_curve(chance), situation]), came)
    return np.concatenate([model.intercept_, model.coef_[0]]).astype(np.float64)


def _came(
    runs: stages.Runs,
    found: stages.Chances,
    said: Said,
    customer: NDArray[np.int64],
    item: NDArray[np.int64],
    *,
    plan: stages.Plan,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the runs in which a missing step came, and those in which the likeliest did."""
    projects, items = int(plan.project.max(initial=0)) + 1, len(plan.project)
    step = plan.is_step[item]
    customer, item = customer[step], item[step]
    run_key = runs.customer * projects + runs.project  # ascending
    key = customer * projects + plan.project[item]
    at = np.searchsorted(run_key, key)
    there = at < len(run_key)
    there[there] = run_key[at[there]] == key[there]
    run, item = at[there], item[there]
    owned = runs.run * items + runs.item
    new = ~np.isin(run * items + item, owned)
    run, item = run[new], item[new]
    came = np.zeros(len(run_key), dtype=bool)
    came[run] = True
    wanted = np.append(found.item, -1)[said.next]
    came_next = np.zeros(len(run_key), dtype=bool)
    came_next[run[wanted[run] == item]] = True
    return came, came_next
