"""Sequential rules: B follows A, by how much more than chance, and after how many days."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from nextbuy.mining.exposures import purchases
from nextbuy.mining.lags import LagCounts, LagTable
from nextbuy.mining.links import Mined, frequent, mine
from nextbuy.mining.parameters import Parameters, check_whole
from nextbuy.mining.purchase_log import PurchaseLog
from nextbuy.mining.seasons import seasonal_days
from nextbuy.mining.shared import parted
from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import take, to_frame, to_table
from nextbuy.orders.table import check_orders, codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Occurrence, Purchases
    from nextbuy.orders.table import Orders


class SequentialRules(Parameters):
    """Find which item follows which, and after how many days.

    For each ordered pair (A, B) the exposed customers are those who bought A and had B neither before nor in the
    same order; those who buy B within the window followed. What would have followed anyway is computed from B's
    calendar and matched to both margins (who buys afterwards, what is bought afterwards), and the spread of
    observed/expected among all pairs is the null against which a rule is tested. See `nextbuy.mining.null`.

    Parameters
    ----------
    window_days : int, default 180
        How long after A a B still counts as following it.
    min_followed : int, default 8
        Fewest customers who followed.
    min_customers : int, default 20
        Fewest exposed customers.
    fdr : float or None, default 0.05
        Share of false rules accepted among the rules (Benjamini-Hochberg over all ordered pairs); a rule must also
        pass the direction test at 0.05. None: every candidate is returned, untested.
    occurrence : {"first", "any"}, default "first"
        Watch for the first B of a customer's life, or for any B after the first A.
    burn_in_days : int, default 0
        Purchases of A in so many first days of the table expose nobody: what came before them is not known.
    level : str, default "item"
        "item", or a column of the catalog such as "category".
    antecedents, consequents : sequence of ids or None
        Report only rules between these. The null is still estimated from all pairs. Unknown ids are refused.
    n_jobs : int, default 1
        Processes that count; they share the purchases in memory-mapped files. The result is the same for any number.

    Attributes
    ----------
    rules_ : frame
        One row a rule, highest `lift_low` first: `antecedent, consequent, exposed, followed, confidence,
        confidence_low, confidence_high, expected, lift, lift_low, p_value, q_value, direction, direction_low,
        direction_high, directed, p_direction, p_within, replicated, lag_p10, lag_p50, lag_p90, timing_signal, via,
        relation`. `confidence` is corrected for customers whose window has not ended (Kaplan-Meier), its bounds are
        Wilson's 95 %; lags are in days among those who follow within the window; `relation` is "follows",
        "either_order", or "substitute" (one substitutes_group of the catalog, or one category without direction).
    mined_ : Mined
        The same as arrays of codes, with the lag tables (in the order of `rules_`).
    replicated_share_ : float
        Share of the rules of one half of the customers that go beyond expectation in the other half.
    item_ids_ : pyarrow.Array
        Ids of the items (or categories) with enough buyers to be looked at.

    References
    ----------
    The null: DuMouchel, The American Statistician 53 (1999). Direction: Hallas, Epidemiology 7 (1996).
    Confidence: Kaplan and Meier, JASA 53 (1958); Wilson, JASA 22 (1927).

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> links = nb.SequentialRules(level="category").fit(orders)
    >>> "bathtub" in set(links.after("tiles")["consequent"])
    True
    """

    _log: PurchaseLog | None

    def __init__(
        self,
        *,
        window_days: int = 180,
        min_followed: int = 8,
        min_customers: int = 20,
        fdr: float | None = 0.05,
        occurrence: Occurrence = "first",
        burn_in_days: int = 0,
        level: str = "item",
        antecedents: Sequence[Any] | None = None,
        consequents: Sequence[Any] | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.window_days = window_days
        self.min_followed = min_followed
        self.min_customers = min_customers
        self.fdr = fdr
        self.occurrence = occurrence
        self.burn_in_days = burn_in_days
        self.level = level
        self.antecedents = antecedents
        self.consequents = consequents
        self.n_jobs = n_jobs

    def fit(self, orders: Orders, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Count, estimate the null, test every pair, tabulate the lags of what passes, within the orders' `max_memory`.

        Raises
        ------
        InputError
            Parameters out of range, unknown ids, no customers, or no orders.
        """
        return self._learn(orders)

    def update(self, orders: Orders) -> Self:
        """Add more orders; the result is the same, to the bit, as one fit on all of them.

        The purchases themselves are kept (12 bytes each), since no smaller summary could tell the lags of a pair that
        was too rare so far. Customers may come again. An order must come only once, and what is returned later than
        bought only counts as returned when both are in the same part.

        Parameters
        ----------
        orders : Orders
            With ids, and a catalog if any, as in `fit`.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When this model was stored without its purchases.
        """
        return self._learn(orders, self._kept())

    def merge(self, other: SequentialRules) -> Self:
        """Add what another one was fitted on: fits of parts, put together, equal one fit on the whole."""
        return self._mine(self._kept() + other._kept())

    def _kept(self) -> PurchaseLog:
        self._fitted()
        if self._log is None:
            raise InputError(
                "These rules were stored without their purchases (get_state(with_orders=False)), so nothing can be "
                "added. Fit on all orders: SequentialRules(...).fit(orders)."
            )
        return self._log

    def _learn(self, orders: Orders, kept: PurchaseLog | None = None) -> Self:
        self._check(orders)
        with scratch.bounded(orders.max_memory):
            log = PurchaseLog.of(orders.level(self.level))
            if kept is None:
                self.backend_ = orders.backend
            return self._mine(log if kept is None else kept + log)

    def _events(self, log: PurchaseLog) -> tuple[Purchases, NDArray[np.int64]]:
        # a log has the arrays of orders that purchases() looks at
        return frequent(purchases(cast("Orders", log)), self.min_followed)

    def _mine(self, log: PurchaseLog) -> Self:
        self._log = log
        events, kept = self._events(log)
        self.item_ids_ = take(log.item_ids, kept)
        # how many threads share a product shows in its last digits
        with parted(events, n_jobs=self.n_jobs) as parts, threadpool_limits(1, user_api="blas"):
            self.mined_ = mine(
                parts,
                window_days=self.window_days,
                min_followed=self.min_followed,
                min_customers=self.min_customers,
                fdr=self.fdr,
                occurrence=self.occurrence,
                burn_in_days=self.burn_in_days,
                antecedents=self._asked("antecedents", log),
                consequents=self._asked("consequents", log),
            )
        leaf, group = (_codes(column, kept) for column in (log.leaf, log.group))
        a, b = self.mined_.antecedent, self.mined_.consequent
        same_leaf, same_group = ((kin[a] >= 0) & (kin[a] == kin[b]) for kin in (leaf, group))
        self.mined_.columns["substitute"] = same_group | (same_leaf & ~self.mined_.columns["directed"])
        self.replicated_share_ = self.mined_.replicated_share
        self.rules_ = to_frame(self._columns(), self.backend_)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "rules_")

    def _fitted(self) -> None:
        if not hasattr(self, "rules_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("These SequentialRules have not been fitted. Call fit(orders) first.")

    def _check(self, orders: Orders) -> None:
        check_orders(orders, need="Sequences need to know who bought")
        if self.occurrence not in ("first", "any"):
            raise InputError(f"occurrence={self.occurrence!r} is not known. Try occurrence='first' or 'any'.")
        for name in ("window_days", "min_followed", "min_customers", "n_jobs"):
            check_whole(name, getattr(self, name), least=1)
        check_whole("burn_in_days", self.burn_in_days, least=0)
        if self.fdr is not None and not (isinstance(self.fdr, (int, float)) and 0 < self.fdr <= 1):
            raise InputError(f"fdr={self.fdr!r} must lie above 0 and up to 1, or be None. Try fdr=0.05.")
        if not len(orders):
            raise InputError("There are no orders to learn from.")

    def _asked(self, name: str, log: PurchaseLog) -> NDArray[np.int64] | None:
        asked = getattr(self, name)
        if asked is None:
            return None
        asked = list(asked)
        unknown = [i for i, code in zip(asked, codes_of(log.item_ids, asked), strict=True) if code < 0]
        if unknown:
            near = nearest(unknown[0], log.item_ids.to_pylist())
            raise InputError(
                f"{len(unknown)} of {len(asked)} {name} are in no order, such as {unknown[:3]}."
                f"{f' Did you mean one of {near}?' if near else ''} Leave them out of {name}=[...]."
            )
        # those with too few buyers are known, and have no rule
        codes = codes_of(self.item_ids_, asked)
        return codes[codes >= 0]

    def _columns(self) -> dict[str, Any]:
        m = self.mined_
        return {
            "antecedent": take(self.item_ids_, m.antecedent),
            "consequent": take(self.item_ids_, m.consequent),
            **{name: column for name, column in m.columns.items() if name not in ("via", "substitute")},
            "via": take(self.item_ids_, m.columns["via"]),
            "relation": pa.array(
                np.select(
                    [m.columns["substitute"], m.columns["directed"]],
                    ["substitute", "follows"],
                    "either_order",
                ).tolist(),
                pa.string(),
            ),
        }

    def after(self, item: Any, *, k: int = 10) -> Any:
        """Give the `k` strongest rules that start from `item`, in the columns of `rules_`; substitutes left out."""
        return self._where("antecedent", item, k)

    def before(self, item: Any, *, k: int = 10) -> Any:
        """Give the `k` strongest rules that lead to `item`, in the columns of `rules_`; substitutes left out."""
        return self._where("consequent", item, k)

    def _where(self, side: str, item: Any, k: int) -> Any:
        self._fitted()
        code = self._code(item)
        rows = (getattr(self.mined_, side) == code) & ~self.mined_.columns["substitute"]
        return to_frame(to_table(self._columns()).take(pa.array(np.flatnonzero(rows)[:k])), self.backend_)

    def _code(self, item: Any) -> int:
        ids = self.item_ids_
        code = int(codes_of(ids, [item])[0])
        if code < 0:
            near = nearest(item, ids.to_pylist())
            raise InputError(
                f"{item!r} is not among the {len(ids):,} {'items' if self.level == 'item' else self.level + ' values'} "
                f"with at least {self.min_followed} buyers." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        return code

    def _rule(self, antecedent: Any, consequent: Any) -> int:
        self._fitted()
        a, b = self._code(antecedent), self._code(consequent)
        found = np.flatnonzero((self.mined_.antecedent == a) & (self.mined_.consequent == b))
        if not len(found):
            raise InputError(
                f"{antecedent!r} -> {consequent!r} is not among the {len(self.mined_.antecedent):,} rules. "
                "Refit with fdr=None to keep every candidate, or look at after()."
            )
        return int(found[0])

    def lags(self, antecedent: Any, consequent: Any, *, seasonal: bool = False) -> Any:
        """Give the lag table of one rule.

        Parameters
        ----------
        antecedent, consequent : id
        seasonal : bool, default False
            Weigh each watched day by the consequent's own season on it (1: a usual day), so that `hazard` is the one
            of usual days and a sale half a year after everybody's antecedent is no peak. Needs the purchases
            (see `get_state`) and `occurrence="first"`.

        Returns
        -------
        frame
            One row a lag bin: `lag_from, lag_to` (days), `followers` (customers), `watch_days`, `entered` (customers
            still watched at the bin's start), `hazard` (per day, shrunk), `share_followed` (by the bin's end).
        """
        r = self._rule(antecedent, consequent)
        table, counts = self.mined_.table, self.mined_.counts
        followers, watch_days, hazard = counts.followers[r], counts.watch_days[r], table.hazard[r]
        if seasonal:
            if self.occurrence != "first":
                raise InputError(
                    'lags(seasonal=True) knows first purchases only. Fit with occurrence="first".'
                )
            events, _ = self._events(self._kept())
            pair = self.mined_.antecedent[[r]], self.mined_.consequent[[r]]
            watch_days = seasonal_days(
                events, *pair, window_days=self.window_days, burn_in_days=self.burn_in_days
            )[0]
            hazard = (followers + table.c) / (watch_days + table.c / hazard)  # drawn to the plain one
        done = -np.expm1(-np.cumsum(hazard * np.diff(table.bins)))
        return to_frame(
            {
                "lag_from": table.bins[:-1],
                "lag_to": table.bins[1:],
                "followers": followers,
                "watch_days": watch_days,
                "entered": counts.entered[r],
                "hazard": hazard,
                "share_followed": done,
            },
            self.backend_,
        )

    def probability(
        self, antecedent: Any, consequent: Any, *, elapsed_days: float, horizon_days: float
    ) -> float:
        """Chance that a customer buys the consequent in the next `horizon_days`.

        Given that the antecedent came `elapsed_days` ago and the consequent has not come yet. Nothing is
        extrapolated beyond the window.
        """
        r = np.array([self._rule(antecedent, consequent)])
        return float(
            self.mined_.table.probability(
                r, elapsed_days=np.array([elapsed_days]), horizon_days=horizon_days
            )[0]
        )

    def get_state(self, *, with_orders: bool = True) -> dict[str, Any]:
        """Give all that was fitted as arrays and scalars, for a model file.

        Parameters
        ----------
        with_orders : bool, default True
            False leaves the purchases and the customers' ids out: smaller, but `update` is not possible later.
        """
        self._fitted()
        m = self.mined_
        log = {"log": self._log.state()} if with_orders and self._log is not None else {}
        return log | {
            "params": self.get_params(),
            "backend": self.backend_,
            "item_ids": self.item_ids_,
            "antecedent": m.antecedent,
            "consequent": m.consequent,
            "columns": dict(m.columns),
            "table": {f.name: getattr(m.table, f.name) for f in fields(m.table)},
            "counts": {f.name: getattr(m.counts, f.name) for f in fields(m.counts)},
            "replicated_share": float(m.replicated_share),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make fitted rules of what `get_state` gave."""
        new = cls(**state["params"])
        new.item_ids_, new.backend_ = state["item_ids"], state["backend"]
        new._log = PurchaseLog(**state["log"]) if "log" in state else None
        new.mined_ = Mined(
            state["antecedent"],
            state["consequent"],
            state["columns"],
            LagTable(**state["table"]),
            LagCounts(**state["counts"]),
            state["replicated_share"],
        )
        new.replicated_share_ = new.mined_.replicated_share
        new.rules_ = to_frame(new._columns(), new.backend_)
        return new


def _codes(column: pa.Array, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the values of some rows; -1 where unknown."""
    coded = column.take(pa.array(rows)).dictionary_encode()
    return np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
