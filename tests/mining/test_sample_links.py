"""What is planted in the sample is found, and what is not is not."""

import pytest

import nextbuy as nb


@pytest.fixture(scope="module")
def links(sample_orders):
    return nb.SequentialRules(level="category").fit(sample_orders)


@pytest.fixture(scope="module")
def planted(sample):
    truth = sample.truth
    return truth[(truth["kind"] == "link") & (truth["antecedent"] == "tiles")].set_index("consequent")


def test_all_bathroom_followers_stand_in_the_first_ten(links, planted):
    """The six planted followers of tiles are among its ten strongest rules."""
    assert len(planted) == 6
    assert set(planted.index) <= set(links.after("tiles", k=10)["consequent"])


def test_rules_come_strongest_first(links):
    """Rules are ordered by the lower bound of their lift."""
    assert links.rules_["lift_low"].is_monotonic_decreasing
    assert links.after("tiles", k=10)["lift_low"].is_monotonic_decreasing


def test_no_bathroom_rule_is_reversed(links, planted):
    """No rule leads from a planted follower back to tiles."""
    assert not set(links.rules_.query("consequent == 'tiles'")["antecedent"]) & set(planted.index)


def test_median_lags_are_the_planted_ones(links, planted):
    """The median lag of each follower lies within 15 % of the planted one."""
    found = links.after("tiles", k=20).set_index("consequent")["lag_p50"]
    for consequent, median in planted["lag_p50"].items():
        assert found[consequent] == pytest.approx(median, rel=0.15)


def test_no_decoy_becomes_a_rule(links, sample):
    """Pairs that activity or season alone throws together are no rules at a false discovery rate of 5 %."""
    truth = sample.truth
    decoys = truth[truth["kind"].str.startswith("decoy") & (truth["level"] == "category")]
    pairs = set(zip(decoys["antecedent"], decoys["consequent"], strict=True))
    assert len(pairs) > 30
    found = set(zip(links.rules_["antecedent"], links.rules_["consequent"], strict=True))
    assert not pairs & found


def test_counts_of_a_rule_can_be_recounted(links, sample):
    """Exposed and followed of tiles -> bathtub are what plain pandas counts in the raw lines."""
    lines = sample.orders.merge(sample.catalog[["item_id", "category"]], on="item_id")
    kept = _kept(lines)
    first = kept.groupby(["customer_id", "category"])["day"].min().unstack()
    exposed = first[first["tiles"].notna() & ~(first["bathtub"] <= first["tiles"])]
    followed = (exposed["bathtub"] - exposed["tiles"]).dt.days <= 180
    row = links.after("tiles", k=20).set_index("consequent").loc["bathtub"]
    # a part of the returns cancels purchases; a hand count that drops only plain wholly returned lines comes close
    assert row["exposed"] == pytest.approx(len(exposed), rel=0.01)
    assert row["followed"] == pytest.approx(followed.sum(), rel=0.01)


def _kept(lines):
    bought = lines[lines["quantity"] > 0].assign(day=lambda f: f["timestamp"].dt.normalize())
    back = lines[lines["quantity"] < 0].groupby(["customer_id", "item_id"])["quantity"].sum().rename("back")
    total = bought.groupby(["customer_id", "item_id"])["quantity"].sum().rename("total")
    net = total.to_frame().join(back).fillna(0).eval("total + back").rename("net").reset_index()
    return bought.merge(net[net["net"] > 0], on=["customer_id", "item_id"])
