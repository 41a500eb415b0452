"""The written truth holds together."""

import pytest
from scipy import stats

from nextbuy.datasets import truth_table
from nextbuy.datasets.projects import PROJECTS
from nextbuy.datasets.shop import shop_categories


@pytest.fixture(scope="module")
def truth():
    return truth_table().to_pandas()


def _row(truth, kind, antecedent, consequent):
    found = truth[
        (truth["kind"] == kind) & (truth["antecedent"] == antecedent) & (truth["consequent"] == consequent)
    ]
    assert len(found) == 1
    return found.iloc[0]


def test_the_bathroom_is_planted(truth):
    """Tiles are followed by bathtub, toilet, sink, cabinet, shower and tap, with different lags."""
    links = truth[(truth["kind"] == "link") & (truth["antecedent"] == "tiles")]
    assert set(links["consequent"]) == {"bathtub", "toilet", "sink", "cabinet", "shower", "tap"}
    assert links["lag_mean_days"].is_unique
    assert links["share"].between(0.25, 0.55).all()
    assert (links["lag_p90"] < 180).all()


def test_sizes(truth):
    """There are about eight projects and 35 to 50 links."""
    assert truth.query("kind == 'link'")["project"].nunique() >= 8
    assert 35 <= (truth["kind"] == "link").sum() <= 50


def test_no_pair_is_of_two_kinds(truth):
    """A pair of categories is a link, or induced, or a decoy, but not two of them."""
    assert not truth.duplicated(["antecedent", "consequent"]).any()


def test_each_consequent_has_one_antecedent(truth):
    """No good is planted twice, so that each link's share is its own."""
    assert truth.loc[truth["kind"] == "link", "consequent"].is_unique
    assert not {p.start for p in PROJECTS} & set(truth.loc[truth["kind"] == "link", "consequent"])


def test_every_name_is_a_category_of_the_shop(truth):
    """The truth speaks of categories that exist."""
    known = {shelf.category for shelf in shop_categories()}
    rows = truth[truth["level"] == "category"]
    assert set(rows["antecedent"]) | set(rows["consequent"]) <= known


def test_gamma_quantiles_by_another_road(truth):
    """A gamma of shape 3 is a chi-square of six degrees of freedom, stretched."""
    row = _row(truth, "link", "tiles", "shower")
    for share, column in ((0.1, "lag_p10"), (0.5, "lag_p50"), (0.9, "lag_p90")):
        assert row[column] == pytest.approx(20 / 3 / 2 * stats.chi2.ppf(share, 6))


def test_chains_multiply(truth):
    """Units, worktop (.55 after 12 days), sink (.50 after 10): the way together is .275 after 22 days."""
    row = _row(truth, "indirect", "kitchen_units", "kitchen_sink")
    assert row["share"] == pytest.approx(0.275)
    assert row["lag_mean_days"] == pytest.approx(22)


def test_common_causes_are_written_down(truth):
    """Bathtub and tap, both after the tiles, are induced both ways; adhesive goes with the tiles."""
    for pair in (("bathtub", "tap"), ("tap", "bathtub"), ("adhesive", "bathtub")):
        assert _row(truth, "induced", *pair)["project"] == "bathroom"
    assert truth.query("antecedent == 'bathtub' and consequent == 'tiles'").empty
    assert truth.query("consequent == 'cot' and kind == 'induced'").empty
