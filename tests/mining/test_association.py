"""AssociationRules on order histories: customers, levels, weights, limits, growth and storage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from nextbuy.mining import AssociationRules
from nextbuy.orders.errors import InputError
from nextbuy.orders.read import read_orders

CATALOG = pd.DataFrame({
    "item_id": ["tile red", "tile blue", "grout", "tub", "sink", "odd"],
    "category": ["tiles", "tiles", "glue", "bath", "bath", None],
    "name": ["Red tile", "Blue tile", "Grout", "Bathtub", "Sink", None],
    "unit_margin": [1.0, 2.0, 3.0, 50.0, -20.0, 4.0],
})  # fmt: skip


def history(seed: int, customers: int = 120, first: int = 0) -> pd.DataFrame:
    """Give orders of a small shop: tiles bring grout, tubs bring sinks."""
    r = np.random.default_rng(seed)
    rows = []
    for c in range(first, first + customers):
        for n in range(1 + r.geometric(0.4)):
            held = set(r.choice(CATALOG.item_id, r.integers(1, 3), replace=False).tolist())
            if held & {"tile red", "tile blue"} and r.random() < 0.7:
                held.add("grout")
            if "tub" in held and r.random() < 0.6:
                held.add("sink")
            rows += [
                (f"C{c}", f"C{c}-{n}", n, i, float(r.integers(1, 4)), float(r.integers(1, 9))) for i in held
            ]
    frame = pd.DataFrame(rows, columns=["customer_id", "order_id", "n", "item_id", "quantity", "price"])
    frame["timestamp"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.n * 9, unit="D")
    return frame.drop(columns="n")


def orders_of(frame: pd.DataFrame):
    return read_orders(frame, catalog=CATALOG)


def sets_by_hand(frame: pd.DataFrame) -> list[tuple[str, str, frozenset]]:
    return [(c, o, frozenset(g)) for (c, o), g in frame.groupby(["customer_id", "order_id"]).item_id]


def test_orders_customers_and_shares_are_those_of_a_recount():
    """For each rule, orders, customers, support and confidence can be recounted from the raw lines."""
    frame = history(1)
    rules = AssociationRules(min_support=0.01, max_length=3, max_consequents=2).fit(orders_of(frame)).rules_
    held = sets_by_hand(frame)
    assert len(rules) > 50
    for row in rules.to_dict("records"):
        both = frozenset(row["antecedent"]) | frozenset(row["consequent"])
        with_both = [(c, o) for c, o, s in held if both <= s]
        with_a = [o for _, o, s in held if frozenset(row["antecedent"]) <= s]
        assert row["orders"] == len(with_both)
        assert row["customers"] == len({c for c, _ in with_both}) >= 5
        assert row["support"] == pytest.approx(len(with_both) / len(held))
        assert row["confidence"] == pytest.approx(len(with_both) / len(with_a))
        assert row["confidence_low"] <= row["confidence"] <= row["confidence_high"]
        assert row["lift_low"] < row["lift_shrunk"]


def test_columns_stand_in_the_promised_order_and_the_strongest_rule_first():
    """The columns are the documented ones, none twice, and lift_low never rises."""
    rules = AssociationRules(min_support=0.01).fit(orders_of(history(2))).rules_
    assert list(rules.columns) == [
        "antecedent", "consequent", "orders", "customers", "support", "confidence", "confidence_low",
        "confidence_high", "lift", "lift_low", "p_value", "q_value", "antecedent support",
        "consequent support",
        "representativity", "leverage", "conviction", "zhangs_metric", "jaccard", "certainty", "kulczynski",
        "lift_shrunk",
    ]  # fmt: skip
    assert rules.lift_low.is_monotonic_decreasing
    planted = {("tile red",), ("tile blue",)}
    assert {a for a, c in zip(rules.antecedent, rules.consequent, strict=True) if c == ("grout",)} >= planted


@pytest.mark.parametrize("level", ["item", "category", "mixed"])
@pytest.mark.parametrize("weight", [None, "revenue"])
def test_update_and_merge_equal_one_fit_on_all(level, weight):
    """Fit on A then update with B, or merge two fits, gives every number of the fit on A and B, exactly."""
    a, b = history(3), history(4, first=500)
    make = lambda: AssociationRules(min_support=0.01, max_length=3, level=level, weight=weight)  # noqa: E731
    whole = make().fit(orders_of(pd.concat([a, b])))
    grown = make().fit(orders_of(a)).update(orders_of(b))
    merged = make().fit(orders_of(b)).merge(make().fit(orders_of(a)))
    for other in (grown, merged):
        pd.testing.assert_frame_equal(other.rules_, whole.rules_, check_exact=True)
        pd.testing.assert_frame_equal(other.itemsets_, whole.itemsets_, check_exact=True)
        assert (other.n_orders_, other.n_customers_) == (whole.n_orders_, whole.n_customers_)


def test_a_customer_who_comes_again_is_one_customer():
    """Later orders of the same customers add orders but no customers."""
    a = history(5)
    later = a.assign(order_id=a.order_id + "x", timestamp=a.timestamp + pd.Timedelta(days=300))
    grown = AssociationRules(min_support=0.01).fit(orders_of(a)).update(orders_of(later)).itemsets_
    once = AssociationRules(min_support=0.01).fit(orders_of(a)).itemsets_
    assert grown.orders.tolist() == (2 * once.orders).tolist()
    assert grown.customers.tolist() == once.customers.tolist()


def test_shuffled_rows_and_renamed_ids_change_nothing_but_the_names():
    """Shuffled lines give the same rules; renamed items give the renamed rules in the same order."""
    frame = history(6).drop(columns="price")
    new = {i: f"x{n}" for n, i in enumerate(sorted(CATALOG.item_id, reverse=True))}
    rules = AssociationRules(min_support=0.01, max_length=3).fit(read_orders(frame)).rules_
    shuffled = AssociationRules(min_support=0.01, max_length=3).fit(
        read_orders(frame.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(shuffled.rules_, rules, check_exact=True)
    renamed = AssociationRules(min_support=0.01, max_length=3).fit(
        read_orders(frame.assign(item_id=frame.item_id.map(new)))
    )
    translate = lambda column: [tuple(sorted(new[i] for i in t)) for t in column]  # noqa: E731
    assert [tuple(sorted(t)) for t in renamed.rules_.antecedent] == translate(rules.antecedent)
    assert [tuple(sorted(t)) for t in renamed.rules_.consequent] == translate(rules.consequent)


def test_categories_and_mixed_level():
    """At mixed level items and categories meet, an item and its own category never; counts are true."""
    frame = history(7)
    mixed = AssociationRules(min_support=0.01, max_length=3, level="mixed").fit(orders_of(frame)).rules_
    above = dict(zip(CATALOG.item_id, CATALOG.category, strict=True))
    names = {c for c in above.values() if c}
    met = [set(a) | set(c) for a, c in zip(mixed.antecedent, mixed.consequent, strict=True)]
    assert any(s & names and s - names for s in met)
    assert not any(above.get(i) in s for s in met for i in s if above.get(i))
    found = {(a, c): n for a, c, n in zip(mixed.antecedent, mixed.consequent, mixed.orders, strict=True)}
    held = [s | {above[i] for i in s if above[i]} for _, _, s in sets_by_hand(frame)]
    assert found[("tiles",), ("grout",)] == sum({"tiles", "grout"} <= s for s in held)
    categories = AssociationRules(min_support=0.01, level="category").fit(orders_of(frame)).rules_
    assert {i for t in categories.antecedent for i in t} <= names | {"odd"}


def test_weights_are_repeated_orders():
    """Weighing by margin is repeating each order as often as it earned; losses weigh 0; counts stay."""
    frame = history(8)
    orders = orders_of(frame)
    weighted = AssociationRules(min_support=0.02, max_length=3, weight="margin", min_customers=1).fit(orders)
    unweighted = AssociationRules(min_support=1e-9, max_length=3, min_customers=1).fit(orders)
    margin = frame.item_id.map(dict(zip(CATALOG.item_id, CATALOG.unit_margin, strict=True))) * frame.quantity
    earned = margin.groupby(frame.order_id).sum().clip(lower=0).astype(int)
    repeated = [sorted(s) for _, o, s in sets_by_hand(frame) for _ in range(earned[o])]
    plain = AssociationRules(min_support=0.02, max_length=3, min_customers=1).fit(repeated)
    got, want, counts = (by_sets(rules.rules_) for rules in (weighted, plain, unweighted))
    assert set(got.index) == set(want.index)
    for name in ("support", "confidence", "lift", "leverage", "conviction", "jaccard"):
        assert got[name].to_numpy() == pytest.approx(want[name].loc[got.index].to_numpy(), rel=1e-12)
    assert (got.orders == counts.orders.loc[got.index]).all()


def by_sets(rules: pd.DataFrame) -> pd.DataFrame:
    """Index rules by their two sides, whatever the order of the ids inside."""
    return rules.set_index(
        pd.Index(
            list(zip(map(frozenset, rules.antecedent), rules.consequent, strict=True)), tupleize_cols=False
        )
    )


def test_antecedents_and_consequents_restrict_the_search():
    """Restricted rules are exactly the matching rules of a full search."""
    orders = orders_of(history(9))
    full = AssociationRules(min_support=0.005, max_length=3).fit(orders)
    some = AssociationRules(
        min_support=0.005,
        max_length=3,
        antecedents=["tile red", "tub", "odd"],
        consequents=["grout", "sink", "tub"],
    ).fit(orders)
    fits = [
        set(a) <= {"tile red", "tub", "odd"} and set(c) <= {"grout", "sink", "tub"}
        for a, c in zip(full.rules_.antecedent, full.rules_.consequent, strict=True)
    ]
    columns = ["antecedent", "consequent", "orders", "customers", "support", "confidence", "lift"]
    key = ["antecedent", "consequent"]
    want = full.rules_[fits][columns].sort_values(key).reset_index(drop=True)
    pd.testing.assert_frame_equal(some.rules_[columns].sort_values(key).reset_index(drop=True), want)
    assert len(some.itemsets_) < len(full.itemsets_)


def test_thresholds_filter_and_fdr_keeps_what_passes():
    """min_confidence and fdr keep exactly the rules that reach them."""
    orders = orders_of(history(10))
    every = AssociationRules(min_support=0.005).fit(orders).rules_
    sure = AssociationRules(min_support=0.005, min_confidence=0.4, fdr=0.05).fit(orders).rules_
    want = every[(every.confidence >= 0.4) & (every.q_value <= 0.05)].reset_index(drop=True)
    assert 0 < len(sure) < len(every)
    pd.testing.assert_frame_equal(sure, want)


def test_independent_items_pass_the_test_as_rarely_as_promised():
    """Of rules between items drawn independently hardly any passes a 5 % false-discovery rate."""
    r = np.random.default_rng(11)
    frame = pd.DataFrame(r.random((4000, 60)) < 0.05, columns=[f"i{n}" for n in range(60)])
    rules = AssociationRules(min_support=0.001, fdr=0.05).fit(frame).rules_
    assert len(rules) <= 4


def test_pruning_drops_what_a_shorter_rule_says():
    """A longer rule stays only if its lift_low beats the lift of every shorter rule of its consequent."""
    orders = orders_of(history(12, customers=400))
    every = AssociationRules(min_support=0.002, max_length=4).fit(orders).rules_
    pruned = AssociationRules(min_support=0.002, max_length=4, prune=True).fit(orders).rules_
    lift = {
        (frozenset(a), c): v for a, c, v in zip(every.antecedent, every.consequent, every.lift, strict=True)
    }
    keep = [
        not any(s < frozenset(a) and c2 == c and v >= low for (s, c2), v in lift.items())
        for a, c, low in zip(every.antecedent, every.consequent, every.lift_low, strict=True)
    ]
    assert 0 < sum(keep) < len(every)
    pd.testing.assert_frame_equal(pruned, every[keep].reset_index(drop=True))


def test_closed_and_maximal_sets_by_definition():
    """Closed: no found superset has as many orders; maximal: no superset is found."""
    baskets = [["a", "b", "c"]] * 6 + [["a", "b"]] * 2 + [["d"], ["d", "a"]]
    sets = AssociationRules(min_support=0.2, min_customers=1, max_length=None).fit(baskets).itemsets_
    found = {frozenset(s): n for s, n in zip(sets.itemset, sets.orders, strict=True)}
    for row in sets.to_dict("records"):
        above = [n for s, n in found.items() if s > frozenset(row["itemset"])]
        assert row["closed"] == (row["orders"] not in above)
        assert row["maximal"] == (not above)


def test_without_customers_orders_are_the_evidence():
    """Where the source names no customers, customers = orders."""
    frame = history(13).drop(columns="customer_id")
    rules = AssociationRules(min_support=0.01).fit(read_orders(frame))
    assert (rules.rules_.customers == rules.rules_.orders).all()
    assert rules.n_customers_ == rules.n_orders_


@pytest.mark.parametrize("level", ["item", "mixed"])
def test_state_is_flat_and_comes_back_the_same(level):
    """get_state holds only arrays and scalars; from_state gives the same rules, answers and growth."""
    rules = AssociationRules(min_support=0.01, max_length=3, level=level, consequents=["grout", "sink"]).fit(
        orders_of(history(14))
    )
    state = rules.get_state()
    assert all(isinstance(v, (np.ndarray, pa.Array, str, int, float)) for v in state.values())
    assert all(v.dtype != object for v in state.values() if isinstance(v, np.ndarray))
    back = AssociationRules.from_state(state)
    assert back.get_params() == rules.get_params()
    pd.testing.assert_frame_equal(back.rules_, rules.rules_, check_exact=True)
    pd.testing.assert_frame_equal(back.complete(["tile red"]), rules.complete(["tile red"]), check_exact=True)
    more = orders_of(history(15, first=900))
    pd.testing.assert_frame_equal(back.update(more).rules_, rules.update(more).rules_, check_exact=True)
    small = AssociationRules.from_state(rules.get_state(with_orders=False))
    pd.testing.assert_frame_equal(small.rules_, rules.rules_, check_exact=True)
    with pytest.raises(InputError, match="without their orders"):
        small.update(more)


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_frames_come_back_in_the_callers_kind(backend):
    """Polars in, polars out; arrow in, arrow out; the numbers are those of pandas."""
    frame = history(16)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if backend == "polars":
        import polars as pl

        table = pl.from_arrow(table)
    rules = AssociationRules(min_support=0.01).fit(read_orders(table)).rules_
    assert type(rules).__module__.startswith(backend)
    want = AssociationRules(min_support=0.01).fit(read_orders(frame)).rules_
    got = rules.to_arrow() if backend == "polars" else rules
    assert [tuple(t) for t in got.column("antecedent").to_pylist()] == want.antecedent.tolist()
    assert np.array_equal(got.column("lift_low").to_numpy(), want.lift_low.to_numpy())


def test_scikit_learns_contract():
    """Clone, parameters and repr work; asking before fit says what to do; a wrong name is guessed."""
    rules = AssociationRules(min_support=0.01, consequents=["grout"])
    assert clone(rules).get_params() == rules.get_params()
    assert repr(rules) == "AssociationRules(min_support=0.01, consequents=['grout'])"
    assert "min_support" in rules._repr_html_()
    assert rules.set_params(prune=True).prune is True
    with pytest.raises(InputError, match="min_support"):
        rules.set_params(min_suport=0.1)
    with pytest.raises(NotFittedError, match=r"fit\(orders\)"):
        _ = rules.rules_


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"min_support": 0}, "above 0"),
        ({"min_support": 3}, "share between 0 and 1"),
        ({"fdr": 1.5}, "share"),
        ({"max_length": 0}, "at least 1"),
        ({"max_consequents": 1.5}, "whole number"),
        ({"weight": "profit"}, "margin"),
        ({"consequents": ["grouts"]}, r"Did you mean one of \['grout'\]"),
    ],
)
def test_wrong_parameters_are_refused_with_the_fix(params, match):
    """Each parameter out of range raises an InputError that says what is allowed."""
    with pytest.raises(InputError, match=match):
        AssociationRules(**params).fit(orders_of(history(17, customers=20)))


def test_mining_needs_no_scikit_learn():
    """Mining imports neither scikit-learn nor scipy nor mlxtend, since that takes longer than mining."""
    code = (
        "import sys; from nextbuy.mining import AssociationRules;"
        "AssociationRules(min_support=.1).fit([['a', 'b']] * 9);"
        "print([m for m in ('sklearn', 'scipy', 'mlxtend') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name", ["online_retail_1", pytest.param("dunnhumby_lgsr5k", marks=pytest.mark.slow)]
)
def test_strong_rules_of_one_half_occur_among_the_other_half(shared_data, name):
    """Of the first 2,000 rules chosen on half the customers at most 5 % never occur among the other half."""
    lines = pd.read_parquet(shared_data / f"{name}.parquet", columns=["customer_id", "timestamp", "item_id"])
    half = pd.Series(pd.factorize(lines.customer_id, sort=True)[0] * 2654435761 // 128 % 2 == 1)
    day = lines.timestamp.dt.floor("D")
    orders = read_orders(lines[half].assign(timestamp=day[half]), order=None)
    chosen = AssociationRules(min_support=10 / orders.n_orders).fit(orders).rules_.head(2000)
    other = lines[~half].assign(day=day[~half])
    where = {i: set(o) for i, o in other.groupby("item_id")[["customer_id", "day"]].apply(
        lambda d: list(zip(d.customer_id, d.day, strict=True))).items()}  # fmt: skip
    never = [
        not where.get(a[0], set()) & where.get(c[0], set())
        for a, c in zip(chosen.antecedent, chosen.consequent, strict=True)
    ]
    assert len(never) == 2000
    assert np.mean(never) <= 0.05
