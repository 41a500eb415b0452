"""How far each customer is in each project, and what may come next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.lags import LagTable


@dataclass(frozen=True)
class Plan:
    """Projects as arrays over their items, and the links inside them.

    Attributes
    ----------
    project : (items,) ndarray of int64
        Project of each item; ascending, in usual order inside a project.
    is_step : (items,) ndarray of bool
        Whether the item counts as a step: the start, and what a link leads to.
    is_start : (items,) ndarray of bool
        Whether it is the project's start.
    first, second, via : (links,) ndarray of int64
        Item places; `via` -1 for a link that runs through no other item of the project.
    table : LagTable
        One row a link.
    """

    project: NDArray[np.int64]
    is_step: NDArray[np.bool_]
    is_start: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    via: NDArray[np.int64]
    table: LagTable


@dataclass(frozen=True)
class Runs:
    """The latest run of each customer in each project, sorted by both, and the items bought in it.

    By run: `customer, project, began, last` (days). By owned item, sorted by run: `run, item, day` (the first
    purchase in the run).
    """

    customer: NDArray[np.int64]
    project: NDArray[np.int64]
    began: NDArray[np.int64]
    last: NDArray[np.int64]
    run: NDArray[np.int64]
    item: NDArray[np.int64]
    day: NDArray[np.int64]


@dataclass(frozen=True)
class Chances:
    """What may come in each run: `run, item, link, elapsed, chance`, one row a missing item that a link leads to."""

    run: NDArray[np.int64]
    item: NDArray[np.int64]
    link: NDArray[np.int64]
    elapsed: NDArray[np.int64]
    chance: NDArray[np.float64]


def latest_runs(
    customer: NDArray[np.int64],
    item: NDArray[np.int64],
    day: NDArray[np.int64],
    *,
    plan: Plan,
    pause_days: int,
) -> Runs:
    """Find who is in which project: purchases of its items without a pause of more than `pause_days`.

    Only the latest run counts, and only if it holds an item that a link leaves from. Two sorts of the lines.
    """
    project = plan.project[item]
    by = np.lexsort((day, project, customer))
    c, p, d, i = customer[by], project[by], day[by], item[by]
    other = np.ones(len(c), dtype=bool)
    other[1:] = (c[1:] != c[:-1]) | (p[1:] != p[:-1])
    pause = np.zeros(len(c), dtype=bool)
    pause[1:] = d[1:] - d[:-1] > pause_days
    run = np.cumsum(other | pause) - 1
    group = np.cumsum(other) - 1
    newest = np.zeros(group[-1] + 1 if len(c) else 0, np.int64)
    newest[group] = run  # ascending inside a group: the last one stays
    last_of = run == newest[group]  # rows of a customer's last run in the project
    leads = np.zeros(len(plan.project), dtype=bool)
    leads[plan.first] = True
    begun = np.zeros(run[-1] + 1 if len(c) else 0, dtype=bool)
    begun[run[leads[i]]] = True
    keep = np.flatnonzero(last_of & begun[run])
    c, p, d, i, run = c[keep], p[keep], d[keep], i[keep], run[keep]

    starts = np.flatnonzero(np.diff(run, prepend=-1))
    ends = np.append(starts[1:], len(run))[: len(starts)] - 1
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(run))))
    by = np.lexsort((d, i, number))
    number_by, item_by, day_by = number[by], i[by], d[by]
    once = np.ones(len(by), dtype=bool)
    once[1:] = (number_by[1:] != number_by[:-1]) | (item_by[1:] != item_by[:-1])
    return Runs(c[starts], p[starts], d[starts], d[ends], number_by[once], item_by[once], day_by[once])


def chances(runs: Runs, *, plan: Plan, today: int, horizon_days: float) -> Chances:
    """Give the chance of each missing item within the horizon.

    Every owned item with a link to a missing one can bring it. A link through an item that is owned already says
    nothing beyond that item's own link and is left out; of the others the likeliest speaks.
    """
    items = len(plan.project)
    owned = runs.run * items + runs.item  # sorted
    order = np.argsort(plan.first, kind="stable")
    low = np.searchsorted(plan.first[order], runs.item, side="left")
    high = np.searchsorted(plan.first[order], runs.item, side="right")
    size = high - low
    row = np.repeat(np.arange(len(size)), size)
    link = order[np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size) + low[row]]
    run, second, via = runs.run[row], plan.second[link], plan.via[link]

    def has(item: NDArray) -> NDArray[np.bool_]:
        key = run * items + item
        at = np.minimum(np.searchsorted(owned, key), max(len(owned) - 1, 0))
        found: NDArray[np.bool_] = owned[at] == key if len(owned) else np.zeros(len(key), bool)
        return found

    open_ = ~has(second) & ~((via >= 0) & has(np.maximum(via, 0)))
    run, second, link, row = run[open_], second[open_], link[open_], row[open_]
    elapsed = today - runs.day[row]
    chance = plan.table.probability(link, elapsed_days=elapsed, horizon_days=horizon_days)
    by = np.lexsort((link, -chance, second, run))
    run, second, link, elapsed, chance = run[by], second[by], link[by], elapsed[by], chance[by]
    best = np.ones(len(by), dtype=bool)
    best[1:] = (run[1:] != run[:-1]) | (second[1:] != second[:-1])
    return Chances(run[best], second[best], link[best], elapsed[best], chance[best])


def any_of(found: Chances, runs: int) -> NDArray[np.float64]:
    """Chance by run that at least one item comes, the items taken as independent given what is owned."""
    none = np.bincount(found.run, np.log1p(-np.minimum(found.chance, 1 - 1e-12)), runs)
    some: NDArray[np.float64] = np.abs(np.expm1(none))  # no -0.0
    return some


def owned_and_missing(
    runs: Runs, *, plan: Plan
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], NDArray[np.int64]]:
    """Give the sets of owned and of missing steps that occur, each once, and by run which of them it has.

    Places ascend, so a set stands in the project's usual order.
    """
    count, steps = len(runs.customer), plan.is_step[runs.item]
    run, item = runs.run[steps], runs.item[steps]
    random = np.random.default_rng(0).integers(1, 2**63, len(plan.project) + 1, np.uint64)
    mark = np.zeros(count, np.uint64)
    np.add.at(mark, run, random[item])
    # an empty set is another one in each project
    mark += runs.project.astype(np.uint64) * random[-1]
    _, first, which = np.unique(mark, return_index=True, return_inverse=True)
    starts = np.searchsorted(run, np.arange(count + 1))
    have = [item[starts[r] : starts[r + 1]] for r in first.tolist()]
    whole = [
        np.flatnonzero((plan.project == p) & plan.is_step) for p in range(plan.project.max(initial=-1) + 1)
    ]
    lack = [np.setdiff1d(whole[p], h) for p, h in zip(runs.project[first].tolist(), have, strict=True)]
    return have, lack, which


def remaining_days(
    table: LagTable, link: NDArray[np.int64], elapsed_days: NDArray[np.int64], *levels: float
) -> NDArray[np.float64]:
    """Days from now by which shares of those who still follow have followed: (rows, levels); NaN when none will."""
    total = table.totals[link]
    passed = table.cumulative(np.asarray(elapsed_days, np.float64), link)
    left = -np.expm1(passed - total[:, -1])
    out = np.full((len(link), len(levels)), np.nan)
    open_ = np.flatnonzero(left > 1e-12)
    for j, level in enumerate(levels):
        goal = passed[open_] - np.log1p(-level * left[open_])
        at = np.clip((total[open_] < goal[:, None]).sum(1) - 1, 0, table.hazard.shape[1] - 1)
        rate = np.maximum(table.hazard[link[open_], at], 1e-300)
        out[open_, j] = table.bins[at] + (goal - total[open_, at]) / rate - np.asarray(elapsed_days)[open_]
    return out
