"""What the whole table says about each item at a cut."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.mining.parts import Counts
from nextbuy.timing.repurchase import GapCounts, Intervals, count_gaps, estimate_intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.parts import Parts
    from nextbuy.orders.catalog import Catalog
    from nextbuy.predict.history import Timeline

RECENT_DAYS = (7, 21, 60)
CATEGORY_ITEMS = 5
YEAR = 365


@dataclass(frozen=True)
class ItemCounts(Counts):
    """What `Items` is estimated from; additive over customers.

    Attributes
    ----------
    start : int
        First day of the whole table.
    active, visits, known_days : int
        Customers with an order in the last 90 days, order days of all, days from everybody's first order to the cut.
    bought : (3, items) ndarray of int64
        Customers who bought the item in the last `RECENT_DAYS`.
    last_year, ahead_last_year, newcomers, age_days : (items,) ndarray of int64
        Customers in the 60 days before the same day last year, and in a horizon after it; first-time buyers in the
        last 60 days; days since the item was first sold.
    gaps : GapCounts
    """

    start: int
    active: int
    visits: int
    known_days: int
    bought: NDArray[np.int64]
    last_year: NDArray[np.int64]
    ahead_last_year: NDArray[np.int64]
    newcomers: NDArray[np.int64]
    age_days: NDArray[np.int64]
    gaps: GapCounts

    def __add__(self, other: Self) -> Self:
        eldest = np.maximum(self.age_days, other.age_days)
        return replace(super().__add__(other), start=self.start, age_days=eldest)


def count_items(timeline: Timeline, *, cut: int, horizon_days: int) -> ItemCounts:
    """Count who bought each item lately, last year and ever, before day `cut`."""
    h = timeline.before(cut)
    c = h.customers
    first = np.full(h.n_items, cut, np.int64)
    np.minimum.at(first, h.item, h.first_day)
    return ItemCounts(
        start=h.events.start,
        active=int((c.visits_90 > 0).sum()),
        visits=int(c.visits.sum()),
        known_days=int((cut - c.first_day)[c.visits > 0].sum()),
        bought=np.stack([h.bought_by(days) for days in RECENT_DAYS]),
        last_year=h.bought_by(60, until=cut - YEAR),
        ahead_last_year=h.bought_by(horizon_days, until=cut - YEAR + horizon_days),
        newcomers=h.new_buyers(60),
        age_days=cut - first,
        gaps=count_gaps(h.events),
    )


@dataclass(frozen=True)
class Items:
    """One entry an item; all figures from before the cut.

    Attributes
    ----------
    intervals : Intervals
        Gaps between repeated purchases.
    share_7, share_21, share_60 : ndarray of float32
        Customers who bought the item in so many last days, over customers active in the last 90.
    season : ndarray of float32
        Log ratio of last year's sales in the days that now lie ahead to those of the 60 days before them.
    newcomers : ndarray of float32
        Share of active customers who bought the item for the first time in the last 60 days.
    buyers : ndarray of float32
    age_days : ndarray of float32
        Days since the item was first sold.
    category : ndarray of int32
        Code of the item's category; -1 where the catalog knows none.
    durable : ndarray of bool
    orders_per_day : float
        Order days a day of the average customer, from the first order to the cut.
    active : int
        Customers with an order in the last 90 days, one at least.
    """

    intervals: Intervals
    share_7: NDArray[np.float32]
    share_21: NDArray[np.float32]
    share_60: NDArray[np.float32]
    season: NDArray[np.float32]
    newcomers: NDArray[np.float32]
    buyers: NDArray[np.float32]
    age_days: NDArray[np.float32]
    category: NDArray[np.int32]
    durable: NDArray[np.bool_]
    orders_per_day: float
    active: int

    @classmethod
    def at(
        cls,
        timelines: Parts,
        cut: int,
        *,
        horizon_days: int,
        category: NDArray[np.int32],
        durable: NDArray[np.bool_],
    ) -> Self:
        """Gather popularity, novelty, season and rhythm of every item from what was known before day `cut`."""
        counts: ItemCounts = timelines.total(count_items, cut=cut, horizon_days=horizon_days)
        active = max(counts.active, 1)
        if counts.start <= cut - YEAR - 30:
            ahead = counts.ahead_last_year * 60 / horizon_days
            season = np.log((ahead + 5) / (counts.last_year + 5))
        else:
            season = np.zeros(len(category))
        share_7, share_21, share_60 = (
            bought.astype(np.float32) / np.float32(active) for bought in counts.bought
        )
        return cls(
            intervals=estimate_intervals(counts.gaps, category=category),
            share_7=share_7,
            share_21=share_21,
            share_60=share_60,
            season=season.astype(np.float32),
            newcomers=(counts.newcomers / active).astype(np.float32),
            buyers=counts.gaps.buyers.astype(np.float32),
            age_days=counts.age_days.astype(np.float32),
            category=category,
            durable=durable,
            orders_per_day=float(counts.visits / max(counts.known_days, 1)),
            active=active,
        )

    @cached_property
    def _figures(self) -> tuple[list[str], NDArray[np.float32]]:
        trend = np.log((self.share_21 / 21 + 1e-5) / (self.share_60 / 60 + 1e-5))
        columns = {
            "item_share_7": self.share_7,
            "item_share_21": self.share_21,
            "item_share_60": self.share_60,
            "item_trend": trend,
            "item_season": self.season,
            "item_newcomers": self.newcomers,
            "item_buyers": self.buyers,
            "item_repeat_share": self.intervals.repeat_share,
            "item_interval": self.intervals.mean,
        }
        return list(columns), np.array([column.astype(np.float32) for column in columns.values()])

    def columns(self, item: NDArray) -> dict[str, NDArray]:
        """Features of `item`, one row each."""
        names, figures = self._figures
        return dict(zip(names, figures.take(item, axis=1), strict=True))

    @cached_property
    def selling(self) -> NDArray[np.int64]:
        """Items by how many customers bought them in the last 21 days, most first."""
        return np.argsort(-self.share_21, kind="stable")

    @cached_property
    def entry_rate(self) -> NDArray[np.float64]:
        """First-time buyers of each item in 60 days over active customers, shrunk to the item's share of all buyers.

        Posterior mean of a Poisson rate under a gamma prior worth one expected buyer: a small shop's items have few
        or none each.
        """
        buyers, newcomers = self.buyers.astype(np.float64), self.newcomers.astype(np.float64) * self.active
        usual = (newcomers.sum() + 1) * buyers / max(buyers.sum(), 1.0)
        rate: NDArray[np.float64] = usual * (newcomers + 1) / (usual + 1) / self.active
        return rate

    @cached_property
    def category_share(self) -> NDArray[np.float32]:
        """Share of each item in the recent sales of its category."""
        weight = self.share_60 + 1e-3 * self.buyers / max(float(self.buyers.sum()), 1.0) + 1e-9
        known = self.category >= 0
        total = np.bincount(self.category[known], weight[known])
        share = np.where(known, weight / total[np.where(known, self.category, 0)] if len(total) else 0, 0)
        return share.astype(np.float32)

    @cached_property
    def best_of_category(self) -> NDArray[np.int64]:
        """The items of each category that sell best now: (categories, CATEGORY_ITEMS), padded with -1."""
        many = int(self.category.max(initial=-1)) + 1
        table = np.full((many, CATEGORY_ITEMS), -1, np.int64)
        by = np.lexsort((-self.buyers, -self.share_60, self.category))
        by = by[self.category[by] >= 0]
        category = self.category[by]
        place = np.arange(len(by)) - np.searchsorted(category, category)
        first = place < CATEGORY_ITEMS
        table[category[first], place[first]] = by[first]
        return table

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays and numbers."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "intervals"}
        return own | {f"interval_{f.name}": getattr(self.intervals, f.name) for f in fields(self.intervals)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from `state`."""
        inner = Intervals(**{f.name: state[f"interval_{f.name}"] for f in fields(Intervals)})
        return cls(intervals=inner, **{f.name: state[f.name] for f in fields(cls) if f.name != "intervals"})


def substitute_groups(item_ids: pa.Array, catalog: Catalog | None) -> NDArray[np.int64]:
    """Give each item's group of substitutes as a code, -1 where the catalog names none."""
    if catalog is None or "substitutes_group" not in catalog.columns:
        return np.full(len(item_ids), -1, np.int64)
    coded = catalog.column("substitutes_group", item_ids).cast(pa.string()).dictionary_encode()
    return np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def catalog_arrays(
    item_ids: pa.Array, lines: NDArray[np.int64], catalog: Catalog | None
) -> tuple[NDArray[np.int32], pa.Array, NDArray[np.bool_], pa.Array]:
    """Give each item's category code (-1: none), the category names, whether it is durable, and its name.

    Categories are numbered by the `lines` of their items, most first, so that their spelling decides nothing. Without a
    catalog there is no category, nothing is durable, and an item's name is its id.
    """
    ids = pc.cast(item_ids, pa.string())
    none = np.full(len(ids), -1, np.int32), pa.array([], pa.string()), np.zeros(len(ids), dtype=bool), ids
    if catalog is None:
        return none
    category, names, durable, item_names = none
    if "category" in catalog.columns:
        own = pc.cast(catalog.column("category", item_ids), pa.string()).dictionary_encode()
        code = pc.fill_null(own.indices, -1).to_numpy(zero_copy_only=False)
        known = code >= 0
        # a dictionary lists what comes first first, and items that sell most come first: that breaks ties
        by = np.argsort(-np.bincount(code[known], lines[known], len(own.dictionary)), kind="stable")
        place = np.full(len(by) + 1, -1, np.int32)  # the last place is for items without a category
        place[by] = np.arange(len(by))
        category, names = place[code], own.dictionary.take(pa.array(by))
    if "durable" in catalog.columns:
        durable = pc.fill_null(catalog.column("durable", item_ids), fill_value=False).to_numpy(
            zero_copy_only=False
        )
    if "name" in catalog.columns:
        item_names = pc.coalesce(pc.cast(catalog.column("name", item_ids), pa.string()), ids)
    return category, names, durable.astype(bool), item_names
