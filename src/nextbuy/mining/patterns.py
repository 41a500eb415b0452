"""Patterns: longer sequences of purchases, counted in distinct customers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from nextbuy.mining import containment, scored
from nextbuy.mining.exposures import purchases
from nextbuy.mining.growth import Growth, Level, Limits
from nextbuy.mining.parameters import Parameters, check_whole
from nextbuy.orders.frames import take
from nextbuy.orders.table import Orders, check_orders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases


class Patterns(Parameters):
    """Find which sequences of purchases many customers share.

    A pattern is a sequence of steps; a step is a set of items bought on one day. A customer has the pattern when
    days d1 < d2 < ... can be found on which every item of the step was bought, with at least `min_gap_days` and at
    most `max_gap_days` from each day to the next and at most `max_span_days` from the first to the last. Each
    customer counts once, however often. All patterns within the limits are found. Follows scikit-learn's
    estimator contract without importing it.

    Parameters
    ----------
    min_gap_days, max_gap_days : int, default 1 and 180
        Fewest and most days from one step to the next; at least 1, since a step is a whole day.
    max_span_days : int, default 365
        Most days from the first step to the last.
    min_customers : int, default 50
        Fewest customers who have the pattern.
    max_length : int, default 4
        Most items in all steps together, at least 2.
    min_steps : int, default 2
        Fewest steps of a pattern that is reported, at least 2: what is bought on one day is an itemset of
        `AssociationRules`.
    closed : bool, default True
        Leave out a pattern when a longer one (within `max_length`) that contains it is had by exactly the same
        customers. Contains: its steps are subsets of different steps, in the same order, whatever lies between.
    top_k : int or None, default None
        Only so many patterns, those with most customers.
    level : str, default "item"
        "item", or a column of the catalog such as "category".
    max_patterns : int, default 300,000
        The search stops with an InputError above this many.

    Attributes
    ----------
    patterns_ : frame in the orders' backend, most customers first
        `pattern` (tuple of steps, each a tuple of ids)`, steps, length` (items in all)`, customers, support` (share of
        all customers)`, confidence` (share of those who have the pattern without its last step)`, lift` (customers
        against what its parts let expect: prefix times suffix over what both share, see docs)`, gap_p50` (tuple of
        median days from step to step)`, span_p10, span_p50, span_p90` (days from the first to the last step). Days
        are those of the customer's first completion.
    n_customers_, n_patterns_ : int
        Customers in all; patterns found, those of one step and the not closed ones included.

    Raises
    ------
    InputError
        Parameters out of range, orders without customers, or more patterns than `max_patterns`.

    References
    ----------
    Pei et al., PrefixSpan, IEEE TKDE 16 (2004); Srikant and Agrawal, GSP, EDBT 1996 (gap limits); Yan, Han and
    Afshar, CloSpan, SDM 2003 (closed).

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> found = nb.Patterns(level="category", min_customers=100, min_steps=3, max_gap_days=90).fit(orders)
    >>> strongest = found.patterns_.sort_values("lift", ascending=False).iloc[0]
    >>> strongest["steps"].item()
    3
    """

    def __init__(
        self,
        *,
        min_gap_days: int = 1,
        max_gap_days: int = 180,
        max_span_days: int = 365,
        min_customers: int = 50,
        max_length: int = 4,
        min_steps: int = 2,
        closed: bool = True,
        top_k: int | None = None,
        level: str = "item",
        max_patterns: int = 300_000,
    ) -> None:
        self.min_gap_days, self.max_gap_days, self.max_span_days = min_gap_days, max_gap_days, max_span_days
        self.min_customers, self.max_length, self.min_steps = min_customers, max_length, min_steps
        self.closed, self.top_k, self.level, self.max_patterns = closed, top_k, level, max_patterns

    def fit(self, orders: Orders, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn passes y
        """Find the patterns of `orders`.

        Parameters
        ----------
        orders : Orders
        y : ignored

        Returns
        -------
        self
        """
        self._check(orders)
        orders = orders.level(self.level)
        events, kept = _frequent(purchases(orders), int(self.min_customers))
        limits = Limits(
            int(self.min_gap_days),
            int(self.max_gap_days),
            int(self.max_span_days),
            int(self.min_customers),
            int(self.max_length),
            int(self.max_patterns),
        )
        levels = [level.bare() for level in Growth(events, limits).levels()]
        self.n_customers_, self.n_patterns_ = orders.n_customers, sum(len(v.customers) for v in levels)
        self._item_ids, self._backend = take(orders.item_ids, kept), orders.backend
        self._columns = self._measure(levels, events.n_items)
        self._show()
        return self

    def _check(self, orders: Any) -> None:
        check_orders(orders, need="Patterns need to know who bought")
        for name, least in {"min_gap_days": 1, "min_customers": 1, "max_length": 2, "min_steps": 2}.items():
            check_whole(name, getattr(self, name), least=least)
        check_whole("max_gap_days", self.max_gap_days, least=int(self.min_gap_days))
        check_whole("max_span_days", self.max_span_days, least=int(self.min_gap_days))
        check_whole("max_patterns", self.max_patterns, least=1)
        if self.top_k is not None:
            check_whole("top_k", self.top_k, least=1)

    def _measure(self, levels: list[Level], n_items: int) -> dict[str, NDArray]:
        """Put the lengths together, measure, choose what is reported and sort it."""
        width = max((v.items.shape[1] for v in levels), default=1)

        def padded(columns: list[NDArray], width: int, fill: float) -> NDArray:
            return np.concatenate(
                [np.pad(c, ((0, 0), (0, width - c.shape[1])), constant_values=fill) for c in columns]
            )

        items = padded([v.items for v in levels], width, -1)
        steps = padded([v.steps for v in levels], width, -1)
        gaps = padded([v.gaps for v in levels], width - 1, np.nan)
        customers, mark, span = (
            np.concatenate([getattr(v, name) for v in levels]) for name in ("customers", "mark", "span")
        )
        number = steps.max(axis=1) + 1
        chosen = number >= self.min_steps
        if self.closed:
            chosen &= containment.closed(items, steps, customers, mark)
        rows = np.flatnonzero(chosen)
        length = (items >= 0).sum(axis=1)
        rows = rows[np.lexsort((*items[rows].T[::-1], number[rows], length[rows], -customers[rows]))][
            : self.top_k
        ]

        def of(first: int, without: int) -> NDArray[np.int64]:
            names = containment.keys(items[rows], steps[rows], first=first, without=without, n_items=n_items)
            return containment.customers_of(names, known, customers, self.n_customers_)

        known = containment.keys(items, steps, first=0, without=0, n_items=n_items)
        prefix, suffix, middle = of(0, 1), of(1, 0), of(1, 1)
        return {
            "items": items[rows],
            "step": steps[rows],
            "steps": number[rows],
            "length": length[rows],
            "customers": customers[rows],
            "support": customers[rows] / max(self.n_customers_, 1),
            "confidence": customers[rows] / np.maximum(prefix, 1),
            "lift": customers[rows] * (middle / (np.maximum(prefix, 1.0) * np.maximum(suffix, 1.0))),
            "gaps": gaps[rows],
            **{name: span[rows, j] for j, name in enumerate(("span_p10", "span_p50", "span_p90"))},
        }

    def _show(self) -> None:
        c = self._columns
        gaps = [tuple(g[: s - 1]) for g, s in zip(c["gaps"].tolist(), c["steps"].tolist(), strict=True)]
        ids = self._item_ids.to_pylist()
        named = []
        for row, step in zip(c["items"].tolist(), c["step"].tolist(), strict=True):
            pattern: list[list[Any]] = []
            for i, s in zip(row, step, strict=True):
                if i >= 0:
                    if s == len(pattern):
                        pattern.append([])
                    pattern[s].append(ids[i])
            named.append(tuple(tuple(s) for s in pattern))
        pandas = self._backend == "pandas"
        names = ("steps", "length", "customers", "support", "confidence", "lift")
        self.patterns_ = scored.frame(
            {
                "pattern": _objects(named)
                if pandas
                else pa.array(named, pa.list_(pa.list_(self._item_ids.type))),
                **{name: c[name] for name in names},
                "gap_p50": _objects(gaps) if pandas else pa.array(gaps, pa.list_(pa.float64())),
                **{name: c[name] for name in ("span_p10", "span_p50", "span_p90")},
            },
            self._backend,
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "patterns_")

    def get_state(self) -> dict[str, Any]:
        """Give all that was fitted as arrays and scalars, for a model file."""
        if not hasattr(self, "patterns_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("These Patterns have not been fitted. Call fit(orders) first.")
        return {
            "params": self.get_params(),
            "n_customers": self.n_customers_,
            "n_patterns": self.n_patterns_,
            "backend": self._backend,
            "item_ids": self._item_ids,
            "columns": dict(self._columns),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make fitted patterns of what `get_state` gave."""
        new = cls(**state["params"])
        new.n_customers_, new.n_patterns_ = state["n_customers"], state["n_patterns"]
        new._item_ids, new._backend, new._columns = state["item_ids"], state["backend"], state["columns"]
        new._show()
        return new


def _objects(values: list[Any]) -> NDArray[np.object_]:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _frequent(events: Purchases, buyers: int) -> tuple[Purchases, NDArray[np.int64]]:
    """Leave out items with too few buyers and renumber the rest. Gives the old codes too."""
    count = np.bincount(events.item[events.first], minlength=events.n_items)
    kept = np.flatnonzero(count >= buyers)
    new = np.full(events.n_items, -1, np.int32)
    new[kept] = np.arange(len(kept))
    events = events.where(new[events.item] >= 0)
    return replace(events, item=new[events.item], n_items=len(kept)), kept
