"""What a user meets of the rules: columns, relations, questions that cannot be answered."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb


@pytest.fixture(scope="module")
def links(small_orders):
    return {
        occurrence: nb.SequentialRules(level="category", fdr=None, min_followed=5, occurrence=occurrence).fit(
            small_orders
        )
        for occurrence in ("first", "any")
    }


def test_the_shuffle_within_customers_is_for_first_purchases(links):
    """`p_within` is a probability for first purchases, and NaN where repeated ones count too."""
    first, other = (links[name].rules_["p_within"] for name in ("first", "any"))
    assert first.between(0, 1).all()
    assert first.nunique() > 20
    assert other.isna().all()


def test_figures_hang_together(links):
    """Bounds enclose what they bound, shares are shares, lags lie inside the window in their order."""
    for fitted in links.values():
        r = fitted.rules_
        assert (r["followed"] <= r["exposed"]).all()
        assert r["confidence"].between(r["confidence_low"], r["confidence_high"]).all()
        assert (r["lift_low"] <= r["lift"] * (1 + 1e-9)).all()
        assert r["direction"].between(r["direction_low"], r["direction_high"]).all()
        assert (r["p_value"] <= r["q_value"] * (1 + 1e-12)).all()
        assert ((r["lag_p10"] <= r["lag_p50"]) & (r["lag_p50"] <= r["lag_p90"])).all()
        assert r[["lag_p10", "lag_p90"]].stack().between(0, 180).all()
        assert set(r["timing_signal"]) <= {"none", "weak", "strong"}


def test_relation_follows_the_direction(links):
    """Without a leaf category above the level, a rule follows when the order test passes, else either order goes."""
    r = links["first"].rules_
    assert (r["relation"] == np.where(r["directed"], "follows", "either_order")).all()


def test_asked_rules_have_the_figures_that_they_have_among_all(links, small_orders):
    """`antecedents=` restricts what is reported, not what the null is estimated from."""
    whole = links["first"].rules_
    first = whole.iloc[0]["antecedent"]
    options = {"level": "category", "fdr": None, "min_followed": 5}
    some = nb.SequentialRules(**options, antecedents=[first]).fit(small_orders).rules_
    wanted = whole[whole["antecedent"] == first].reset_index(drop=True)
    columns = ["consequent", "exposed", "followed", "expected", "lift_low", "p_value", "direction"]
    pd.testing.assert_frame_equal(some[columns], wanted[columns])


def test_what_cannot_be_answered_says_what_to_do(links):
    """Unknown items and missing rules are refused, with a way on."""
    with pytest.raises(nb.InputError, match="is not among the"):
        links["first"].after("no such category")
    with pytest.raises(nb.InputError, match="Refit with fdr=None"):
        links["first"].lags("tiles", "tiles")
