"""Explanations: their parts add up, and each can be recounted."""

import re
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.predict.candidates import new_candidates, repeat_candidates
from nextbuy.predict.history import Timeline
from nextbuy.predict.shares import AVERAGE, _shapley, source_of, source_shares


@pytest.fixture(scope="module")
def rows(small_model):
    return small_model.predict(k=30)


def _explained(model, rows, source, *, many=3):
    some = rows[rows["source"] == source].sort_values("probability", ascending=False).head(many)
    assert len(some)
    return [(row, model.explain(row.customer_id, row.item_id)) for row in some.itertuples()]


@pytest.mark.parametrize("source", ["sequence", "repurchase", "similar_customers", "popular"])
def test_the_parts_add_up_to_the_probability(source, small_model, rows):
    """What an average candidate has and what each source adds is the prediction's own probability."""
    for row, found in _explained(small_model, rows, source):
        assert found.probability == pytest.approx(row.probability)
        assert found.reason == row.reason
        assert found.sources["adds"].sum() == pytest.approx(row.probability)
        assert found.sources["share"].sum() == pytest.approx(1)
        assert found.sources["source"].iloc[0] == AVERAGE


def test_a_running_rule_adds_most_where_it_gives_the_reason(small_model, rows):
    """For the surest sequence rows the rules add more than any other source."""
    for _, found in _explained(small_model, rows, "sequence"):
        adds = found.sources.set_index("source")["adds"].drop(AVERAGE)
        assert adds.idxmax() == "sequence"
        assert len(found.rules)
        assert found.rules["chance"].between(0, 1).all()


def test_purchases_are_the_customers_own(small_model, small_orders, rows):
    """Items, first and last day and number of days are what pandas finds."""
    customer = rows["customer_id"].iloc[400]
    found = small_model.explain(customer, rows["item_id"].iloc[0]).purchases
    lines = small_orders.frame().query("customer_id == @customer")
    days = lines.assign(day=lines["timestamp"].dt.normalize()).groupby("item_id")["day"]
    wanted = days.agg(["min", "max", "nunique"]).reindex(found["item_id"])
    assert len(found) == lines["item_id"].nunique()
    assert (found["first_date"].to_numpy() == wanted["min"].to_numpy()).all()
    assert (found["last_date"].to_numpy() == wanted["max"].to_numpy()).all()
    assert (found["days"].to_numpy() == wanted["nunique"].to_numpy()).all()
    assert found["last_date"].is_monotonic_decreasing


def test_text_and_page_hold_the_same(small_model, rows):
    """Text and HTML name the probability, every source, the rule and the purchases; ids are no markup."""
    _, found = _explained(small_model, rows, "sequence", many=1)[0]
    rule = found.rules.iloc[0]
    text, page = str(found), found._repr_html_()
    for word in (
        f"{found.probability:.1%} within 30 days",
        f"{rule['antecedent']} (bought {rule['bought_on']:%Y-%m-%d}), then {rule['consequent']}",
        f"{rule['followed']:,} of {rule['exposed']:,}; {rule['chance']:.1%} within",
        "rules that run",
        found.purchases["item_id"].iloc[0],
    ):
        assert word in text
        assert word in page
    points = [float(p) for p in re.findall(r"([+-]\d+\.\d) points", text)]
    assert sum(points) == pytest.approx(100 * found.probability, abs=0.05 * len(points) + 1e-9)
    odd = replace(found, item_id="<script>")
    assert "<script>" not in odd._repr_html_()


@pytest.mark.parametrize(("language", "word"), [("bg", "Купено преди"), ("fr", "Déjà acheté")])
def test_an_explanation_speaks_the_language_of_its_model(language, word, small_model, rows):
    """The same figures in other words; the frames stay as they are."""
    row = rows[rows["source"] == "sequence"].iloc[0]
    own = copy(small_model).set_params(language=language)
    found, english = (model.explain(row["customer_id"], row["item_id"]) for model in (own, small_model))
    assert word in str(found)
    assert word in found._repr_html_()
    assert "Bought before" not in str(found)
    assert "within" not in str(found)
    pd.testing.assert_frame_equal(found.sources, english.sources)


def test_shares_are_those_of_all_orders():
    """For three players the exact values are the means over the six orders in which they can come."""
    from itertools import permutations

    random = np.random.default_rng(0)
    value = random.random(8)
    known = (np.arange(8)[:, None] >> np.arange(3)) & 1
    wanted = np.zeros(3)
    for order in permutations(range(3)):
        members = 0
        for player in order:
            wanted[player] += (value[members | 1 << player] - value[members]) / 6
            members |= 1 << player
    np.testing.assert_allclose(_shapley(value, known), wanted)


def test_a_closed_form_is_split_by_its_hazards(small_model):
    """Without a booster a repeat is the customer's own, and a new item the rule's and popularity's by their hazards."""
    sources = small_model.learned_.sources
    history = Timeline.of(small_model._events).before(small_model._cut)
    for made, head in (
        (repeat_candidates, small_model.learned_.repeat),
        (new_candidates, small_model.learned_.new),
    ):
        plain = replace(head, model=None, odds=1.0, by_count=False)
        candidates = made(history, sources)
        row = int(candidates.strength.max(axis=1).argmax())
        chance = float(candidates.closed_form[row])
        adds = source_shares(plain, candidates, row, candidates, probability=chance)
        assert sum(adds.values()) == pytest.approx(chance)
    hazard = -np.log1p(-chance)
    assert adds["sequence"] / chance == pytest.approx(candidates.strength[row].max() / hazard, rel=1e-4)


def test_what_is_dealt_out_is_told_apart(small_model):
    """Where plain counts deal the probabilities out, the place among own items adds the rest, and the sum stays."""
    sources, head = small_model.learned_.sources, replace(small_model.learned_.repeat, by_count=True)
    candidates = repeat_candidates(Timeline.of(small_model._events).before(small_model._cut), sources)
    dealt, alone = head.probability(candidates), head.chance(candidates)
    row = int(np.abs(dealt - alone).argmax())
    adds = source_shares(head, candidates, row, candidates, probability=float(dealt[row]))
    assert adds["order"] == pytest.approx(dealt[row] - alone[row])
    assert sum(adds.values()) == pytest.approx(dealt[row])


def test_every_feature_belongs_to_a_source(small_model):
    """No feature falls to popularity that does not tell of the item alone."""
    for head in (small_model.learned_.repeat, small_model.learned_.new):
        for name in head.names:
            if source_of(name, repeat=True, ruled=False) == "popular":
                assert name.startswith(("item_", "popular_")), name


def test_an_earlier_moment_is_explained_as_it_was_known(small_model, small_orders):
    """Asked for a moment before the end, purchases after it are unknown."""
    moment = small_orders.end - pd.Timedelta(days=100)
    early = small_orders.before(moment).frame()
    customer = early["customer_id"].iloc[50]
    found = small_model.explain(customer, early["item_id"].iloc[0], as_of=moment)
    assert found.purchases["last_date"].max() < pd.Timestamp(moment)
    assert found.sources["adds"].sum() == pytest.approx(found.probability)


def test_what_cannot_be_explained_says_why(small_model, small_world, small_orders):
    """An unknown item is answered with a near one; a durable that is owned is named as such."""
    with pytest.raises(nb.InputError, match="knows no item"):
        small_model.explain(small_orders.customer_ids[0].as_py(), "BTB-001")
    durable = set(small_world.catalog.loc[small_world.catalog["durable"], "item_id"])
    lines = small_orders.frame()
    line = lines[lines["item_id"].isin(durable)].iloc[0]
    with pytest.raises(nb.InputError, match="a durable"):
        small_model.explain(line["customer_id"], line["item_id"])
