"""The decoys deceive plain tests, and nothing but activity and season is behind them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nextbuy.datasets import load_sample

WINDOW_DAYS = 180


@pytest.fixture(scope="module")
def sample():
    return load_sample()


@pytest.fixture(scope="module")
def lines(sample):
    kept = sample.orders[sample.orders["quantity"] > 0]
    lines = kept.merge(sample.catalog[["item_id", "category"]], on="item_id")
    return lines.assign(day=lines["timestamp"].dt.normalize())


@pytest.fixture(scope="module")
def owned(lines):
    """Whether each customer ever bought each category."""
    return pd.crosstab(lines["customer_id"], lines["category"]) > 0


def _table(a, b):
    return np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]])


def _pairs(truth, kind, level="category"):
    rows = truth[(truth["kind"] == kind) & (truth["level"] == level)]
    return list(zip(rows["antecedent"], rows["consequent"], strict=True))


@pytest.mark.parametrize("kind", ["decoy_busy", "decoy_season", "taste"])
def test_a_plain_fisher_test_calls_decoys_linked(sample, owned, kind):
    """Bought both, over all customers: each pair of the kind is significant with an odds ratio above 1."""
    for a, b in _pairs(sample.truth, kind):
        odds, p = stats.fisher_exact(_table(owned[a], owned[b]), alternative="greater")
        assert p < 1e-6, (a, b, p)
        assert odds > 1.2


def test_cups_are_bought_together_in_either_order(sample, lines):
    """Two colours of one cup pass Fisher's test; which comes first is a coin toss."""
    (a, b), _ = _pairs(sample.truth, "taste", level="item")
    first = lines.groupby(["customer_id", "item_id"])["day"].min().unstack()
    every = pd.Series(True, index=first.index)
    _, p = stats.fisher_exact(
        _table(first[a].notna() & every, first[b].notna() & every), alternative="greater"
    )
    assert p < 1e-6
    forward, back = (first[a] < first[b]).sum(), (first[a] > first[b]).sum()
    assert forward + back > 50
    assert stats.binomtest(int(forward), int(forward + back)).pvalue > 0.001


def test_seasons_look_like_sequences(sample, lines):
    """Within 180 days of the first A, B comes far more often than within 180 days of any first order."""
    first = lines.groupby(["customer_id", "category"])["day"].min().unstack()
    start = lines.groupby("customer_id")["day"].min()
    for a, b in _pairs(sample.truth, "decoy_season"):
        after_a = (first[b] - first[a]).dt.days.where(first[a].notna())
        after_any = (first[b] - start).dt.days
        exposed, others = first[a].notna(), first[a].isna()
        followed = after_a.between(1, WINDOW_DAYS)[exposed].sum()
        anyway = after_any.between(1, WINDOW_DAYS)[others].sum()
        table = [[followed, exposed.sum() - followed], [anyway, others.sum() - anyway]]
        assert stats.fisher_exact(table, alternative="greater").pvalue < 0.001, (a, b)
        back = (first[a] - first[b]).dt.days.between(1, WINDOW_DAYS).sum()
        assert stats.binomtest(int(followed), int(followed + back), alternative="greater").pvalue < 0.01, (
            a,
            b,
        )


def _stratified_odds(a, b, stratum):
    """Pool the odds ratios of the strata (Mantel and Haenszel 1959)."""
    counts = pd.DataFrame({
        "n": 1, "ab": a & b, "a_": a & ~b, "_b": ~a & b, "__": ~a & ~b,
    }).groupby(stratum).sum()  # fmt: skip
    return (counts["ab"] * counts["__"] / counts["n"]).sum() / (
        counts["a_"] * counts["_b"] / counts["n"]
    ).sum()


def test_decoys_vanish_among_equally_busy_customers(shop, purchases):
    """Among customers with equally many everyday lines decoys lose their link; planted links keep theirs."""
    owned = pd.crosstab(purchases["customer_id"], purchases["category"]) > 0
    planned = shop.truth.loc[shop.truth["kind"].isin(["link", "replenishment"]), ["antecedent", "consequent"]]
    everyday = ~purchases["category"].isin(planned.to_numpy().ravel())
    lines = everyday.groupby(purchases["customer_id"]).sum()
    ratios = {
        kind: np.array([_stratified_odds(owned[a], owned[b], lines) for a, b in _pairs(shop.truth, kind)])
        for kind in ("decoy_busy", "decoy_season", "link")
    }
    for kind in ("decoy_busy", "decoy_season"):
        assert 0.8 < np.median(ratios[kind]) < 1.1
        assert ratios[kind].max() < 1.25
    assert np.median(ratios["link"]) > 5
