"""How likely a customer is to order again, when, and what that is worth."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from nextbuy.forest import Forest
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import take, to_frame, to_table
from nextbuy.orders.table import Orders, check_orders, codes_of
from nextbuy.timing.dropout import MODELS, Dropout, fit_dropout
from nextbuy.timing.spend import Spend, fit_spend
from nextbuy.timing.summary import Days, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LANDMARKS = 4
FEWEST_OUTCOMES = 200  # fewer customers who ordered, or did not, teach no more than the closed form knows
DORMANT = 0.5


class CustomerActivity(BaseEstimator):
    """Learn who still buys, and how much is to be expected of them.

    A buy-till-you-die model in closed form (MBG/NBD or BG/NBD, gamma-gamma spend), and a boosted landmark model that
    learns on past dates which customers ordered within the horizon, and calibrates `p_order`. Where the history is
    too short for landmarks, `p_order` is the closed form; `landmarks_` is empty then.

    Parameters
    ----------
    horizon_days : int, default 90
        How far ahead orders are counted.
    model : {"mbg", "bg"}, default "mbg"
        "mbg" lets a customer drop out after the first order; in "bg" one-time buyers stay forever.
    random_state : int, default 0

    Attributes
    ----------
    dropout_ : Dropout
        Parameters in days: r, alpha, a, b, log_likelihood.
    spend_ : Spend or None
        Gamma-gamma parameters; None without prices or with fewer than 20 customers.
    landmarks_ : list of str
        Dates that the landmark model learned from.
    as_of_ : str

    References
    ----------
    See `nextbuy.timing.dropout` and `nextbuy.timing.spend` for the models; van Houwelingen (2007), Scandinavian
    Journal of Statistics 34(1), for landmarking.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> activity = nb.CustomerActivity(horizon_days=90).fit(orders)
    >>> rows = activity.predict()
    >>> bool(rows["p_order"].between(0, 1).all())
    True
    """

    def __init__(self, *, horizon_days: int = 90, model: str = "mbg", random_state: int = 0) -> None:
        self.horizon_days = horizon_days
        self.model = model
        self.random_state = random_state

    def fit(self, orders: Orders, *, as_of: Any = None) -> Self:
        """Fit on the orders before `as_of` (default: all of them).

        Raises
        ------
        InputError
            When there is no customer column, no order before `as_of`, or a parameter makes no sense.
        """
        self._check(orders)
        if as_of is not None:
            orders = orders.before(as_of)
        if not len(orders):
            before = "" if as_of is None else f" before as_of={str(as_of)!r}"
            raise InputError(f"There is no order to learn from{before}.")
        cut = orders.end_day
        days = Days.of(orders)
        now = Summary.at(days, cut)
        self._summary, self.customer_ids_, self.backend_ = now, orders.customer_ids, orders.backend
        self.as_of_ = str(np.datetime64(cut, "D"))
        self.dropout_ = fit_dropout(now.frequency, now.recency, now.age, model=self.model)
        self.spend_: Spend | None = fit_spend(now.priced, now.value)
        both = np.isfinite(days.margin) & (days.value > 0)
        money = float(days.value[both].sum())
        self.margin_share_ = float(days.margin[both].sum()) / money if money > 0 else float("nan")
        self._learn(days, cut)
        return self

    def _check(self, orders: Orders) -> None:
        check_orders(orders, need="Activity is about customers")
        check_whole("horizon_days", self.horizon_days, least=1)
        if self.model not in MODELS:
            raise InputError(f"model={self.model!r} is not known. Try model='mbg' or 'bg'.")

    def _learn(self, days: Days, cut: int) -> None:
        """Boost on past landmarks; the dates lie a sixth of the horizon apart, so that they share a season."""
        horizon, start = self.horizon_days, int(days.day.min())
        step = max(horizon // 6, 1)
        dates = [cut - horizon - j * step for j in range(LANDMARKS)]
        dates = [date for date in dates if date - start >= horizon // 2]
        features, labels = [], []
        for date in dates:
            known = Summary.at(days, date)
            after = (days.day >= date) & (days.day < date + horizon)
            ordered = np.zeros(days.n_customers, dtype=bool)
            ordered[days.customer[after]] = True
            model = fit_dropout(known.frequency, known.recency, known.age, model=self.model)
            features.append(self._features(known, model))
            labels.append(ordered[known.customer])
        label = np.concatenate(labels) if labels else np.zeros(0, dtype=bool)
        self._trees: Forest | None = None
        self.landmarks_ = []
        if min(label.sum(), (~label).sum()) < FEWEST_OUTCOMES:
            return
        from sklearn.ensemble import HistGradientBoostingClassifier

        booster = HistGradientBoostingClassifier(
            max_iter=100,
            learning_rate=0.05,
            max_leaf_nodes=8,
            min_samples_leaf=100,
            early_stopping=False,
            random_state=self.random_state,
        )
        with threadpool_limits(1, user_api="openmp"):
            booster.fit(np.concatenate(features), label)
        self._trees = Forest.of(booster)
        self.landmarks_ = [str(np.datetime64(date, "D")) for date in dates]

    def _features(self, known: Summary, dropout: Dropout) -> NDArray[np.float32]:
        x, recency, age = known.frequency, known.recency, known.age
        columns = [
            *known.columns.values(),
            dropout.any_order(x, recency, age, self.horizon_days),
            dropout.alive(x, recency, age),
        ]
        return np.column_stack(columns).astype(np.float32)

    def predict(self, *, customers: Sequence[Any] | None = None) -> Any:
        """Give one row a customer with an order.

        Parameters
        ----------
        customers : sequence of ids or None
            Only these, in this order; unknown ids are an error.

        Returns
        -------
        frame
            `customer_id, order_days, frequency, recency_days, age_days, p_alive, p_order` (any order within
            horizon_days; calibrated on landmarks)`, p_order_closed_form, expected_orders` (closed form)`,
            next_order_p10, next_order_p50, next_order_p90` (days from as_of, given that the customer still
            buys; empty beyond the longest watch)`, dormant` (p_alive below .5)`, expected_order_value,
            expected_revenue` (within horizon_days)`, expected_contribution` (revenue times the shop's share of
            margin; empty without `unit_margin` in the catalog).
        """
        check_is_fitted(self, "dropout_")
        s, model, horizon = self._summary, self.dropout_, self.horizon_days
        x, recency, age = s.frequency, s.recency, s.age
        closed = model.any_order(x, recency, age, horizon)
        p_order = closed
        if self._trees is not None:
            p_order = self._trees.chance(self._features(s, model))
        alive = model.alive(x, recency, age)
        expected = model.expected_orders(x, recency, age, horizon)
        value = np.full(len(x), np.nan)
        if self.spend_ is not None:
            value = self.spend_.expected(s.priced, s.value)
        table = {
            "customer_id": take(self.customer_ids_, s.customer),
            "order_days": x + 1,
            "frequency": x,
            "recency_days": recency,
            "age_days": age,
            "p_alive": alive,
            "p_order": p_order,
            "p_order_closed_form": closed,
            "expected_orders": expected,
            **{
                f"next_order_p{share}": _watched(model.next_order(x, age, share / 100), age)
                for share in (10, 50, 90)
            },
            "dormant": alive < DORMANT,
            "expected_order_value": pa.array(value, from_pandas=True),
            "expected_revenue": pa.array(expected * value, from_pandas=True),
            "expected_contribution": pa.array(expected * value * self.margin_share_, from_pandas=True),
        }
        if customers is None:
            return to_frame(table, self.backend_)
        codes = codes_of(self.customer_ids_, list(customers))
        row = np.full(len(self.customer_ids_) + 1, -1)
        row[s.customer] = np.arange(len(x))
        rows = row[codes]
        if (rows < 0).any():
            unknown = [c for c, r in zip(customers, rows, strict=True) if r < 0]
            raise InputError(
                f"{len(unknown)} of the customers asked for have no order before {self.as_of_}: {unknown[:3]}."
            )
        return to_frame(to_table(table).take(pa.array(rows)), self.backend_)

    def get_state(self) -> dict[str, Any]:
        """Everything fitted, as arrays, numbers, and text: what `nextbuy.save` writes."""
        check_is_fitted(self, "dropout_")
        s = self._summary
        return {
            "params": self.get_params(),
            "as_of": self.as_of_,
            "backend": self.backend_,
            "customer_ids": self.customer_ids_,
            "summary": {
                name: getattr(s, name)
                for name in ("customer", "frequency", "recency", "age", "priced", "value")
            },
            "columns": dict(s.columns),
            "dropout": asdict(self.dropout_),
            "spend": asdict(self.spend_) if self.spend_ else {},
            "margin_share": self.margin_share_,
            "landmarks": self.landmarks_,
            "trees": self._trees and self._trees.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a fitted model from `get_state`."""
        self = cls(**state["params"])
        self.as_of_, self.backend_ = state["as_of"], state["backend"]
        self.customer_ids_ = state["customer_ids"]
        self._summary = Summary(columns=dict(state["columns"]), **state["summary"])
        self.dropout_ = Dropout(**state["dropout"])
        self.spend_ = Spend(**state["spend"]) if state["spend"] else None
        self.margin_share_ = state["margin_share"]
        self.landmarks_ = list(state["landmarks"])
        self._trees = state["trees"] and Forest.from_state(state["trees"])
        return self


def _watched(wait: NDArray[np.float64], age: NDArray[np.int64]) -> pa.Array:
    return pa.array(np.where(wait <= age.max(initial=0), wait, np.nan), from_pandas=True)
