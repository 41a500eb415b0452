"""What a rule is worth, from counts: every measure here is a function of whole arrays and knows no ids.

Evidence is counted in distinct customers. Where one customer's orders repeat the same set, the orders behind
a rule are more than the independent observations it has. Rao and Scott (1992) treat such clustered counts by
dividing them by the design effect and using the ordinary methods on the rest; the design effect of a rule
here is its orders per customer. So a rule seen in 60 orders of 12 customers weighs as much as one seen in 12
orders of 12 customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.mining.special import log_factorial

if TYPE_CHECKING:
    from numpy.typing import NDArray

MLXTEND = (
    "antecedent support",
    "consequent support",
    "support",
    "confidence",
    "lift",
    "representativity",
    "leverage",
    "conviction",
    "zhangs_metric",
    "jaccard",
    "certainty",
    "kulczynski",
)


@dataclass(frozen=True, eq=False)
class Counts:
    """By rule the orders that hold antecedent, consequent and both, and the customers of both."""

    antecedent: NDArray[np.int64]
    consequent: NDArray[np.int64]
    both: NDArray[np.int64]
    customers: NDArray[np.int64]
    n_orders: int

    @property
    def design_effect(self) -> NDArray[np.float64]:
        """Orders per customer of the rule; 1 when each order is another customer."""
        return self.both / np.maximum(self.customers, 1)


def interest(antecedent: NDArray, consequent: NDArray, both: NDArray) -> dict[str, NDArray[np.float64]]:
    """Give mlxtend's twelve measures from the supports (shares) of antecedent, consequent and both.

    The same formulas in the same order of operations as mlxtend 0.25 `association_rules`, so that values
    agree to the last bits: conviction is infinite where confidence is 1, zhangs_metric and certainty are 0
    where their denominator is 0, representativity is 1 because no order has missing values here.

    References
    ----------
    Agrawal, Imielinski, Swami (1993) support and confidence; Brin et al. (1997) lift and conviction;
    Piatetsky-Shapiro (1991) leverage; Yilmaz, Zhang (2010) zhangs_metric; Shortliffe, Buchanan (1975)
    certainty; Kulczynski (1927).
    """
    confidence = both / antecedent
    leverage = both - antecedent * consequent
    spread = np.maximum(both * (1 - antecedent), antecedent * (consequent - both))
    with np.errstate(divide="ignore", invalid="ignore"):
        conviction = np.where(confidence < 1.0, (1.0 - consequent) / (1.0 - confidence), np.inf)
        zhang = np.where(spread == 0, 0.0, leverage / spread)
        certainty = np.where(1 - consequent == 0, 0.0, (confidence - consequent) / (1 - consequent))
    return {
        "antecedent support": antecedent,
        "consequent support": consequent,
        "support": both,
        "confidence": confidence,
        "lift": confidence / consequent,
        "representativity": np.ones(len(both)),
        "leverage": leverage,
        "conviction": conviction,
        "zhangs_metric": zhang,
        "jaccard": both / (antecedent + consequent - both),
        "certainty": certainty,
        "kulczynski": (confidence + both / consequent) / 2,
    }


def wilson_interval(
    hits: NDArray, trials: NDArray, *, z: float = 1.959963984540054
) -> tuple[NDArray, NDArray]:
    """Give the lower and upper bound of a share; 95 % unless `z` says otherwise.

    Counts may be fractions.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    trials = np.maximum(trials, 1e-150)  # its square is a number too
    share = hits / trials
    centre = share + z * z / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return np.maximum((centre - half) / scale, 0.0), np.minimum((centre + half) / scale, 1.0)


def confidence_interval(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson interval of the confidence on customer-effective counts."""
    return wilson_interval(counts.customers.astype(np.float64), counts.antecedent / counts.design_effect)


def fisher(counts: Counts) -> NDArray[np.float64]:
    """One-sided Fisher p on customer-effective counts: at least so many together if nothing bound them.

    The four margins are divided by the rule's design effect and rounded; without customers that changes
    nothing and the test is the exact one over orders.

    References
    ----------
    Fisher (1935); Rao, Scott (1992), A simple method for the analysis of clustered binary data.
    """
    effect = counts.design_effect
    x = counts.customers
    a = np.maximum(np.rint(counts.antecedent / effect).astype(np.int64), x)
    c = np.maximum(np.rint(counts.consequent / effect).astype(np.int64), x)
    n = np.maximum(np.rint(counts.n_orders / effect).astype(np.int64), a + c - x)
    return hypergeometric_tail(x, a, c, n)


def hypergeometric_tail(x: NDArray, drawn: NDArray, marked: NDArray, total: NDArray) -> NDArray[np.float64]:
    """P(at least x marked among `drawn` out of `total`), by summing the shorter tail outwards from x."""

    def log_choose(n: NDArray, k: NDArray) -> NDArray:
        chosen: NDArray = log_factorial(n) - log_factorial(k) - log_factorial(n - k)
        return chosen

    low = np.maximum(0, drawn + marked - total)
    upper = x * total.astype(np.float64) > drawn * marked.astype(np.float64)
    start = np.where(upper, x, x - 1)
    inside = (start >= low) & (start <= np.minimum(drawn, marked))
    at = np.where(inside, start, low)
    first = np.exp(log_choose(marked, at) + log_choose(total - marked, drawn - at) - log_choose(total, drawn))
    tail: NDArray[np.float64] = np.zeros(len(x))
    for side, step in ((upper, 1.0), (~upper, -1.0)):
        rows = np.flatnonzero(inside & side)
        i, k, m, n = (v[rows].astype(np.float64) for v in (at, drawn, marked, total))
        tail[rows] = _outwards(i, k, m, n, step=step)
    tail *= first
    return np.clip(np.where(upper, tail, 1.0 - tail), 0.0, 1.0)


def _outwards(i: NDArray, k: NDArray, m: NDArray, n: NDArray, *, step: float) -> NDArray[np.float64]:
    """Sum the probabilities from i upwards (step 1) or downwards (-1), relative to that of i."""
    rest = n - k - m
    if step < 0:  # the same walk with the roles of drawn and not drawn changed
        i, rest, m = k - i, m - k, n - m
    rows: NDArray[np.int64] = np.arange(len(i))
    out: NDArray[np.float64] = np.ones(len(i))
    term, total = out.copy(), out.copy()
    while len(rows):
        for _ in range(4):
            term = term * ((k - i) * (m - i) / ((i + 1) * (rest + i + 1)))
            total += term
            i = i + 1
        go = term > total * 1e-17
        if not go.all():
            out[rows[~go]] = total[~go]
            rows, i, k, m = rows[go], i[go], k[go], m[go]
            rest, term, total = rest[go], term[go], total[go]
    return out


def benjamini_hochberg(p_value: NDArray[np.float64], *, tests: int) -> NDArray[np.float64]:
    """Give q: the smallest false-discovery rate at which each rule passes, among `tests` that were tried.

    References
    ----------
    Benjamini, Hochberg (1995); Webb (2007), Discovering significant patterns (count the whole search space).
    """
    order = np.argsort(p_value, kind="stable")
    ranked = p_value[order] * max(tests, len(p_value)) / np.arange(1, len(p_value) + 1)
    q = np.empty(len(p_value))
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def expected_customers(counts: Counts) -> NDArray[np.float64]:
    """Give the customers to expect if nothing bound the two: expected orders over the design effect."""
    return counts.antecedent * (counts.consequent / counts.n_orders) / counts.design_effect
