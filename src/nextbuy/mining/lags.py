"""How long B takes to follow A: lag tables of chosen rules, and their shrinkage.

A lag table counts, per rule and lag bin, the followers and the days that exposed customers were watched. Both are
sums over customers. The end of every watch is known (the window or the end of the data), so nothing is assumed
about what was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special, stats

from nextbuy.mining.expansion import pairs
from nextbuy.mining.exposures import Occurrence, Purchases, anchors, spans
from nextbuy.mining.lagshapes import find_shapes, shape_weights
from nextbuy.mining.parts import Counts, in_grains

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGES = np.array([0, 1, 3, 7, 14, 21, 30, 45, 60, 75, 90, 120, 150, 180, 240, 300, 365])
SHAPED = 0.04  # the chi-squared tail is a little short here: of flat rules 5 % fall below this


def edges(window_days: int) -> NDArray[np.int64]:
    """Lag bin edges in days up to the window's end."""
    return np.append(EDGES[window_days > EDGES], window_days)


@dataclass
class LagCounts(Counts):
    """Counts by rule (rows) and lag bin (columns); additive over customers.

    Attributes
    ----------
    followers : ndarray of int64
        Exposed customers who bought B in the bin.
    watch_days : ndarray of int64
        Days in the bin on which an exposed customer had not bought B and was watched.
    entered, lost : ndarray of int64
        Customers still watched at the bin's start, and those whose data ends inside the bin.
    both, by_chance : (rules,) ndarray of float64
        Customers who bought both items; how many of them would show B within the window after A if each customer's
        own purchases were shuffled over the own order days.
    """

    followers: NDArray[np.int64]
    watch_days: NDArray[np.int64]
    entered: NDArray[np.int64]
    lost: NDArray[np.int64]
    both: NDArray[np.float64]
    by_chance: NDArray[np.float64]


@dataclass(frozen=True)
class Followers:
    """One row per customer who followed a rule: which rule, which customer, after how many days."""

    rule: NDArray[np.int64]
    customer: NDArray[np.int32]
    lag: NDArray[np.int32]


def count_lags(
    events: Purchases,
    antecedent: NDArray[np.int64],
    consequent: NDArray[np.int64],
    *,
    window_days: int,
    burn_in_days: int = 0,
    occurrence: Occurrence = "first",
) -> tuple[LagCounts, Followers]:
    """Tabulate the lags of chosen rules. Time linear in the pair events of their antecedents."""
    rules, width = len(antecedent), window_days + 2  # a watch or a lag lasts 0..window_days
    if occurrence == "first":
        events = events.where(events.first)
    rows = anchors(events, burn_in_days=burn_in_days)
    first, after, until = spans(events, rows, window_days)
    size = np.bincount(events.customer, minlength=events.n_customers).astype(np.float64)
    followed = np.bincount(events.customer[rows], until - after, events.n_customers)
    chance = in_grains(followed / np.maximum(size * (size - 1), 1))
    wanted = np.zeros(events.n_items, dtype=bool)
    wanted[antecedent] = True
    use = wanted[events.item[rows]]
    rows, first = rows[use], first[use]
    watch = np.zeros(len(events.day), np.int64)
    watch[rows] = np.minimum(events.end - 1 - events.day[rows], window_days)
    by_item = np.bincount(events.item[rows] * np.int64(width) + watch[rows], minlength=events.n_items * width)
    whole = by_item.reshape(-1, width)[antecedent]

    def tally(rule: NDArray, length: NDArray) -> NDArray[np.int64]:
        return np.bincount(rule * width + length, minlength=rules * width).reshape(rules, width)

    key = antecedent * np.int64(events.n_items) + consequent
    by = np.argsort(key)
    key = key[by]
    followed_watch, came, early = (np.zeros((rules, width), np.int64) for _ in range(3))
    both, by_chance = np.zeros(rules), np.zeros(rules)
    follow = [(np.zeros(0, np.int64),) * 3]
    last = np.searchsorted(events.customer, events.customer[rows], side="right")
    for left, right in pairs(rows, low=first, high=last) if rules else ():
        pair = events.item[left] * np.int64(events.n_items) + events.item[right]
        at = np.minimum(np.searchsorted(key, pair), rules - 1)
        known = key[at] == pair
        one, two, rule = left[known], right[known], by[at[known]]
        lag = events.day[two] - events.day[one]
        if occurrence == "any":
            keep = (events.previous[two] <= events.day[one]) & (lag > 0)
            one, rule, lag = one[keep], rule[keep], lag[keep]
        both += np.bincount(rule, minlength=rules)
        by_chance += np.bincount(rule, chance[events.customer[one]], minlength=rules)
        early += tally(rule[lag <= 0], watch[one[lag <= 0]])
        now = (lag > 0) & (lag <= window_days)
        followed_watch += tally(rule[now], watch[one[now]])
        came += tally(rule[now], lag[now])
        follow.append((rule[now], events.customer[one[now]], lag[now]))
    quiet = whole - early - followed_watch  # exposed customers without a follower, by length of watch
    table = _life_table(came, quiet, edges(window_days), both, by_chance)
    rule, customer, lag = (np.concatenate([part[j] for part in follow]) for j in range(3))
    return table, Followers(rule, customer.astype(np.int32), lag.astype(np.int32))


def tabulate(
    rule: NDArray[np.int64], watch_days: NDArray, lag_days: NDArray, *, rules: int, window_days: int
) -> LagCounts:
    """Tabulate exposures given one by one: their rule, how long each was watched, and the lag (-1: not followed).

    A lag beyond the watch or the window was not seen. Two passes over the exposures.
    """
    width = np.int64(window_days + 2)
    watch = np.minimum(watch_days, window_days).astype(np.int64)
    seen = (lag_days > 0) & (lag_days <= watch)
    came, quiet = (
        np.bincount(r * width + length, minlength=rules * width).reshape(rules, width)
        for r, length in ((rule[seen], lag_days[seen].astype(np.int64)), (rule[~seen], watch[~seen]))
    )
    none = np.zeros(rules)
    return _life_table(came, quiet, edges(window_days), none, none)


def _life_table(
    came: NDArray[np.int64],
    quiet: NDArray[np.int64],
    bins: NDArray[np.int64],
    both: NDArray,
    by_chance: NDArray,
) -> LagCounts:
    """Sum followers and watches, given by rule and day, into lag bins."""
    followers = _by_bin(came, bins)
    lost = _by_bin(quiet[:, : bins[-1]], bins)  # who was watched through the whole window is not lost
    ends = came + quiet
    exposed = ends.sum(axis=1, keepdims=True)
    at_least = np.cumsum(ends[:, ::-1], axis=1)[:, ::-1]  # customers watched for so many days or more
    watched = np.cumsum(at_least, axis=1)[:, bins] - exposed
    gone = np.cumsum(followers + lost, axis=1)
    entered = exposed - np.concatenate([np.zeros_like(exposed), gone[:, :-1]], axis=1)
    return LagCounts(followers, np.diff(watched, axis=1), entered, lost, both, by_chance)


def _by_bin(by_day: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum columns 1..window (days) into the bins (low, high]; day 0 goes to the first."""
    total = np.cumsum(by_day, axis=1)
    total = np.concatenate(
        [total, np.repeat(total[:, -1:], max(0, bins[-1] + 1 - total.shape[1]), axis=1)], axis=1
    )
    upper = total[:, bins[1:]]
    return np.diff(upper, axis=1, prepend=0)


def kaplan_meier(counts: LagCounts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of exposed customers who follow by the end of the window, and its Greenwood variance.

    Actuarial life table over the lag bins (customers lost inside a bin count for half of it); without censoring it is
    the plain share.
    """
    risk = counts.entered - counts.lost / 2
    q = np.divide(counts.followers, risk, out=np.zeros(risk.shape), where=risk > 0)
    q = np.minimum(q, 1.0)
    stay = np.prod(1 - q, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((risk > 0) & (q < 1), q / ((1 - q) * np.maximum(risk, 1e-12)), 0.0)
    return 1 - stay, stay**2 * terms.sum(1)


@dataclass(frozen=True)
class LagTable:
    """Shrunk hazards of rules by lag bin.

    Attributes
    ----------
    hazard : (rules, bins) ndarray of float64
        Chance per day that B comes, given that it has not come yet.
    bins : (bins + 1,) ndarray of int64
        Edges in days.
    pooled : (bins,) ndarray of float64
        Hazard of all rules together.
    nu, c : float
        How much rules differ in level (small: much) and in shape (small: much).
    """

    hazard: NDArray[np.float64]
    bins: NDArray[np.int64]
    pooled: NDArray[np.float64]
    nu: float
    c: float

    def cumulative(self, days: NDArray[np.float64], rule: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cumulative hazard of `rule` after `days`; flat beyond the window (nothing is extrapolated)."""
        d = np.minimum(np.maximum(np.asarray(days, np.float64), 0), self.bins[-1])
        k = np.minimum(np.searchsorted(self.bins, d, side="right"), len(self.bins) - 1) - 1
        out: NDArray[np.float64] = self.totals[rule, k] + self.hazard[rule, k] * (d - self.bins[k])
        return out

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """Cumulative hazard at each edge: (rules, bins + 1)."""
        total = np.cumsum(self.hazard * np.diff(self.bins), axis=1)
        return np.concatenate([np.zeros((len(total), 1)), total], axis=1)

    def probability(
        self, rule: NDArray[np.int64], *, elapsed_days: NDArray, horizon_days: float
    ) -> NDArray[np.float64]:
        """Chance that B comes within the next `horizon_days`, given that it has not come in `elapsed_days`."""
        s = np.asarray(elapsed_days, np.float64)
        gone = self.cumulative(s + horizon_days, rule) - self.cumulative(s, rule)
        return -np.expm1(-gone)

    def quantiles(self, *probabilities: float) -> NDArray[np.float64]:
        """Lag in days by which a share of those who follow has followed: (rules, probabilities)."""
        grid = np.arange(self.bins[-1] + 1.0)
        rules = np.arange(len(self.hazard))
        out = np.empty((len(rules), len(probabilities)))
        for at in range(0, len(rules), 4096):
            part = rules[at : at + 4096]
            done = -np.expm1(-self.cumulative(np.tile(grid, len(part)), np.repeat(part, len(grid)))).reshape(
                len(part), -1
            )
            done /= np.maximum(done[:, -1:], 1e-300)
            for j, p in enumerate(probabilities):
                k = np.maximum((done < p).sum(1), 1)
                rows = np.arange(len(part))
                a, b = done[rows, k - 1], done[rows, np.minimum(k, done.shape[1] - 1)]
                out[part, j] = k - 1 + np.where(b > a, (p - a) / np.maximum(b - a, 1e-300), 0.0)
        return out


def shrink(counts: LagCounts, *, window_days: int) -> LagTable:
    """Shrink each rule's hazards to the lag shapes that rules have in common, at the rule's own level.

    Three levels. The pooled hazard; a few shapes lam_jk, each rule a mixture of them with weights w_rj (expectation
    maximisation, their number by the Bayesian information criterion; one where lags have no shape of their own); the
    rule: theta_rj = (nu + D_r) / (nu + sum_k lam_jk E_rk) is its level and
    sum_j w_rj (d_rk + c) / (E_rk + c / (theta_rj lam_jk)) its hazard. nu and c maximise the marginal (negative
    binomial) likelihood.
    """
    bins = edges(window_days)
    d, watched = counts.followers.astype(np.float64), counts.watch_days.astype(np.float64)
    if not len(d):
        k = len(bins) - 1
        return LagTable(np.zeros((0, k)), bins, np.zeros(k), 1.0, 1.0)
    pooled = np.maximum(d.sum(0), 0.5) / np.maximum(watched.sum(0), 1.0)
    total = d.sum(1)
    expected = watched @ pooled
    nu = _best(lambda nu: _marginal(total, expected, nu))
    shape = find_shapes(d, watched, pooled)
    weight = shape_weights(d, watched, shape)[0]
    level = (nu + total[:, None]) / (nu + watched @ shape.hazard.T)
    mean = (weight * level) @ shape.hazard * watched
    seen = watched > 0
    c = _best(lambda c: _marginal(d[seen], mean[seen], c))
    hazard = np.zeros_like(d)
    for j, own in enumerate(shape.hazard):
        hazard += weight[:, j, None] * (d + c) / (watched + c / (level[:, j, None] * own))
    return LagTable(hazard, bins, pooled, nu, c)


def _marginal(d: NDArray[np.float64], mean: NDArray[np.float64], c: float) -> float:
    """Negative binomial log likelihood of counts with a gamma(c, c) multiplier on `mean`."""
    mean = np.maximum(mean, 1e-12)
    return float(
        (
            special.gammaln(c + d)
            - special.gammaln(c)
            + c * np.log(c / (c + mean))
            + d * np.log(mean / (c + mean))
        ).sum()
    )


def _best(likelihood: object) -> float:
    found = optimize.minimize_scalar(lambda x: -likelihood(np.exp(x)), bounds=(-4.0, 9.0), method="bounded")  # type: ignore[operator]
    return float(np.exp(found.x))


def _join(expected: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """Number neighbouring bins so that each group expects `least`; what is left over joins the last group."""
    group = np.zeros(len(expected), np.int64)
    number, inside = 0, 0.0
    for place, value in enumerate(expected):
        group[place] = number
        inside += value
        if inside >= least:
            number, inside = number + 1, 0.0
    return np.minimum(group, max(number - 1, 0))


def timing_signal(
    counts: LagCounts, background: NDArray[np.float64]
) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    """Say whether a rule has a lag shape of its own: "none", "weak" or "strong", with the p-value.

    `background` is the hazard by lag bin of what is unrelated (what exposure and fading activity alone give): one for
    all rules, or one a rule (`pace.own_pace`). The rule's followers are tested against it by a likelihood ratio over
    neighbouring bins joined until each expects five;
    strong means significant and at least half of what a perfect timer could gain: total variation >= .25.
    """
    d, weight = counts.followers.astype(np.float64), counts.watch_days * background
    p, distance = np.ones(len(d)), np.zeros(len(d))
    for r in range(len(d)):
        total = d[r].sum()
        if total < 10 or weight[r].sum() <= 0:
            continue
        e = weight[r] * total / weight[r].sum()
        group = _join(e, 5.0)
        o_g, e_g = np.bincount(group, d[r]), np.bincount(group, e)
        # Williams (1976): without it more flat rules seem to have a shape
        g = 2 * (special.xlogy(o_g, o_g / e_g)).sum() / (1 + (len(o_g) + 1) / (6 * total))
        p[r] = stats.chi2.sf(g, max(len(o_g) - 1, 1))
        distance[r] = np.abs(o_g - e_g).sum() / 2 / total
    word = np.where(p >= SHAPED, "none", np.where((p < 0.001) & (distance >= 0.25), "strong", "weak"))
    return word, p
