"""What is bought without a plan: by popularity, season, taste and habit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nextbuy.datasets.calendar import BIN_DAYS, SEASON_BINS, season_weight
from nextbuy.datasets.people import TASTES
from nextbuy.datasets.projects import PROJECTS, TASTE_DISLIKES, TASTE_LIKES
from nextbuy.datasets.shop import shop_categories
from nextbuy.orders.lines import mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Purchases of a project's goods outside it, relative to those inside. The unplanned lines of planned visits,
# and what the end of the data cuts off, about double it.
STRAY_SHARE = 0.03
LOYALTY = 0.6  # how often the same customer takes the same piece of a category again
REPERTOIRE = 40  # filler items that one customer comes back to
REPERTOIRE_SHARE = 0.6


class Demand(NamedTuple):
    """Cumulative tables to draw from: row number plus the uniform draw is searched in the flattened table."""

    category: NDArray[np.float64]  # rows: season bin x taste; columns: categories, then filler
    item: NDArray[np.float64]  # shop items; row = category
    filler: NDArray[np.float64]  # rows: taste; columns: filler items
    loyal: NDArray[np.bool_]  # by category
    category_offsets: NDArray[np.int64]


def _cumulative(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cumulate each row to exactly 1 and add the row number, flattened: ready for one searchsorted."""
    total = np.cumsum(weights, axis=1, dtype=np.float64)
    total = total / total[:, -1:]
    total[:, -1] = 1.0
    return (total + np.arange(len(weights), dtype=np.float64)[:, None]).ravel()


def reached_share() -> dict[str, float]:
    """Share of all customers who reach each category in its project if nothing cuts it short."""
    share: dict[str, float] = {}
    for project in PROJECTS:
        share[project.start] = project.starters
        for link in project.links:
            share[link.consequent] = share[link.antecedent] * link.share
    return share


def build_demand(
    rng: np.random.Generator, *, category_offsets: NDArray[np.int64], n_filler: int, lines_per_customer: float
) -> Demand:
    """Build the tables; `lines_per_customer` scales the stray purchases of project goods."""
    shelves = shop_categories()
    n_shop = int(category_offsets[-1])
    shop_share = n_shop / (n_shop + n_filler)
    reached = reached_share()
    stray = np.array([STRAY_SHARE * reached.get(s.category, 0.0) for s in shelves]) / lines_per_customer
    everyday = np.array([s.everyday for s in shelves])
    base = everyday / everyday.sum() * shop_share + stray

    middle = np.minimum(np.arange(SEASON_BINS) * BIN_DAYS + BIN_DAYS // 2, 364)
    season = np.stack([season_weight(s.season, middle) for s in shelves], axis=1)
    taste = np.array(
        [
            [1.0 if not s.taste else TASTE_LIKES if s.taste == t else TASTE_DISLIKES for s in shelves]
            for t in TASTES
        ]
    )
    weights = base * season[:, None, :] * taste[None, :, :]
    weights = weights.reshape(-1, len(shelves))
    weights = np.column_stack((weights, np.full(len(weights), 1 - shop_share)))

    sizes = np.diff(category_offsets)
    popularity = []
    for code, shelf in enumerate(shelves):
        weight = (np.arange(sizes[code]) + 0.5) ** -0.9
        popularity.append(np.random.default_rng(code).permutation(weight) if shelf.substitutes else weight)
    item = np.concatenate(
        [code + np.minimum(np.cumsum(w) / w.sum(), 1.0) for code, w in enumerate(popularity)]
    )
    item[category_offsets[1:] - 1] = np.arange(1, len(shelves) + 1)

    zipf = (np.arange(n_filler) + 10.0) ** -0.9
    aisle = np.exp(rng.normal(0.0, 0.5, (len(TASTES), n_filler // 100 + 1)))
    filler_table = zipf[rng.permutation(n_filler)] * aisle[:, np.arange(n_filler) // 100]
    return Demand(
        category=_cumulative(weights),
        item=item,
        filler=_cumulative(filler_table) if n_filler else np.zeros(0),
        loyal=np.array([s.substitutes for s in shelves]),
        category_offsets=category_offsets,
    )


def uniform(*parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give a number in [0, 1) that depends on the given integers and on nothing else."""
    state = np.zeros(1, np.uint64)
    for part in parts:
        state = mix(state + np.asarray(part).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw_categories(
    rng: np.random.Generator, demand: Demand, *, season_bin: NDArray[np.int64], taste: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Draw a category a line; the code after the last category stands for filler."""
    width = len(demand.loyal) + 1
    row = season_bin * len(TASTES) + taste
    found = np.searchsorted(demand.category, row + rng.random(len(row)), side="right")
    return np.minimum(found - row * width, width - 1)  # the sum can round up into the next row


def draw_items(
    rng: np.random.Generator,
    demand: Demand,
    *,
    category: NDArray[np.int64],
    number: NDArray[np.int64],
    taste: NDArray[np.int64],
    salt: int,
) -> NDArray[np.int64]:
    """Draw the piece for each line, given its category and the customer's number, taste and habits."""
    item = np.empty(len(category), np.int64)
    filler = category == len(demand.loyal)
    rows = np.flatnonzero(~filler)
    shelf = category[rows]
    habit = demand.loyal[shelf] & (rng.random(len(rows)) < LOYALTY)
    draw = np.where(habit, uniform(number[rows], shelf, np.array([salt])), rng.random(len(rows)))
    item[rows] = np.searchsorted(demand.item, shelf + draw, side="right")
    if len(rows) < len(category):
        rows = np.flatnonzero(filler)
        slot = (REPERTOIRE * rng.random(len(rows)) ** 2).astype(np.int64)
        habit = rng.random(len(rows)) < REPERTOIRE_SHARE
        draw = np.where(habit, uniform(number[rows], slot, np.array([salt + 1])), rng.random(len(rows)))
        n_filler = len(demand.filler) // len(TASTES)
        found = np.searchsorted(demand.filler, taste[rows] + draw, side="right") - taste[rows] * n_filler
        item[rows] = demand.category_offsets[-1] + np.minimum(found, n_filler - 1)
    return item
