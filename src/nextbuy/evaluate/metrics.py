"""Was it right: figures per customer, and their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranking:
    """Figures of one ranked list per customer; one entry a customer with something to find.

    Attributes
    ----------
    customer : ndarray of int64
    recall, ndcg, precision, hit_rate : ndarray of float64
    """

    customer: NDArray[np.int64]
    recall: NDArray[np.float64]
    ndcg: NDArray[np.float64]
    precision: NDArray[np.float64]
    hit_rate: NDArray[np.float64]


def ranking(
    customer: NDArray,
    item: NDArray,
    rank: NDArray,
    truth_customer: NDArray,
    truth_item: NDArray,
    *,
    k: int,
    n_items: int,
) -> Ranking:
    """Compare ranked items (`rank` from 1) with what was bought.

    Recall counts against everything bought; nDCG's ideal ranks everything bought, not only k of it; precision
    divides by k. Customers without a prediction count as zero.

    Examples
    --------
    >>> one = np.array([0, 0]), np.array([5, 6]), np.array([1, 2])
    >>> ranking(*one, np.array([0, 0]), np.array([6, 7]), k=10, n_items=9).recall
    array([0.5])
    """
    truth = np.unique(truth_customer.astype(np.int64) * n_items + truth_item)
    who, wanted = np.unique(truth // max(n_items, 1), return_counts=True)
    inside = (rank <= k) & np.isin(customer.astype(np.int64) * n_items + item, truth)
    at = np.searchsorted(who, customer[inside])
    hits = np.bincount(at, minlength=len(who))
    gain = np.bincount(at, 1 / np.log2(rank[inside] + 1.0), len(who))
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, wanted.max(initial=0) + 2.0)))])
    return Ranking(who, hits / wanted, gain / ideal[wanted], hits / k, (hits > 0).astype(np.float64))


class Draws:
    """Customers drawn with replacement, the same for every figure, so that differences of figures are paired.

    Parameters
    ----------
    customers : int
    draws : int, default 500
    seed : int, default 0
    """

    def __init__(self, customers: int, *, draws: int = 500, seed: int = 0) -> None:
        self.customers, self.draws = customers, draws
        random = np.random.default_rng(seed)
        self._times = np.stack(
            [
                np.bincount(random.integers(0, max(customers, 1), customers), minlength=customers)
                for _ in range(draws)
            ]
        ).astype(np.uint8)

    def sums(self, customer: NDArray, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the columns of `values` (rows of the customers in `customer`) in each draw: (draws, columns)."""
        who, row = np.unique(customer, return_inverse=True)
        each = np.stack([np.bincount(row, column, len(who)) for column in values.T], axis=1)
        out = np.empty((self.draws, values.shape[1]))
        for start in range(0, self.draws, 50):  # as floats, all draws at once take eight times the memory
            part = slice(start, start + 50)
            out[part] = self._times[part][:, who].astype(np.float64) @ each
        return out

    def means(self, customer: NDArray, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the columns over the rows in each draw: (draws, columns); NaN where nobody was drawn."""
        sums = self.sums(customer, np.column_stack([values, np.ones(len(values))]))
        with np.errstate(invalid="ignore", divide="ignore"):
            means: NDArray[np.float64] = sums[:, :-1] / sums[:, -1:]
        return means


def interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """Give the middle 95 % of the draws."""
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return float(low), float(high)


def bootstrap_means(values: NDArray[np.float64], *, draws: int = 500, seed: int = 0) -> NDArray[np.float64]:
    """Means of the columns of `values` (customers in rows) over the same drawn customers: (draws, columns)."""
    random = np.random.default_rng(seed)
    n = len(values)
    if not n:
        return np.full((draws, values.shape[1]), np.nan)
    return np.stack([np.bincount(random.integers(0, n, n), minlength=n) @ values / n for _ in range(draws)])


@dataclass(frozen=True)
class Calibration:
    """Bins of equal count by predicted probability.

    Attributes
    ----------
    bin : (predictions,) ndarray of int64
        Bin of each prediction.
    predicted, observed : (bins,) ndarray of float64
        Mean probability and share bought.
    rows : (bins,) ndarray of int64
    error : float
        Mean absolute difference, weighted by rows (expected calibration error).
    """

    bin: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    rows: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error; NaN without rows."""
        if not self.rows.sum():
            return float("nan")
        return float((np.abs(self.predicted - self.observed) * self.rows).sum() / self.rows.sum())


def calibration(
    probability: NDArray[np.float64], bought: NDArray[np.bool_], *, bins: int = 10
) -> Calibration:
    """Sort predictions into bins of equal count and compare what was said with what happened."""
    by = np.argsort(probability, kind="stable")
    place = np.empty(len(by), np.int64)
    for number, part in enumerate(np.array_split(by, min(bins, max(len(by), 1)))):
        place[part] = number
    rows = np.bincount(place)
    return Calibration(
        place,
        np.bincount(place, probability) / rows,
        np.bincount(place, bought) / rows,
        rows.astype(np.int64),
    )


def calibration_errors(
    bins: Calibration,
    probability: NDArray[np.float64],
    bought: NDArray[np.bool_],
    customer: NDArray,
    draws: Draws,
) -> NDArray[np.float64]:
    """Give the calibration error in each draw, less what drawing adds to it on average."""
    if not len(probability):
        return np.full(draws.draws, np.nan)
    wide = np.zeros((len(probability), len(bins.rows)))
    wide[np.arange(len(probability)), bins.bin] = probability - bought
    sums = draws.sums(customer, np.column_stack([wide, np.ones(len(probability))]))
    errors = np.abs(sums[:, :-1]).sum(axis=1) / np.maximum(sums[:, -1], 1)
    fair: NDArray[np.float64] = np.maximum(errors - errors.mean() + bins.error, 0.0)
    return fair


def auc(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Area under the ROC curve, and what each row adds to it beyond the mean (for intervals).

    A draw of customers changes the area by the sum of what their rows add (to first order).

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); Obuchowski, Biometrics 53 (1997), for customers with
    several rows.
    """
    yes, no = int(bought.sum()), int((~bought).sum())
    if not yes or not no:
        return float("nan"), np.zeros(len(bought))
    from scipy.stats import rankdata

    among_all = rankdata(probability)
    among_own = np.empty(len(bought))
    among_own[bought], among_own[~bought] = rankdata(probability[bought]), rankdata(probability[~bought])
    below = (among_all - among_own) / np.where(bought, no, yes)  # share of the others that lie below
    beaten = np.where(bought, below, 1 - below)
    area = float(beaten[bought].mean())
    return area, (beaten - area) / np.where(bought, yes, no)


def log_losses(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Negative log likelihood of each row; probabilities are kept 1e-6 from 0 and 1."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.where(bought, -np.log(p), -np.log1p(-p))


def log_loss(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> float:
    """Mean negative log likelihood."""
    return float(log_losses(probability, bought).mean()) if len(probability) else float("nan")


def brier(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(((probability - bought) ** 2).mean()) if len(probability) else float("nan")
