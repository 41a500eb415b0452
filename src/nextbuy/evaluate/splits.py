"""What is asked in a backtest, as of when, and what was bought then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.table import to_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases


@dataclass(frozen=True)
class Ask:
    """One question to a fitted method.

    Attributes
    ----------
    split : int
        Number of the split that the answer belongs to.
    day : int
        Nothing from this day on is known (days since 1970-01-01).
    customers : ndarray of int64 or None
        Codes of those asked about; None: all that the method was fitted on.
    """

    split: int
    day: int
    customers: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Fold:
    """One fit, on what was known before `day`, and the questions to it."""

    day: int
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Truth:
    """What was bought, by whom, and whether that customer had bought it before."""

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    repeat: NDArray[np.bool_]

    def of(self, kind: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Customers and items of one kind: "all", "new" or "repeat"."""
        use = np.ones(len(self.item), bool) if kind == "all" else self.repeat == (kind == "repeat")
        return self.customer[use], self.item[use]


@dataclass(frozen=True)
class Splits:
    """Names of the splits, the truth of each, and the fits that answer them all."""

    names: tuple[str, ...]
    truths: tuple[Truth, ...]
    folds: tuple[Fold, ...]


def as_of(events: Purchases, cutoffs: int | Sequence[Any], *, horizon_days: int) -> Splits:
    """Everybody known at each cut-off, against what they bought within the horizon."""
    days = cut_days(events, cutoffs, horizon_days)
    n = max(events.n_items, 1)
    key = events.customer.astype(np.int64) * n + events.item
    truths = []
    for cut in days:
        before = events.day < cut
        known = np.zeros(events.n_customers, dtype=bool)
        known[events.customer[before]] = True
        after = (events.day >= cut) & (events.day < cut + horizon_days) & known[events.customer]
        bought = np.unique(key[after])
        truths.append(Truth(bought // n, bought % n, np.isin(bought, key[before])))
    names = tuple(str(np.datetime64(cut, "D")) for cut in days)
    folds = tuple(Fold(cut, (Ask(number, cut),)) for number, cut in enumerate(days))
    return Splits(names, tuple(truths), folds)


def cut_days(events: Purchases, cutoffs: int | Sequence[Any], horizon_days: int) -> list[int]:
    """Give the days of the cut-offs, with a horizon of orders after each."""
    start, end = int(events.day.min()), int(events.day.max()) + 1
    if not isinstance(cutoffs, (int, np.integer)):
        days = sorted(to_us(c, name="cutoffs") // DAY_US for c in cutoffs)
    else:
        if cutoffs < 1:
            raise InputError(f"cutoffs={cutoffs!r} must be at least 1.")
        days = [end - horizon_days * j for j in range(int(cutoffs), 0, -1)]
    bad = [str(np.datetime64(d, "D")) for d in days if d <= start or d + horizon_days > end]
    if bad or not days:
        most, longest = max((end - start - 1) // horizon_days, 0), (end - start - 1) // 2
        if most:
            hint = f"Try cutoffs={min(most, 4)}, or a model with a smaller horizon_days."
        elif longest:
            hint = f"Try cutoffs=1 with a model of horizon_days={longest}."
        else:
            hint = "The history is too short for a backtest."
        raise InputError(
            f"The orders run from {np.datetime64(start, 'D')} to {np.datetime64(end - 1, 'D')}: there is no history "
            f"before, or there are no {horizon_days} days after, the cut-offs {', '.join(bad[:3])}. {hint}"
        )
    return days


def last_basket(events: Purchases, *, baskets: int, min_baskets: int, refits: int) -> Splits:
    """Each customer's last baskets, each asked as of its own day; a basket is what was bought on one day.

    The methods are fitted `refits` times, on the days that make a fit as new as possible for the baskets that it
    answers; a customer's own purchases up to the basket's day are handed over with the question.
    """
    size = events.end + 1
    basket = np.unique(events.customer.astype(np.int64) * size + events.day)
    customer, day = basket // size, basket % size
    first = np.searchsorted(customer, np.arange(events.n_customers + 1))
    number = np.arange(len(basket)) - first[customer]
    back = first[customer + 1] - 1 - np.arange(len(basket))
    asked = np.flatnonzero((back < baskets) & (number + 1 >= min_baskets))
    if not len(asked):
        raise InputError(
            f"No customer has min_baskets={min_baskets} baskets (days with an order). The most that anybody has are "
            f"{int(np.diff(first).max(initial=0))}."
        )
    customer, day, back = customer[asked], day[asked], back[asked]
    key = events.customer.astype(np.int64) * size + events.day
    truths = []
    for place in range(baskets):
        mine = back == place
        bought = np.isin(key, customer[mine] * size + day[mine])
        truths.append(
            Truth(
                events.customer[bought].astype(np.int64),
                events.item[bought].astype(np.int64),
                ~events.first[bought],
            )
        )
    fits = fit_days(day, refits)
    fold = np.searchsorted(fits, day, side="right") - 1
    folds = []
    for at, fit in enumerate(fits.tolist()):
        rows = np.flatnonzero(fold == at)
        rows = rows[np.lexsort((customer[rows], day[rows], back[rows]))]
        starts = np.flatnonzero(np.append(True, np.diff(back[rows] * size + day[rows]) != 0))
        asks = (
            Ask(int(back[part[0]]), int(day[part[0]]), customer[part]) for part in np.split(rows, starts[1:])
        )
        folds.append(Fold(fit, tuple(asks)))
    names = tuple("last" if place == 0 else f"last-{place}" for place in range(baskets))
    return Splits(names, tuple(truths), tuple(folds))


def fit_days(day: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Choose at most `most` of the days so that little time passes from the latest chosen day to each.

    The sum of the square roots of these times is least (a fit's first days of age cost most, and one customer who left
    years ago must not cost a hundred others theirs); exact, by dynamic programming over the distinct days. The first
    day is always chosen. Memory is 8 bytes times the square of the distinct days.
    """
    days, many = np.unique(day, return_counts=True)
    n = len(days)
    age = many * np.sqrt(np.maximum(days[None, :] - days[:, None], 0))
    # waiting[i, j]: what the days from i to before j cost when only i is chosen
    waiting = np.concatenate([np.zeros((n, 1)), np.cumsum(np.triu(age), axis=1)], axis=1)
    waiting[np.tri(n, n + 1, dtype=bool)] = np.inf
    best, came = waiting[0].copy(), []
    for _ in range(min(most, n) - 1):
        total = best[:-1, None] + waiting
        came.append(total.argmin(axis=0))
        best = total.min(axis=0)
    chosen, until = [], n
    for step in reversed(came):
        until = int(step[until])
        chosen.append(until)
    found: NDArray[np.int64] = days[np.array([0, *reversed(chosen)])]
    return found
