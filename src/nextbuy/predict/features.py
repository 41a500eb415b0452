"""What a prediction may look at: numbers of the customer, the item and the pair, all from before the cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.orders.lines import changes, highest_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History
    from nextbuy.predict.items import Items

HALF_LIVES_DAYS = (7, 30, 90, 365)
KEPT_A_VISIT = (0.5, 0.8, 0.93)


def customer_columns(history: History, customer: NDArray) -> dict[str, NDArray]:
    """How active the customer is, and since when."""
    c, cut = history.customers, history.cut
    rhythm = np.where(c.visits > 1, (c.last_day - c.first_day) / np.maximum(c.visits - 1, 1), np.nan)
    quiet = np.where(c.visits > 0, cut - c.last_day, np.nan)
    columns = {
        "customer_visits": c.visits,
        "customer_visits_30": c.visits_30,
        "customer_visits_90": c.visits_90,
        "customer_quiet_days": quiet,
        "customer_rhythm_days": rhythm,
        "customer_overdue": quiet / np.maximum(rhythm, 1),
        "customer_basket": c.basket,
        "customer_items": c.items,
    }
    return _spread(columns, customer)


def _spread(columns: dict[str, NDArray], customer: NDArray) -> dict[str, NDArray]:
    """Give each row the figures of its customer."""
    figures = np.array(list(columns.values()), np.float32)
    return dict(zip(columns, figures.take(customer, axis=1), strict=True))


def visits_ahead(
    history: History, items: Items, customer: NDArray, *, horizon_days: int
) -> NDArray[np.float64]:
    """Order days to expect within the horizon: own rate, shrunk to the average customer's (worth 60 days)."""
    c = history.customers
    age = np.maximum(history.cut - c.first_day, 0)
    rate = (np.maximum(c.visits - 1, 0) + 60 * items.orders_per_day) / (age + 60)
    ahead: NDArray[np.float64] = rate[customer] * horizon_days
    return ahead


def habit_columns(history: History) -> dict[str, NDArray]:
    """How much of what each customer buys was bought before, ever and lately, and how large a recent basket is."""
    h, c = history, history.customers
    e, n = h.events, h.n_customers
    again, days = ~e.first, h.cut - e.day
    recent = c.visits[e.customer] - h.visit <= 3

    def share(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        bought = np.bincount(e.customer[rows], minlength=n)
        repeated: NDArray[np.float64] = (np.bincount(e.customer[rows & again], minlength=n) + 1) / (
            bought + 3
        )
        return repeated

    columns = {
        "customer_repeat_share": share(np.ones(len(again), dtype=bool)),
        "customer_repeat_share_90": share(days <= 90),
        "customer_repeat_share_recent": share(recent),
        "customer_recent_basket": np.bincount(e.customer[recent], minlength=n) / np.clip(c.visits, 1, 3),
        "customer_age_days": h.cut - c.first_day,
    }
    return _spread(columns, h.customer)


def pair_columns(history: History, items: Items, *, horizon_days: int) -> dict[str, NDArray]:
    """How often and how lately the customer bought the item: one row for each pair of the history."""
    h, c = history, history.customers
    n = h.count
    since, known = h.cut - h.last_day, h.cut - h.first_day
    mean_log, square_log = h.log_gaps
    mean, spread = items.intervals.own(h.item, n - 1, mean_log, square_log)
    visits = c.visits[h.customer]
    decayed = {f"pair_decayed_{life}": h.decayed(life) for life in HALF_LIVES_DAYS}
    # a gamma-Poisson rate of repeats, shrunk to the item's own (worth 90 days)
    usual = items.intervals.gaps[h.item] / np.maximum(items.buyers[h.item] * items.age_days[h.item] / 2, 1.0)
    rate = (n - 1 + 90 * usual) / (known + 90)
    ahead = visits_ahead(h, items, h.customer, horizon_days=horizon_days)
    # the same from the last 90 days
    lately = (c.visits_90 + 60 * items.orders_per_day) / (np.clip(h.cut - c.first_day, 0, 90) + 60)
    ahead_90 = lately[h.customer] * horizon_days
    share_90 = decayed["pair_decayed_90"] / (c.visits_decayed[h.customer] + 0.5)
    columns = {
        "closed_form": -np.expm1(-rate * horizon_days),
        "pair_days": n,
        **decayed,
        "pair_since": since,
        "pair_overdue": np.log(np.maximum(since, 1)) - mean,
        "pair_rhythm": mean,
        "pair_spread": spread,
        "pair_share_visits": n / np.maximum(visits, 1),
        "pair_visits_since": visits - 1 - h.last_visit,
        "pair_rate": n / np.maximum(known, 1),
        **{f"pair_kept_{round(100 * keep)}": h.decayed_by_visit(keep) for keep in KEPT_A_VISIT},
        "pair_in_last": (h.last_visit == visits - 1) * 1.0,
        "visits_ahead": ahead,
        "visits_ahead_90": ahead_90,
        "pair_expected": n / np.maximum(visits, 1) * ahead,
        "pair_expected_90": share_90 * ahead_90,
        "pair_share_visits_90": share_90,
        "pair_rank_90": rank_within(h.customer, decayed["pair_decayed_90"]),
        "pair_rank_days": rank_within(h.customer, n + 1e-6 * h.last_day),
    }
    return columns | habit_columns(h)


def rank_within(group: NDArray, value: NDArray) -> NDArray[np.int64]:
    """Rank of each value within its group (sorted), 0 for the highest; ties to the earlier row."""
    rank = np.empty(len(group), np.int64)
    rank[highest_first(group, value)] = place_within(changes(group))
    return rank


def place_within(new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the rows of each group from 0; `new` marks where groups begin."""
    places: NDArray[np.int64] = np.arange(len(new)) - new.nonzero()[0][new.cumsum() - 1]
    return places


def stack(columns: dict[str, NDArray]) -> NDArray[np.float32]:
    """Put columns side by side, each in one piece; what is unknown becomes -1 (scikit-learn 1.9 stops at all NaN)."""
    matrix = np.empty((len(columns), len(next(iter(columns.values())))), np.float32)
    for row, column in zip(matrix, columns.values(), strict=True):
        row[:] = column
    matrix[np.isnan(matrix)] = -1.0
    return matrix.T
