"""The items of fitted rules, grouped into projects, as arrays."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.mining.clusters import markov_clusters
from nextbuy.mining.lags import LagTable
from nextbuy.mining.usual import shares_after, span_quantiles, usual_days

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.association import AssociationRules
    from nextbuy.mining.links import Mined

ROLES = ("start", "step", "sign", "companion")
START, STEP, SIGN, COMPANION = range(4)
FDR = 0.05


@dataclass(frozen=True)
class Companions:
    """Items that go into the basket with another: codes, the partner's codes, and the share of its baskets."""

    item: NDArray[np.int64]
    partner: NDArray[np.int64]
    share: NDArray[np.float64]


@dataclass(frozen=True)
class Grouped:
    """Projects as arrays over places: the items by project, in usual order, companions last.

    Attributes
    ----------
    item, project, role : (places,) ndarray of int64
        Code among the links' items, number of the project (most exposed first), index into `ROLES`.
    usual_day, share : (places,) ndarray of float64
        Days after the start; share of the start's buyers (NaN: not known).
    first, second, via : (links,) ndarray of int64
        Places; via -1 when the link runs through no item of the project.
    table : LagTable
        One row a link.
    exposed, start : (projects,) ndarray of int64
        Customers watched after the start; the start's place.
    span : (projects, 2) ndarray of float64
        p50 and p90 of the days from the start to the last step.
    """

    item: NDArray[np.int64]
    project: NDArray[np.int64]
    role: NDArray[np.int64]
    usual_day: NDArray[np.float64]
    share: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    via: NDArray[np.int64]
    table: LagTable
    exposed: NDArray[np.int64]
    start: NDArray[np.int64]
    span: NDArray[np.float64]

    @property
    def is_step(self) -> NDArray[np.bool_]:
        """Mark the start and the steps."""
        return self.role <= STEP

    def state(self) -> dict[str, Any]:
        """Give the arrays by name, the lag table apart."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        state["table"] = {f.name: getattr(self.table, f.name) for f in fields(self.table)}
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Grouped:
        """Make it of what `state` gave."""
        return cls(**(state | {"table": LagTable(**state["table"])}))

    def names(self, ids: list[Any]) -> list[str]:
        """Name each project after its start and the two steps that most of its buyers come to."""
        order = np.lexsort((-np.nan_to_num(self.share), self.role, self.project))
        order = order[self.role[order] <= STEP]
        edges = np.searchsorted(self.project[order], np.arange(len(self.start) + 1))
        # the start's own share is 1, so it stands first; an item is in one project only, so no name comes twice
        return [", ".join(str(ids[p]) for p in order[a:b][:3]) for a, b in itertools.pairwise(edges)]

    def mean_done(self) -> NDArray[np.float64]:
        """Share of a project's other steps that its start's buyers come to within the window."""
        steps = self.role == STEP
        count = np.bincount(self.project[steps], minlength=len(self.start))
        total = np.bincount(self.project[steps], np.nan_to_num(self.share[steps]), len(self.start))
        return np.asarray(total / np.maximum(count, 1), np.float64)


def group_items(
    mined: Mined,
    *,
    size: int,
    inflation: float,
    min_items: int,
    fdr: float = FDR,
    companions: Companions | None = None,
) -> Grouped:
    """Group `size` items by the rules that stand, and place each group's items on its time line."""
    c = mined.columns
    kept = np.flatnonzero((c["q_value"] <= fdr) & c["directed"] & (c["followed"] > c["expected"]))
    a, b = mined.antecedent[kept], mined.consequent[kept]
    excess = np.log((c["followed"][kept] + 1) / (c["expected"][kept] + 1))
    group = markov_clusters(a, b, excess, size=size, inflation=inflation)
    large = np.bincount(group, minlength=1) >= min_items
    inside = (group[a] == group[b]) & large[group[a]]
    kept, a, b = kept[inside], a[inside], b[inside]
    # a group may hold together only by links that lead out of it
    member = np.zeros(size, dtype=bool)
    member[a] = member[b] = True
    group = np.where(member, group, -1)
    group = np.where(member & (np.bincount(group[member], minlength=size) >= min_items)[group], group, -1)
    stay = group[a] >= 0
    kept, a, b = kept[stay], a[stay], b[stay]

    confidence, lag, followed = (c[name][kept] for name in ("confidence", "lag_p50", "followed"))
    # of two items always bought together (laminate, underlay) the one with more buyers starts the project
    brings = np.bincount(a, followed - c["expected"][kept], size)
    exposed = np.zeros(size, np.int64)
    np.maximum.at(exposed, a, c["exposed"][kept])
    codes = np.flatnonzero(group >= 0)
    best = codes[np.lexsort((codes, -brings[codes], group[codes]))]
    start = best[np.flatnonzero(np.diff(group[best], prepend=-1))]
    start = start[np.lexsort((start, -exposed[start]))]
    number = np.full(size + 1, -1, np.int64)
    number[group[start]] = np.arange(len(start))
    project = number[group]  # group -1 reads the last place
    day = usual_days(a, b, lag, followed.astype(np.float64), size=size)
    share = shares_after(start, a, b, confidence, size=size)
    role = np.full(size, SIGN, np.int64)
    role[b], role[start] = STEP, START
    own = np.full(size, np.nan)
    own[codes] = share[project[codes], codes]
    own[role == SIGN] = np.nan
    day[codes] -= day[start[project[codes]]]
    if companions is not None:
        _join(companions, project, role, day, own)
    codes = np.flatnonzero(project >= 0)
    order = codes[np.lexsort((codes, day[codes], role[codes] == COMPANION, project[codes]))]
    place = np.full(size + 1, -1, np.int64)
    place[order] = np.arange(len(order))
    via = c["via"][kept]
    via = place[np.where((via >= 0) & (project[via] == project[a]), via, size)]
    t = mined.table
    table = LagTable(t.hazard[kept], t.bins, t.pooled, t.nu, t.c)
    from_start = np.flatnonzero(np.isin(a, start))
    return Grouped(
        order,
        project[order],
        role[order],
        day[order],
        own[order],
        place[a],
        place[b],
        via,
        table,
        exposed[start],
        place[start],
        span_quantiles(table, from_start, project[a[from_start]], len(start), 0.5, 0.9),
    )


def _join(companions: Companions, project: NDArray, role: NDArray, day: NDArray, share: NDArray) -> None:
    """Add companions to the project of their partner, in place; their share is that of the partner's buyers."""
    free = (project[companions.item] < 0) & (project[companions.partner] >= 0)
    item, partner = companions.item[free], companions.partner[free]
    project[item], role[item] = project[partner], COMPANION
    day[item] = day[partner]
    share[item] = share[partner] * companions.share[free]


def companions_of(basket: AssociationRules, ids: pa.Array, *, least: float) -> Companions:
    """Find for each item its strongest partner in the basket, and the share of the partner's orders that hold it."""
    from nextbuy.orders.table import codes_of

    table = basket._scored()  # noqa: SLF001 - the arrays behind rules_, same room
    sets, rules = basket._sets, table.rules  # noqa: SLF001
    pair = np.flatnonzero(
        (sets.length[rules.both] == 2)
        & (table.columns["lift_low"] >= least)
        & (table.columns["q_value"] <= FDR)
    )
    known = np.append(codes_of(ids, basket._item_ids.to_pylist()), -1)  # noqa: SLF001
    partner = known[sets.codes[sets.offsets[rules.antecedent[pair]]]]
    item = known[sets.codes[sets.offsets[rules.consequent[pair]]]]
    lift, share = table.columns["lift_low"][pair], table.columns["confidence"][pair]
    by = np.lexsort((partner, -lift, item))
    by = by[item[by] >= 0]
    best = by[np.flatnonzero(np.diff(item[by], prepend=-1))]
    best = best[partner[best] >= 0]
    return Companions(item[best], partner[best], share[best])


def id_lists(
    item_ids: pa.Array, places: list[NDArray[np.int64]], backend: str, rows: NDArray[np.int64] | None = None
) -> Any:
    """Give lists of places as ids, of `rows` of them: tuples in pandas, lists elsewhere."""
    rows = np.arange(len(places)) if rows is None else rows
    if backend != "pandas":
        offsets = np.concatenate([[0], np.cumsum([len(p) for p in places])]).astype(np.int64)
        flat = np.concatenate([*places, np.zeros(0, np.int64)]).astype(np.int64)
        made = pa.LargeListArray.from_arrays(pa.array(offsets), item_ids.take(pa.array(flat)))
        return made.take(pa.array(rows))
    ids = item_ids.to_pylist()
    out = np.empty(len(places), object)
    for k, p in enumerate(places):
        out[k] = tuple(ids[i] for i in p.tolist())
    return out[rows]
