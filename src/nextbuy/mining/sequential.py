"""Sequential rules: B follows A, by how much more than chance, and after how many days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nextbuy.mining import lags as lag_tables
from nextbuy.mining import null
from nextbuy.mining.exposures import PairCounts, Purchases, count_pairs, expected_followers, purchases
from nextbuy.mining.measures import wilson_interval
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import take, to_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders

MAX_ITEMS = 10_000  # the tables of all ordered pairs take 24 bytes a cell: 2.4 GB
DIRECTED = 0.05


class SequentialRules(BaseEstimator):
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
        Report only rules between these. The null is still estimated from all pairs.

    Attributes
    ----------
    rules_ : frame
        One row a rule, highest `lift_low` first: `antecedent, consequent, exposed, followed, confidence,
        confidence_low, confidence_high, expected, lift, lift_low, p_value, q_value, direction, direction_low,
        direction_high, directed, p_direction, p_within, replicated, lag_p10, lag_p50, lag_p90, timing_signal, via,
        relation`. `confidence` is corrected for customers whose window has not ended (Kaplan-Meier), its bounds are
        Wilson's 95 %; lags are in days among those who follow within the window.
    lag_table_ : LagTable
        Shrunk hazards by rule (in the order of `rules_`) and lag bin.
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

    def __init__(
        self,
        *,
        window_days: int = 180,
        min_followed: int = 8,
        min_customers: int = 20,
        fdr: float | None = 0.05,
        occurrence: str = "first",
        burn_in_days: int = 0,
        level: str = "item",
        antecedents: Sequence[Any] | None = None,
        consequents: Sequence[Any] | None = None,
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

    def fit(self, orders: Orders, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Count, estimate the null, test every pair, tabulate the lags of the rules that pass."""
        self._check(orders)
        orders = orders.level(self.level)
        events, kept = _frequent(purchases(orders), self.min_followed)
        self.item_ids_ = take(orders.item_ids, kept)
        self.backend_ = orders.backend
        if events.n_items > MAX_ITEMS:
            raise InputError(
                f"{events.n_items:,} items have at least min_followed={self.min_followed} buyers; the table of all ordered "
                f"pairs is limited to {MAX_ITEMS:,} items. Raise min_followed, or mine a level of the catalog: "
                "SequentialRules(level='category')."
            )
        halves = [self._count(events.where(events.half == side)) for side in (False, True)]
        counts = halves[0] + halves[1]
        whole = self._estimate(counts)
        parts = [self._estimate(half, rounds=1) for half in halves]
        a, b = np.nonzero((counts.followed >= self.min_followed) & (counts.exposed >= self.min_customers))
        wanted = self._wanted(self.antecedents, a) & self._wanted(self.consequents, b)
        tests = whole.test(a, b)
        keep = wanted if self.fdr is None else wanted & tests.passes(self.fdr)
        self.replicated_share_ = _replicated_share(parts, self.fdr or DIRECTED, self.min_followed / 2)
        self._tabulate(events, counts, whole, parts, tests.where(keep))
        return self

    def _check(self, orders: Orders) -> None:
        if not orders.has_customers:
            raise InputError(
                "Sequences need to know who bought: these orders have no customer column. "
                "Try read_orders(..., customer='your_customer_column'), or AssociationRules, which needs none."
            )
        if self.occurrence not in ("first", "any"):
            raise InputError(f"occurrence={self.occurrence!r} is not known. Try occurrence='first' or 'any'.")
        for name in ("window_days", "min_followed", "min_customers"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)!r} must be at least 1.")
        if not len(orders):
            raise InputError("There are no orders to learn from.")

    def _count(self, events: Purchases) -> PairCounts:
        return count_pairs(events, window_days=self.window_days, burn_in_days=self.burn_in_days,
                           occurrence=self.occurrence)  # type: ignore[arg-type]

    def _estimate(self, counts: PairCounts, *, rounds: int = 3) -> _Estimate:
        expected = expected_followers(counts, occurrence=self.occurrence)  # type: ignore[arg-type]
        return _estimate(counts.followed, expected, rounds=rounds)

    def _wanted(self, ids: Sequence[Any] | None, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        if ids is None:
            return np.ones(len(codes), dtype=bool)
        asked = pa.array(list(ids)).cast(self.item_ids_.type)
        return np.isin(codes, pc.fill_null(pc.index_in(asked, self.item_ids_), -2).to_numpy(zero_copy_only=False))

    def _tabulate(
        self, events: Purchases, counts: PairCounts, whole: _Estimate, parts: list[_Estimate], tests: _Tests
    ) -> None:
        lift, lift_low = whole.prior.posterior(*whole.at(tests.a, tests.b))
        order = np.lexsort((tests.b, tests.a, -lift_low))
        tests, lift, lift_low = tests.where(order), lift[order], lift_low[order]
        a, b, d = tests.a, tests.b, tests.direction
        table, followers = lag_tables.count_lags(
            events, a, b, window_days=self.window_days, burn_in_days=self.burn_in_days,
            occurrence=self.occurrence,  # type: ignore[arg-type]
        )
        confidence, variance = lag_tables.kaplan_meier(table)
        exposed, followed = counts.exposed[a, b], counts.followed[a, b]
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = np.where(variance > 0, confidence * (1 - confidence) / variance, exposed)
        low, high = wilson_interval(confidence * effective, effective)
        self.lag_table_ = lag_tables.shrink(table, window_days=self.window_days)
        self.lag_counts_ = table
        bins = lag_tables.edges(self.window_days)
        signal, _ = lag_tables.timing_signal(table, counts.background(bins))
        quantiles = self.lag_table_.quantiles(0.1, 0.5, 0.9)
        within = stats.binom.sf(followed - 1, np.maximum(table.both, followed), np.minimum(table.by_chance / np.maximum(table.both, 1), 1))
        replicated = np.all([part.beyond(a, b) for part in parts], axis=0)
        directed = d.p_value < DIRECTED
        self._codes = (a, b)
        self._rules = {
            "antecedent": take(self.item_ids_, a), "consequent": take(self.item_ids_, b),
            "exposed": exposed.astype(np.int64), "followed": followed.astype(np.int64),
            "confidence": confidence, "confidence_low": low, "confidence_high": high,
            "expected": whole.expected[a, b], "lift": lift, "lift_low": lift_low,
            "p_value": tests.p, "q_value": tests.q,
            "direction": d.ratio, "direction_low": d.low, "direction_high": d.high,
            "directed": directed, "p_direction": d.p_value, "p_within": within, "replicated": replicated,
            "lag_p10": quantiles[:, 0], "lag_p50": quantiles[:, 1], "lag_p90": quantiles[:, 2],
            "timing_signal": pa.array(signal.tolist(), pa.string()),
            "via": take(self.item_ids_, _via(a, b, followed, exposed, whole.expected, followers, events.n_items)),
            "relation": pa.array(np.where(directed, "follows", "either_order").tolist(), pa.string()),
        }
        self.rules_ = to_frame(self._rules, self.backend_)

    def after(self, item: Any, *, k: int = 10) -> Any:
        """Give the `k` strongest rules that start from `item`, in the columns of `rules_`."""
        return self._where("antecedent", item, k)

    def before(self, item: Any, *, k: int = 10) -> Any:
        """Give the `k` strongest rules that lead to `item`, in the columns of `rules_`."""
        return self._where("consequent", item, k)

    def _where(self, side: str, item: Any, k: int) -> Any:
        check_is_fitted(self, "rules_")
        code = self._code(item)
        rows = np.flatnonzero(self._codes[0 if side == "antecedent" else 1] == code)[:k]
        return to_frame(pa.table(self._rules).take(pa.array(rows)), self.backend_)

    def _code(self, item: Any) -> int:
        ids = self.item_ids_
        code = pc.index_in(pa.scalar(item).cast(ids.type) if pa.types.is_string(ids.type) else pa.scalar(item), ids).as_py()
        if code is None:
            near = nearest(item, ids.to_pylist())
            raise InputError(
                f"{item!r} is not among the {len(ids):,} {'items' if self.level == 'item' else self.level + ' values'} with at "
                f"least {self.min_followed} buyers." + (f" Did you mean {near[0]!r}?" if near else "")
            )
        return int(code)

    def _rule(self, antecedent: Any, consequent: Any) -> int:
        check_is_fitted(self, "rules_")
        a, b = self._code(antecedent), self._code(consequent)
        found = np.flatnonzero((self._codes[0] == a) & (self._codes[1] == b))
        if not len(found):
            raise InputError(
                f"{antecedent!r} -> {consequent!r} is not among the {len(self._codes[0]):,} rules. "
                "Refit with fdr=None to keep every candidate, or look at after()."
            )
        return int(found[0])

    def lags(self, antecedent: Any, consequent: Any) -> Any:
        """Give the lag table of one rule.

        Returns
        -------
        frame
            One row a lag bin: `lag_from, lag_to` (days), `followers` (customers), `watch_days`, `entered` (customers
            still watched at the bin's start), `hazard` (per day, shrunk), `share_followed` (by the bin's end).
        """
        r = self._rule(antecedent, consequent)
        table, counts = self.lag_table_, self.lag_counts_
        done = -np.expm1(-np.cumsum(table.hazard[r] * np.diff(table.bins)))
        return to_frame({
            "lag_from": table.bins[:-1], "lag_to": table.bins[1:], "followers": counts.followers[r],
            "watch_days": counts.watch_days[r], "entered": counts.entered[r], "hazard": table.hazard[r],
            "share_followed": done,
        }, self.backend_)

    def probability(self, antecedent: Any, consequent: Any, *, elapsed_days: float, horizon_days: float) -> float:
        """Chance that a customer buys the consequent in the next `horizon_days`.

        Given that the antecedent came `elapsed_days` ago and the consequent has not come yet. Nothing is
        extrapolated beyond the window.
        """
        r = np.array([self._rule(antecedent, consequent)])
        return float(self.lag_table_.probability(r, elapsed_days=np.array([elapsed_days]), horizon_days=horizon_days)[0])


@dataclass(frozen=True)
class _Estimate:
    """Observed and expected followers of all ordered pairs, and the spread of their ratio."""

    observed: NDArray[np.int32]
    expected: NDArray[np.float64]
    prior: null.Prior

    def at(self, a: NDArray, b: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Observed and expected of chosen pairs."""
        return self.observed[a, b].astype(np.float64), np.maximum(self.expected[a, b], 1e-9)

    def test(self, a: NDArray, b: NDArray) -> _Tests:
        """Test chosen pairs against the null (among all ordered pairs) and against their reverse."""
        (forward, ahead), (backward, behind) = self.at(a, b), self.at(b, a)
        p, n = self.prior.p_value(forward, ahead), len(self.observed)
        q = null.benjamini_hochberg(p, tests=n * (n - 1))
        return _Tests(a, b, p, q, null.direction(forward, backward, ahead, behind))

    def beyond(self, a: NDArray, b: NDArray) -> NDArray[np.bool_]:
        """Mark pairs beyond their own expectation (Poisson, one-sided 5 %)."""
        observed, expected = self.at(a, b)
        beyond: NDArray[np.bool_] = stats.poisson.sf(observed - 1, expected) < DIRECTED
        return beyond


@dataclass(frozen=True)
class _Tests:
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    direction: null.Direction

    def passes(self, fdr: float) -> NDArray[np.bool_]:
        return (self.q <= fdr) & (self.direction.p_value < DIRECTED)

    def where(self, rows: NDArray) -> _Tests:
        d = self.direction
        return _Tests(self.a[rows], self.b[rows], self.p[rows], self.q[rows],
                      null.Direction(d.ratio[rows], d.low[rows], d.high[rows], d.p_value[rows]))


def _frequent(events: Purchases, buyers: int) -> tuple[Purchases, NDArray[np.int64]]:
    """Leave out items with fewer buyers than a rule needs; renumber the rest."""
    count = np.bincount(events.item[events.first], minlength=events.n_items)
    kept = np.flatnonzero(count >= buyers)
    new = np.full(events.n_items, -1, np.int32)
    new[kept] = np.arange(len(kept))
    events = events.where(new[events.item] >= 0)
    return Purchases(**(vars(events) | {"item": new[events.item], "n_items": len(kept)})), kept


def _estimate(observed: NDArray[np.int32], base: NDArray[np.float64], *, rounds: int = 3) -> _Estimate:
    """Match the margins and fit the null, leaving out the cells that stand out, until no more of them do.

    Without this, a shop of few categories has its strongest links inside its own margins: six strong followers of
    tiles would raise what is expected after tiles.
    """
    off = ~np.eye(len(base), dtype=bool)
    include = off
    for _ in range(rounds):
        expected = null.rake(base, observed, include=include)
        prior = null.fit_prior(null.squash(observed[off], expected[off]))
        standing = np.zeros(base.shape, dtype=bool)
        a, b = np.nonzero((observed >= 3) & (observed > 2 * expected))
        p = prior.p_value(observed[a, b].astype(np.float64), expected[a, b])
        out = null.benjamini_hochberg(p, tests=int(off.sum())) <= 0.05
        standing[a[out], b[out]] = True
        if np.array_equal(include, off & ~standing):
            break
        include = off & ~standing
    return _Estimate(observed, expected, prior)


def _replicated_share(parts: list[_Estimate], fdr: float, followed: float) -> float:
    """Share of the rules chosen on one half that the other half shows too."""
    chosen = replicated = 0
    for one, other in (parts, parts[::-1]):
        a, b = np.nonzero(one.observed >= followed)
        tests = one.test(a, b)
        tests = tests.where(tests.passes(fdr))
        chosen += len(tests.a)
        replicated += int(other.beyond(tests.a, tests.b).sum())
    return replicated / chosen if chosen else float("nan")


def _via(
    a: NDArray, b: NDArray, followed: NDArray, exposed: NDArray, expected: NDArray, followers: lag_tables.Followers, n: int
) -> NDArray[np.int64]:
    """For A -> C find the B through which it runs: A -> B -> C, and without B nothing is left of it.

    Counted on customers: those who followed A -> B, B -> C and A -> C. The rest of the followers of A -> C must be
    no more than the exposed customers without B would give by expectation (Poisson, one-sided 5 %). -1: none.
    """
    rules = len(a)
    out, best = np.full(rules, -1, np.int64), np.zeros(rules)
    if not rules:
        return out
    rule_at = np.full((n, n), -1, np.int32)
    rule_at[a, b] = np.arange(rules)
    by = np.argsort(followers.rule, kind="stable")
    starts = np.searchsorted(followers.rule[by], np.arange(rules + 1))
    customers = followers.customer[by]
    for r in range(rules):
        middles = np.flatnonzero((rule_at[a[r]] >= 0) & (rule_at[:, b[r]] >= 0))
        mine = customers[starts[r] : starts[r + 1]]
        for m in middles:
            first, second = rule_at[a[r], m], rule_at[m, b[r]]
            chain = np.intersect1d(
                np.intersect1d(mine, customers[starts[first] : starts[first + 1]]),
                customers[starts[second] : starts[second + 1]],
            )
            rest, share = followed[r] - len(chain), 1 - followed[first] / exposed[r]
            alone = expected[a[r], b[r]] * max(share, 0.0)
            if len(chain) > best[r] and stats.poisson.sf(rest - 1, alone) >= DIRECTED:
                best[r], out[r] = len(chain), m
    return out
