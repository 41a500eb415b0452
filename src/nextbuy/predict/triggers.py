"""Which sequential rules are running for a customer at a cut."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nextbuy.mining.lags import LagTable
from nextbuy.orders.lines import changes, sorted_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History

# what a rule tells about itself in a prediction
FIGURES = (
    "exposed",
    "followed",
    "confidence",
    "confidence_low",
    "confidence_high",
    "lag_p10",
    "lag_p50",
    "lag_p90",
)


@dataclass(frozen=True)
class Links:
    """Sequential rules in the codes of the model, sorted by antecedent.

    Attributes
    ----------
    antecedent, consequent : ndarray of int64
        Codes of items, or of categories when `by_category`.
    table : LagTable
        Its rows are the rules in this order.
    exposed, followed : ndarray of int64
    confidence, confidence_low, confidence_high, lag_p10, lag_p50, lag_p90 : ndarray of float64
    signal : ndarray of str
    by_category : bool
    """

    antecedent: NDArray[np.int64]
    consequent: NDArray[np.int64]
    table: LagTable
    exposed: NDArray[np.int64]
    followed: NDArray[np.int64]
    confidence: NDArray[np.float64]
    confidence_low: NDArray[np.float64]
    confidence_high: NDArray[np.float64]
    lag_p10: NDArray[np.float64]
    lag_p50: NDArray[np.float64]
    lag_p90: NDArray[np.float64]
    signal: NDArray[np.str_]
    by_category: bool

    def state(self) -> dict[str, Any]:
        """Everything as flat arrays and numbers."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("table", "signal")}
        table = {f"table_{f.name}": getattr(self.table, f.name) for f in fields(self.table)}
        return own | table | {"signal": [str(word) for word in self.signal]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from `state`."""
        table = LagTable(**{f.name: state[f"table_{f.name}"] for f in fields(LagTable)})
        own = {f.name: state[f.name] for f in fields(cls) if f.name not in ("table", "signal")}
        return cls(table=table, signal=np.array(state["signal"], dtype="<U6"), **own)


@dataclass(frozen=True)
class Triggers:
    """The strongest running rule for each (customer, consequent), sorted by both.

    Attributes
    ----------
    customer, consequent : ndarray of int64
    rule : ndarray of int64
        Row of `Links`.
    day : ndarray of int64
        Day on which the trigger was bought.
    hazard : ndarray of float64
        Cumulative hazard of the strongest rule over the horizon.
    total : ndarray of float64
        The same, summed over all running rules: an upper bound where rules share a cause.
    count : ndarray of int64
        How many rules are running: one alone is often a chance purchase, several are an undertaking.
    surest : ndarray of float64
        Cumulative hazard of the rule with the highest confidence.
    """

    customer: NDArray[np.int64]
    consequent: NDArray[np.int64]
    rule: NDArray[np.int64]
    day: NDArray[np.int64]
    hazard: NDArray[np.float64]
    total: NDArray[np.float64]
    count: NDArray[np.int64]
    surest: NDArray[np.float64]


def running(history: History, links: Links, *, horizon_days: int, category: NDArray[np.int32]) -> Triggers:
    """Find the rules whose antecedent a customer owns and whose consequent is still missing.

    Time and memory are linear in (owned items) x (rules from them).
    """
    customer, code, day = (
        history.customer.astype(np.int64),
        history.item.astype(np.int64),
        history.first_day.astype(np.int64),
    )
    size = history.n_items
    if links.by_category:
        customer, code, day = _first_by_category(customer, category[code].astype(np.int64), day)
        size = int(category.max(initial=-1)) + 1
    size = max(size, 1)
    recent = np.flatnonzero(history.cut - day <= links.table.bins[-1])
    low = np.searchsorted(links.antecedent, code[recent])
    many = np.searchsorted(links.antecedent, code[recent], side="right") - low
    row = np.repeat(recent, many)
    rule = np.arange(many.sum()) + np.repeat(low - (np.cumsum(many) - many), many)
    owned = customer * size + code
    target = customer[row] * size + links.consequent[rule]
    at = np.minimum(np.searchsorted(owned, target), max(len(owned) - 1, 0))
    missing = owned[at] != target if len(owned) else np.zeros(0, dtype=bool)
    row, rule, target = row[missing], rule[missing], target[missing]
    elapsed = (history.cut - day[row]).astype(np.float64) - 1
    hazard = links.table.cumulative(elapsed + horizon_days, rule) - links.table.cumulative(elapsed, rule)
    by = np.lexsort((rule, -hazard, target))
    new = np.ones(len(by), dtype=bool)
    new[1:] = target[by][1:] != target[by][:-1]
    starts, best = np.flatnonzero(new), by[new]
    total = np.add.reduceat(hazard[by], starts) if len(starts) else np.zeros(0)
    surest = hazard[np.lexsort((rule, -links.confidence[rule], target))[starts]]
    return Triggers(
        target[best] // size,
        target[best] % size,
        rule[best],
        day[row[best]],
        hazard[best],
        total,
        np.diff(np.append(starts, len(by))),
        surest,
    )


def _first_by_category(
    customer: NDArray, category: NDArray, day: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    known = category >= 0
    customer, category, day = customer[known], category[known], day[known]
    by = sorted_rows(customer, category, day)
    customer, category, day = customer[by], category[by], day[by]
    new = changes(customer, category)
    return customer[new], category[new], day[new]
