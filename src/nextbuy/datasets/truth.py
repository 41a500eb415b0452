"""The written truth of the generated shop: what was planted, and what only looks planted."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from scipy import optimize, stats

from nextbuy.datasets.projects import (
    BUSY_DECOYS,
    COMPANIONS,
    CYCLES,
    IRREGULAR_SHAPE,
    PROJECTS,
    REGULAR_SHAPE,
    REGULAR_SHARE,
    SEASON_DECOYS,
    TASTE_ITEM_PAIRS,
)
from nextbuy.datasets.shop import shop_categories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nextbuy.datasets.projects import Cycle, Link, Project


class _Row(NamedTuple):
    project: str | None
    antecedent: str
    consequent: str
    level: str
    share: float | None
    lag_family: str | None
    lag_mean_days: float | None
    lag_p10: float | None
    lag_p50: float | None
    lag_p90: float | None
    kind: str


def _without_lag(
    kind: str,
    pair: tuple[str, str],
    *,
    project: str | None = None,
    level: str = "category",
    share: float | None = None,
    family: str | None = None,
    mean: float | None = None,
) -> _Row:
    return _Row(project, *pair, level, share, family, mean, None, None, None, kind)


def links_in_order() -> list[tuple[Project, Link]]:
    """All planted links, in the order in which they are numbered."""
    return [(project, link) for project in PROJECTS for link in project.links]


def _link_row(project: Project, link: Link) -> _Row:
    p10, p50, p90 = stats.gamma.ppf((0.1, 0.5, 0.9), link.shape, scale=link.mean_days / link.shape)
    return _Row(
        project.name,
        link.antecedent,
        link.consequent,
        "category",
        link.share,
        "gamma",
        link.mean_days,
        p10,
        p50,
        p90,
        "link",
    )


def _project_rows(project: Project) -> Iterator[_Row]:
    """Links, then what they bring along: skipped steps (indirect) and pairs with a common cause (induced)."""
    yield from (_link_row(project, link) for link in project.links)
    cause = {link.consequent: link for link in project.links}
    above: dict[str, dict[str, tuple[float, float]]] = {project.start: {}}
    for link in project.links:
        above[link.consequent] = {
            a: (share * link.share, mean + link.mean_days)
            for a, (share, mean) in above[link.antecedent].items()
        }
        above[link.consequent][link.antecedent] = (link.share, link.mean_days)
    companions = {c.other: c.item for c in COMPANIONS if c.item in above}
    for a, b in permutations((*above, *companions), 2):
        if a in above.get(b, {}):
            if cause[b].antecedent != a:
                share, mean = above[b][a]
                yield _without_lag(
                    "indirect", (a, b), project=project.name, share=share, family="sum", mean=mean
                )
        elif b not in above.get(a, {}) and b != project.start and companions.get(b) != a:
            yield _without_lag("induced", (a, b), project=project.name)


def _cycle_row(cycle: Cycle) -> _Row:
    """Quantiles of an owner's interval, each owner counted once: the personal gammas, mixed."""
    normal = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    mean = cycle.mean_days * np.exp(cycle.spread * normal - cycle.spread**2 / 2)

    def bought_again_by(day: float) -> float:
        regular, irregular = (
            stats.gamma.cdf(day, shape, scale=mean / shape).mean()
            for shape in (REGULAR_SHAPE, IRREGULAR_SHAPE)
        )
        return float(REGULAR_SHARE * regular + (1 - REGULAR_SHARE) * irregular)

    p10, p50, p90 = (
        optimize.brentq(lambda day, q=q: bought_again_by(day) - q, 0, 20 * cycle.mean_days)
        for q in (0.1, 0.5, 0.9)
    )
    return _Row(
        None,
        cycle.category,
        cycle.category,
        "category",
        cycle.owners,
        "personal gamma",
        cycle.mean_days,
        p10,
        p50,
        p90,
        "replenishment",
    )


def truth_table() -> pa.Table:
    """Tell what is planted in every generated shop, whatever its size and seed.

    Returns
    -------
    pyarrow.Table
        Columns `project, antecedent, consequent, level, share, lag_family, lag_mean_days, lag_p10, lag_p50,
        lag_p90, kind`. Lags in days, before they are rounded to whole open days (never below 1). Kinds:

        - link: planted; `share` of those who bought the antecedent in the project follow, if they stay long
          enough.
        - indirect: planted link after planted link; `share` goes along that way.
        - induced: two goods of one project without a link between them. Really associated, but by their
          common cause: neither a find nor a false alarm.
        - companion: bought in the same order; `share` of the antecedent's orders.
        - replenishment: bought again and again by `share` of the customers, at personal intervals.
        - taste: bought by the same people in either order; no direction.
        - decoy_busy, decoy_season: looks linked because busy customers buy everything, or because one season
          follows another. Finding these is an error.

        Every other pair of categories is not linked.

    Examples
    --------
    >>> truth = truth_table().to_pandas()
    >>> links = truth[truth["kind"] == "link"]
    >>> links.loc[links["antecedent"] == "tiles", "consequent"].tolist()
    ['shower', 'toilet', 'bathtub', 'sink', 'tap', 'cabinet']
    """
    rows = [row for project in PROJECTS for row in _project_rows(project)]
    rows += [
        _without_lag("companion", (c.item, c.other), share=c.share, family="same_order", mean=0.0)
        for c in COMPANIONS
    ]
    rows += [_cycle_row(cycle) for cycle in CYCLES]
    shelves = shop_categories()
    rows += [
        _without_lag("taste", (a.category, b.category), project=None)
        for a, b in permutations(shelves, 2)
        if a.taste and a.taste == b.taste
    ]
    rows += [
        _without_lag("taste", pair, level="item") for a, b in TASTE_ITEM_PAIRS for pair in ((a, b), (b, a))
    ]
    rows += [_without_lag("decoy_busy", pair) for a, b in BUSY_DECOYS for pair in ((a, b), (b, a))]
    rows += [_without_lag("decoy_season", pair) for pair in SEASON_DECOYS]
    number, text = pa.float64(), pa.string()
    types = dict(
        zip(
            _Row._fields,
            (text, text, text, text, number, text, number, number, number, number, text),
            strict=True,
        )
    )
    columns = dict(zip(_Row._fields, zip(*rows, strict=True), strict=True))
    return pa.table({name: pa.array(columns[name], kind) for name, kind in types.items()})
