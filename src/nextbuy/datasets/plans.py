"""What is bought on purpose: projects, link by link, and goods that run out, cycle by cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nextbuy.datasets.calendar import day_of_year, next_open, season_weight
from nextbuy.datasets.projects import CYCLES, IRREGULAR_SHAPE, PROJECTS, REGULAR_SHAPE, REGULAR_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nextbuy.datasets.people import People


class Wants(NamedTuple):
    """Who buys something of which category on which day; customers as row numbers of People."""

    customer: NDArray[np.int64]
    day: NDArray[np.int64]
    category: NDArray[np.int64]


class Follows(NamedTuple):
    """For each customer who bought a link's antecedent: whether the consequent was planned, and came."""

    customer: NDArray[np.int64]
    link: NDArray[np.int64]  # index into `links_in_order()`
    day: NDArray[np.int64]  # of the antecedent
    lag_days: NDArray[np.int64]  # the lag drawn, also where nothing follows
    planned: NDArray[np.bool_]
    happened: NDArray[np.bool_]  # planned, and before the customer left and the data ended


def _join(parts: Sequence[tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def draw_projects(
    rng: np.random.Generator, people: People, *, days: int, start_day: int, code_of: Mapping[str, int]
) -> tuple[Wants, Follows]:
    """Draw who starts which project when, and follow the links step by step; O(customers x links)."""
    eager = people.activity**0.25
    eager /= eager.mean()
    calendar = day_of_year(np.arange(days), start_day=start_day)
    wants: list[tuple[NDArray[Any], ...]] = []
    follows: list[tuple[NDArray[Any], ...]] = []
    number = 0
    for project in PROJECTS:
        who = np.flatnonzero(rng.random(len(eager)) < project.starters * eager)
        density = season_weight(project.season, calendar)
        day = rng.choice(days, len(who), p=density / density.sum())
        day = next_open(day, start_day=start_day)
        there = (day >= people.joined[who]) & (day < people.left[who])
        bought = {project.start: (who[there], day[there])}
        for link in project.links:
            who, day = bought[link.antecedent]
            planned = rng.random(len(who)) < link.share
            lag = np.rint(rng.gamma(link.shape, link.mean_days / link.shape, len(who))).astype(np.int64)
            then = next_open(day + np.maximum(lag, 1), start_day=start_day)
            happened = planned & (then < people.left[who])
            follows.append((who, np.full(len(who), number), day, then - day, planned, happened))
            bought[link.consequent] = who[happened], then[happened]
            number += 1
        wants += [(w, d, np.full(len(w), code_of[c])) for c, (w, d) in bought.items()]
    return Wants(*_join(wants)), Follows(*_join(follows))


def draw_cycles(
    rng: np.random.Generator, people: People, *, start_day: int, code_of: Mapping[str, int]
) -> Wants:
    """Draw the purchases of goods that run out: owners at intervals of their own, most of them regular."""
    wants = []
    for cycle in CYCLES:
        who = np.flatnonzero(rng.random(len(people.joined)) < cycle.owners)
        mean = cycle.mean_days * rng.lognormal(-(cycle.spread**2) / 2, cycle.spread, len(who))
        shape = np.where(rng.random(len(who)) < REGULAR_SHARE, REGULAR_SHAPE, IRREGULAR_SHAPE)
        span = people.left[who] - people.joined[who]
        # four standard deviations more than the mean number of intervals that fit
        fit = span / mean
        count = np.ceil(fit + 4 * np.sqrt(fit / shape) + 2).astype(np.int64)
        owner = np.repeat(np.arange(len(who)), count)
        gap = rng.gamma(shape[owner], (mean / shape)[owner])
        first = np.cumsum(count) - count
        gap[first] *= rng.random(len(who))  # the watch begins somewhere within an interval
        passed = np.cumsum(gap)
        passed -= np.repeat(passed[first] - gap[first], count)
        day = next_open(people.joined[who[owner]] + passed.astype(np.int64), start_day=start_day)
        keep = day < people.left[who[owner]]
        wants.append((who[owner[keep]], day[keep], np.full(int(keep.sum()), code_of[cycle.category])))
    return Wants(*_join(wants))
