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


def bootstrap(values: NDArray[np.float64], *, draws: int = 500, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean, customers drawn with replacement."""
    means = bootstrap_means(values[:, None], draws=draws, seed=seed)[:, 0]
    low, high = np.quantile(means, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
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
    predicted, observed : (bins,) ndarray of float64
        Mean probability and share bought.
    rows : (bins,) ndarray of int64
    error : float
        Mean absolute difference, weighted by rows (expected calibration error).
    """

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
    parts = [part for part in np.array_split(by, bins) if len(part)]
    return Calibration(
        np.array([probability[part].mean() for part in parts]),
        np.array([bought[part].mean() for part in parts]),
        np.array([len(part) for part in parts], np.int64),
    )


def log_loss(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> float:
    """Mean negative log likelihood; probabilities are kept 1e-6 from 0 and 1."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-np.where(bought, np.log(p), np.log1p(-p)).mean()) if len(p) else float("nan")


def brier(probability: NDArray[np.float64], bought: NDArray[np.bool_]) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(((probability - bought) ** 2).mean()) if len(probability) else float("nan")
