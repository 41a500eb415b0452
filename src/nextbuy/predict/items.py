"""What the whole table says about each item at a cut."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.timing.repurchase import Intervals, fit_intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders
    from nextbuy.predict.history import History

RECENT_DAYS = (7, 21, 60)


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

    @classmethod
    def at(
        cls, history: History, *, horizon_days: int, category: NDArray[np.int32], durable: NDArray[np.bool_]
    ) -> Self:
        """Gather popularity, novelty, season and rhythm of every item."""
        h, c = history, history.customers
        active = max(int((c.visits_90 > 0).sum()), 1)
        first = np.full(h.n_items, h.cut, np.int64)
        np.minimum.at(first, h.item, h.first_day)
        year_ago = h.cut - 365
        if h.events.start <= year_ago - 30:
            ahead = h.bought_by(horizon_days, until=year_ago + horizon_days) * 60 / horizon_days
            season = np.log((ahead + 5) / (h.bought_by(60, until=year_ago) + 5))
        else:
            season = np.zeros(h.n_items)
        known = c.visits > 0
        share_7, share_21, share_60 = (
            h.bought_by(days).astype(np.float32) / np.float32(active) for days in RECENT_DAYS
        )
        return cls(
            intervals=fit_intervals(h.events, category=category),
            share_7=share_7,
            share_21=share_21,
            share_60=share_60,
            season=season.astype(np.float32),
            newcomers=(h.new_buyers(60) / active).astype(np.float32),
            buyers=np.bincount(h.item, minlength=h.n_items).astype(np.float32),
            age_days=(h.cut - first).astype(np.float32),
            category=category,
            durable=durable,
            orders_per_day=float(c.visits.sum() / max((h.cut - c.first_day)[known].sum(), 1)),
        )

    def columns(self, item: NDArray) -> dict[str, NDArray]:
        """Features of `item`, one row each."""
        trend = np.log((self.share_21 / 21 + 1e-5) / (self.share_60 / 60 + 1e-5))
        return {
            name: column[item].astype(np.float32)
            for name, column in {
                "item_share_7": self.share_7,
                "item_share_21": self.share_21,
                "item_share_60": self.share_60,
                "item_trend": trend,
                "item_season": self.season,
                "item_newcomers": self.newcomers,
                "item_buyers": self.buyers,
                "item_repeat_share": self.intervals.repeat_share,
                "item_interval": self.intervals.mean,
            }.items()
        }

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays and numbers."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "intervals"}
        return own | {f"interval_{f.name}": getattr(self.intervals, f.name) for f in fields(self.intervals)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from `state`."""
        inner = Intervals(**{f.name: state[f"interval_{f.name}"] for f in fields(Intervals)})
        return cls(intervals=inner, **{f.name: state[f.name] for f in fields(cls) if f.name != "intervals"})


def substitute_groups(orders: Orders) -> NDArray[np.int64]:
    """Give each item's group of substitutes as a code, -1 where the catalog names none."""
    if orders.catalog is None or "substitutes_group" not in orders.catalog.columns:
        return np.full(orders.n_items, -1, np.int64)
    coded = orders.catalog.column("substitutes_group", orders.item_ids).cast(pa.string()).dictionary_encode()
    return np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def catalog_arrays(orders: Orders) -> tuple[NDArray[np.int32], pa.Array, NDArray[np.bool_], pa.Array]:
    """Give each item's category code (-1: none), the category names, whether it is durable, and its name.

    Categories are numbered by what was bought, most first, so that their spelling decides nothing. Without a catalog
    there is no category, nothing is durable, and an item's name is its id.
    """
    ids = pc.cast(orders.item_ids, pa.string())
    none = np.full(len(ids), -1, np.int32), pa.array([], pa.string()), np.zeros(len(ids), dtype=bool), ids
    catalog = orders.catalog
    if catalog is None:
        return none
    category, names, durable, item_names = none
    if "category" in catalog.columns:
        level = orders.level("category")
        names = pc.cast(level.item_ids, pa.string())
        own = pc.cast(catalog.column("category", orders.item_ids), pa.string())
        category = pc.fill_null(pc.index_in(own, names), -1).to_numpy(zero_copy_only=False).astype(np.int32)
    if "durable" in catalog.columns:
        durable = pc.fill_null(catalog.column("durable", orders.item_ids), fill_value=False).to_numpy(
            zero_copy_only=False
        )
    if "name" in catalog.columns:
        item_names = pc.coalesce(pc.cast(catalog.column("name", orders.item_ids), pa.string()), ids)
    return category, names, durable.astype(bool), item_names
