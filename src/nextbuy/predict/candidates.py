"""Which (customer, item) pairs are worth a closer look, with the features of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.lines import distinct
from nextbuy.predict.ease import Ease
from nextbuy.predict.features import customer_columns, pair_columns, rank_within, stack, visits_ahead
from nextbuy.predict.triggers import Links, Triggers, running

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History
    from nextbuy.predict.items import Items

BY_SIMILARITY, BY_POPULARITY = 80, 40


@dataclass(frozen=True)
class Candidates:
    """Pairs sorted by customer, with a feature matrix and where each came from.

    Attributes
    ----------
    customer, item : ndarray of int64
    features : (pairs, features) ndarray of float32
    closed_form : ndarray of float32
        Probability without boosting.
    names : tuple of str
    pair : ndarray of int64
        Row of `History` for repeat candidates; -1 for new ones.
    trigger : (pairs, 2) ndarray of int64
        Row of the item and of the category `Triggers` that point here; -1 where none does.
    strength : (pairs, 2) ndarray of float32
        Cumulative hazard over the horizon that the item rule and the category rule give to the item.
    triggers : tuple of Triggers
    """

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    features: NDArray[np.float32]
    closed_form: NDArray[np.float32]
    names: tuple[str, ...]
    pair: NDArray[np.int64]
    trigger: NDArray[np.int64]
    strength: NDArray[np.float32]
    triggers: tuple[Triggers, ...]


@dataclass(frozen=True)
class Sources:
    """What candidates are drawn from: everything learned before the cut."""

    items: Items
    ease: Ease
    links: tuple[Links, ...]
    horizon_days: int


def repeat_candidates(history: History, sources: Sources) -> Candidates:
    """Every item a customer bought before, durables left out."""
    h = history
    columns = pair_columns(h, sources.items, horizon_days=sources.horizon_days)
    similar = np.zeros(len(h), np.float32)
    for block, rows, scores in sources.ease.scores(h, Ease.recent(h)):
        similar[rows] = scores[h.customer[rows] - block.start, h.item[rows]]
    columns |= {
        "similar": similar,
        "similar_rank": rank_within(h.customer, similar).astype(np.float32),
    }
    columns |= customer_columns(h, h.customer) | sources.items.columns(h.item)
    keep = np.flatnonzero(~sources.items.durable[h.item])
    features = stack(columns)
    if len(keep) < len(h):
        features = features.T.take(keep, axis=1).T
    none = np.full((len(keep), 2), -1, np.int64)
    return Candidates(
        h.customer[keep].astype(np.int64),
        h.item[keep].astype(np.int64),
        features,
        columns["closed_form"][keep].astype(np.float32),
        tuple(columns),
        keep,
        none,
        np.zeros((len(keep), 2), np.float32),
        (),
    )


def new_candidates(
    history: History, sources: Sources, *, also: NDArray[np.int64] | None = None
) -> Candidates:
    """Items a customer never bought: followers of what is owned, similar customers' items, what sells now.

    `also` lists items to consider for everybody.
    """
    h, items = history, sources.items
    n = max(h.n_items, 1)
    fired = tuple(
        running(h, links, horizon_days=sources.horizon_days, category=items.category)
        for links in sources.links
    )
    by_item, by_category = _expand(fired, sources, n)
    popular = items.selling[: 2 * BY_POPULARITY]
    keys, similar = [], []
    everybody = np.zeros(0, np.int64) if also is None else also
    asked = (np.arange(h.n_customers)[:, None] * n + everybody[None, :]).ravel()
    wanted = distinct(np.concatenate([by_item[0], by_category[0], asked]))
    bounds = np.searchsorted(wanted, np.arange(h.n_customers + 1) * n)
    for block, rows, scores in sources.ease.scores(h, Ease.taste(h)):
        start, stop = block.start, block.stop
        owned = (h.customer[rows] - start, h.item[rows])
        scores[owned] = -np.inf
        most = min(BY_SIMILARITY, h.n_items)
        top = (
            np.argpartition(-scores, most - 1, axis=1)[:, :most]
            if h.n_items
            else np.zeros((stop - start, 0), int)
        )
        lines = np.arange(stop - start)[:, None]
        mine = np.concatenate(
            [
                (lines * n + np.where(scores[lines, top] > 0, top, -1 - lines * n)).ravel(),
                (lines * n + _unowned(scores, popular)).ravel(),
                wanted[bounds[start] : bounds[stop]] - start * n,
            ]
        )
        mine = distinct(mine[mine >= 0])
        score = scores[mine // n, mine % n]
        new = score > -np.inf
        keys.append(mine[new] + start * n)
        similar.append(score[new])
    key = np.concatenate(keys) if keys else np.zeros(0, np.int64)
    customer, item = key // n, key % n
    score = np.concatenate(similar) if similar else np.zeros(0, np.float32)
    trigger = np.stack([_look_up(key, *by_item), _look_up(key, *by_category)], axis=1)
    columns, strength = _new_columns(h, sources, fired, customer, item, score, trigger)
    pair = np.full(len(key), -1)
    names, closed_form = tuple(columns), columns["closed_form"]
    return Candidates(customer, item, stack(columns), closed_form, names, pair, trigger, strength, fired)


def _unowned(scores: NDArray[np.float32], popular: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first `BY_POPULARITY` of the popular items that each customer does not own; others give a negative code."""
    free = scores[:, popular] > -np.inf
    early = np.cumsum(free, axis=1) <= BY_POPULARITY
    return np.where(free & early, popular[None, :], -(2**43))


def _expand(
    fired: tuple[Triggers, ...], sources: Sources, n: int
) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """Keys (customer x items + item) that a running rule points at, sorted, and the row of its trigger."""
    out = {
        False: (np.zeros(0, np.int64), np.zeros(0, np.int64)),
        True: (np.zeros(0, np.int64), np.zeros(0, np.int64)),
    }
    for triggers, links in zip(fired, sources.links, strict=True):
        rows = np.arange(len(triggers.customer))
        if links.by_category:
            items = sources.items.best_of_category
            key = (triggers.customer[:, None] * n + items[triggers.consequent]).ravel()
            good = (items[triggers.consequent] >= 0).ravel()
            rows = np.repeat(rows, items.shape[1])[good]
            key = key[good]
        else:
            key = triggers.customer * n + triggers.consequent
        by = np.argsort(key, kind="stable")
        out[links.by_category] = (key[by], rows[by])
    return out[False], out[True]


def _look_up(key: NDArray, known: NDArray, rows: NDArray) -> NDArray[np.int64]:
    at = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
    return np.where(known[at] == key, rows[at], -1) if len(known) else np.full(len(key), -1, np.int64)


def _new_columns(
    h: History,
    sources: Sources,
    fired: tuple[Triggers, ...],
    customer: NDArray,
    item: NDArray,
    similar: NDArray[np.float32],
    trigger: NDArray[np.int64],
) -> tuple[dict[str, NDArray], NDArray[np.float32]]:
    items = sources.items
    hazard = np.zeros((2, len(customer)), np.float32)
    total, count, surest = hazard.copy(), hazard.copy(), hazard.copy()
    since = np.full((2, len(customer)), np.nan, np.float32)
    share = items.category_share[item]
    for triggers, links in zip(fired, sources.links, strict=True):
        side = int(links.by_category)
        rows = trigger[:, side]
        on = rows >= 0
        hazard[side, on] = triggers.hazard[rows[on]]
        total[side, on] = triggers.total[rows[on]]
        count[side, on] = triggers.count[rows[on]]
        surest[side, on] = triggers.surest[rows[on]]
        since[side, on] = h.cut - triggers.day[rows[on]]
    ahead = visits_ahead(h, items, customer, horizon_days=sources.horizon_days)
    usual = max(items.orders_per_day * 60, 1e-9)
    popular = items.entry_rate[item] * np.minimum(ahead / usual, 20.0)
    by_rule = np.stack([hazard[0], hazard[1] * share], axis=1)
    chance = popular + by_rule.max(axis=1)
    columns = {
        "closed_form": -np.expm1(-chance),
        "rule_hazard": hazard[0],
        "rule_total": total[0],
        "rule_since": since[0],
        "rule_count": count[0],
        "rule_surest": surest[0],
        "category_hazard": hazard[1],
        "category_total": total[1],
        "category_since": since[1],
        "category_count": count[1],
        "category_surest": surest[1],
        "category_item_hazard": by_rule[:, 1],
        "item_category_share": share,
        "similar": similar,
        "similar_rank": rank_within(customer, similar),
        "popular_rank": rank_within(customer, items.share_21[item]),
        "visits_ahead": ahead,
        **_category_columns(h, items, customer, item),
        **customer_columns(h, customer),
        **items.columns(item),
    }
    return columns, by_rule


def _category_columns(h: History, items: Items, customer: NDArray, item: NDArray) -> dict[str, NDArray]:
    """How much of what the customer bought, and how lately, is of the candidate's category."""
    many = int(items.category.max(initial=-1)) + 1
    if not many:
        return {}
    known = items.category[h.item] >= 0
    own = h.customer[known].astype(np.int64) * many + items.category[h.item][known]
    keys, where = np.unique(own, return_inverse=True)
    weight = np.bincount(where, h.decayed(90.0)[known])
    last = np.full(len(keys), -1, np.int64)
    np.maximum.at(last, where, h.last_day[known])
    category = items.category[item].astype(np.int64)
    asked = np.where(category >= 0, customer * many + category, -1)
    at = np.minimum(np.searchsorted(keys, asked), max(len(keys) - 1, 0))
    found = keys[at] == asked if len(keys) else np.zeros(len(asked), dtype=bool)
    return {
        "category_owned": np.where(found, weight[at], 0) if len(keys) else np.zeros(len(asked)),
        "category_quiet": np.where(found, h.cut - last[at], np.nan)
        if len(keys)
        else np.full(len(asked), np.nan),
    }
