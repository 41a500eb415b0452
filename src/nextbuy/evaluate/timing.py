"""Was the timing right: lag tables, windows and intervals against lags that were not used for them.

Whoever was watched too short to follow is counted for as long as the watch lasted: an early end of the data is not a
customer who never came. The C-index and the survival CRPS over an open end are left out on purpose; the second can be
won by a wrong forecast (Rindt et al., AISTATS 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from nextbuy.evaluate.metrics import bootstrap_means

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nextbuy.mining.lags import LagCounts, LagTable

SEND_NOW_DAYS, FIXED_DELAY_DAYS = 0, 30
BLOCK = 4096


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % bootstrap interval over customers, and how many exposures are behind it."""

    value: float
    low: float
    high: float
    exposures: int


def log_likelihood(table: LagTable, counts: LagCounts) -> NDArray[np.float64]:
    """Right-censored log-likelihood of the lags behind `counts`, one figure a rule; higher is better.

    A follower adds the log of the hazard on the day, everybody the survival of the days watched. Both are sums, so
    the counts of other customers (same rules, same window) are all that is needed:
    sum_k d_rk log(lam_rk) - lam_rk E_rk.
    """
    each = special.xlogy(counts.followers, table.hazard) - counts.watch_days * table.hazard
    value: NDArray[np.float64] = each.sum(axis=1)
    return value


def watched_crps(
    table: LagTable, rule: NDArray[np.int64], *, watch_days: NDArray, lag_days: NDArray
) -> NDArray[np.float64]:
    """Continuous ranked probability score of the watched part, in days, one an exposure; lower is better.

    The integral over the days watched (never beyond the table's window) of (F(t) - [followed by t])^2. The end of a
    watch is known before the outcome, so the score is proper. Whole days only.

    Parameters
    ----------
    table : LagTable
    rule : ndarray of int64
        Row of the table, one an exposure.
    watch_days : ndarray of int
        Days that the customer was watched after the antecedent.
    lag_days : ndarray of int
        Days to the follower, -1 for none; a lag beyond the watch was not seen.

    References
    ----------
    Gneiting and Ranjan (2011), Journal of Business and Economic Statistics 29(3), threshold-weighted CRPS.
    """
    length = int(table.bins[-1])
    daily = np.repeat(table.hazard, np.diff(table.bins), axis=1)
    watch = np.clip(np.asarray(watch_days, np.int64), 0, length)
    lag = np.asarray(lag_days, np.int64)
    until = np.where((lag > 0) & (lag <= watch), lag, watch)  # so long nobody had come
    out = np.empty(len(rule))
    for at in range(0, len(table.hazard), BLOCK):
        mine = np.flatnonzero((rule >= at) & (rule < at + BLOCK))
        h = daily[at : at + BLOCK]
        start = np.cumsum(h, axis=1) - h
        # the mean of exp(-hazard x time) over a day, at the hazard and at twice the hazard
        stay, square = (np.exp(-n * start) * special.exprel(-n * h) for n in (1, 2))
        early, late = (
            np.concatenate([np.zeros((len(h), 1)), np.cumsum(part, axis=1)], axis=1)
            for part in (1 - 2 * stay + square, square)
        )
        row = rule[mine] - at
        out[mine] = early[row, until[mine]] + late[row, watch[mine]] - late[row, until[mine]]
    return out


def window_hits(
    starts: Mapping[str, NDArray | float],
    lag_days: NDArray,
    *,
    width_days: int,
    watch_days: NDArray | None = None,
    customer: NDArray | None = None,
    seed: int = 0,
) -> dict[str, Rate]:
    """Share of exposures whose follower falls into the window, beside "send now" and "fixed delay" (30 days).

    Parameters
    ----------
    starts : mapping of str to ndarray or float
        Days after the antecedent at which each window opens (it holds the `width_days` days after that one), by name.
    lag_days : ndarray
        Days to the follower, one an exposure; -1 for none.
    width_days : int
    watch_days : ndarray, optional
        How long each exposure was watched. Only those that were watched until the last of all windows closed are
        counted, the same for each name. Default: all of them.
    customer : ndarray of int, optional
        Whose exposure it is: customers, not exposures, are drawn for the interval. Default: each its own.
    seed : int, default 0

    Examples
    --------
    >>> hits = window_hits({"ours": 10}, np.array([3, 12, 35, -1]), width_days=14)
    >>> {name: rate.value for name, rate in hits.items()}
    {'send now': 0.5, 'fixed delay': 0.25, 'ours': 0.25}
    """
    begins = {"send now": SEND_NOW_DAYS, "fixed delay": FIXED_DELAY_DAYS, **starts}
    lag = np.asarray(lag_days, np.float64)
    begin = np.stack([np.broadcast_to(np.asarray(b, np.float64), lag.shape) for b in begins.values()], axis=1)
    hit = (lag[:, None] > begin) & (lag[:, None] <= begin + width_days)
    use = np.ones(len(lag), dtype=bool)
    if watch_days is not None:
        use = watch_days >= begin.max(axis=1, initial=0) + width_days
    rates = _rates(hit[use], None if customer is None else customer[use], seed)
    return dict(zip(begins, rates, strict=True))


def interval_coverage(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lag_days: NDArray,
    *,
    window_days: int,
    watch_days: NDArray | None = None,
    customer: NDArray | None = None,
    seed: int = 0,
) -> Rate:
    """Share of followers whose lag lies between `low` and `high` (one each an exposure).

    Only exposures watched for the whole window are counted (short watches see the early followers alone).
    """
    lag = np.asarray(lag_days, np.float64)
    use = (lag > 0) & (lag <= window_days)
    if watch_days is not None:
        use &= watch_days >= window_days
    inside = (lag >= low) & (lag <= high)
    return _rates(inside[use, None], None if customer is None else customer[use], seed)[0]


def _rates(hit: NDArray[np.bool_], customer: NDArray | None, seed: int) -> list[Rate]:
    """Rates of the columns of `hit`, with intervals over the same drawn customers."""
    rows = len(hit)
    if not rows:
        return [Rate(float("nan"), float("nan"), float("nan"), 0)] * hit.shape[1]
    code = np.arange(rows) if customer is None else np.unique(customer, return_inverse=True)[1]
    per_customer: NDArray[np.float64] = np.stack(
        [np.bincount(code, column) for column in (*hit.T.astype(np.float64), np.ones(rows))], axis=1
    )
    drawn = bootstrap_means(per_customer, seed=seed)
    low, high = np.quantile(drawn[:, :-1] / drawn[:, -1:], [0.025, 0.975], axis=0)
    return [
        Rate(float(v), float(a), float(b), rows) for v, a, b in zip(hit.mean(axis=0), low, high, strict=True)
    ]
