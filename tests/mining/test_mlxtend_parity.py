"""mlxtend is the oracle: the same itemsets, the same rules, every measure to 1e-12."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.frequent_patterns import association_rules, fpgrowth
from scipy import sparse

from nextbuy.mining import AssociationRules
from nextbuy.orders.errors import InputError

KEYS = ["antecedents", "consequents"]


def compare(
    frame: pd.DataFrame, min_support: float, max_length: int | None, *, given_as=None
) -> AssociationRules:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlxtend warns of divisions by zero and of 0/1 frames
        sets = fpgrowth(frame, min_support=min_support, use_colnames=True, max_len=max_length)
        rules = (
            association_rules(sets, num_itemsets=len(frame), metric="support", min_threshold=0)
            if len(sets)
            else None
        )
    ours = AssociationRules(
        min_support=min_support, min_customers=1, max_length=max_length, max_consequents=frame.shape[1]
    ).fit(frame if given_as is None else given_as)
    mine = ours.to_mlxtend(itemsets=True)
    assert dict(zip(mine.itemsets, mine.support, strict=True)) == dict(
        zip(sets.itemsets, sets.support, strict=True)
    )
    got = ours.to_mlxtend()
    if rules is None or not len(rules):
        assert not len(got)
        return ours
    assert list(got.columns) == list(rules.columns)
    assert len(got) == len(rules)
    want = rules.set_index(KEYS).astype(float)
    got = got.set_index(KEYS).loc[want.index]
    for name in want.columns:
        assert got[name].to_numpy() == pytest.approx(want[name].to_numpy(), abs=1e-12, rel=1e-12), name
    return ours


def mlxtend_own_data() -> pd.DataFrame:
    """Give the five orders that mlxtend's own tests and user guide use."""
    orders = [
        ["Milk", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"],
        ["Dill", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"],
        ["Milk", "Apple", "Kidney Beans", "Eggs"],
        ["Milk", "Unicorn", "Corn", "Kidney Beans", "Yogurt"],
        ["Corn", "Onion", "Kidney Beans", "Ice cream", "Eggs"],
    ]
    items = sorted({i for o in orders for i in o})
    return pd.DataFrame([[i in o for i in items] for o in orders], columns=items)


@pytest.mark.parametrize("max_length", [2, 3, 4, 5, None])
@pytest.mark.parametrize("min_support", [0.2, 0.4, 0.6])
def test_mlxtends_own_test_data(min_support, max_length):
    """On the orders of mlxtend's tests every set and measure is mlxtend's."""
    compare(mlxtend_own_data(), min_support, max_length)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 7)),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 10_000),
    min_support=st.sampled_from([0.05, 0.2, 0.5]),
    max_length=st.sampled_from([2, 3, 4, 5]),
    is_sparse=st.booleans(),
)
def test_made_baskets(*, shape, share, seed, min_support, max_length, is_sparse):
    """On random one-hot frames, dense or sparse, every set and measure is mlxtend's."""
    held = np.random.default_rng(seed).random(shape) < share
    frame = pd.DataFrame(held, columns=[f"item {i}" for i in range(shape[1])])
    compare(
        frame.astype(pd.SparseDtype(bool, fill_value=False)) if is_sparse else frame, min_support, max_length
    )


@pytest.fixture(scope="module")
def real(shared_data) -> pd.DataFrame:
    """Give online_retail_1 as a sparse one-hot frame, an order a customer and day."""
    lines = pd.read_parquet(
        shared_data / "online_retail_1.parquet", columns=["customer_id", "timestamp", "item_id"]
    )
    order = pd.factorize(lines.customer_id.astype(str) + lines.timestamp.dt.strftime("%F"))[0]
    item, names = pd.factorize(lines.item_id)
    held = sparse.coo_array((np.ones(len(lines), bool), (order, item))).tocsr()
    held.data[:] = True
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(held), columns=[str(n) for n in names])
    return frame.astype(pd.SparseDtype(bool, fill_value=False))


@pytest.mark.slow
@pytest.mark.parametrize("max_length", [2, 3, 4, 5])
@pytest.mark.parametrize("min_support", [0.006, 0.01, 0.02])
def test_a_real_history(real, min_support, max_length):
    """On online_retail_1 at three supports every set and measure is mlxtend's."""
    compare(real, min_support, max_length)


def test_a_real_history_of_frequent_items(real):
    """On online_retail_1 at a high support every set and measure is mlxtend's (the slow test goes lower)."""
    ours = compare(real, 0.02, 4)
    assert len(ours.to_mlxtend()) > 50


@pytest.mark.parametrize("kind", ["polars", "arrow", "numpy", "scipy", "zero_one"])
def test_other_one_hot_inputs_give_the_same(kind):
    """polars, pyarrow, numpy, scipy and 0/1 frames give what the pandas frame of booleans gives."""
    frame = mlxtend_own_data()
    numbered = frame.set_axis(range(frame.shape[1]), axis=1)
    cases = {
        "polars": (frame, pl.from_pandas(frame)),
        "arrow": (frame, pl.from_pandas(frame).to_arrow()),
        "numpy": (numbered, frame.to_numpy()),
        "scipy": (numbered, sparse.csr_array(frame.to_numpy())),
        "zero_one": (frame, frame.astype(int)),
    }
    compare(cases[kind][0], 0.4, 3, given_as=cases[kind][1])


def test_nothing_frequent_gives_mlxtends_columns_and_no_row():
    """Where mlxtend's association_rules raises on no itemsets, the frames here are empty."""
    rules = AssociationRules(min_support=0.9, min_customers=1).fit(mlxtend_own_data()[["Apple", "Corn"]])
    assert list(rules.to_mlxtend(itemsets=True).columns) == ["support", "itemsets"]
    assert list(rules.to_mlxtend().columns)[:3] == [*KEYS, "antecedent support"]
    assert len(rules.rules_) == len(rules.to_mlxtend()) == 0
    assert rules.complete(["Corn"]).empty


def test_one_order_and_columns_that_are_always_true():
    """One transaction and all-true columns give mlxtend's values: infinite conviction, zero zhang."""
    compare(pd.DataFrame([[True, True, False]], columns=list("abc")), 0.5, None)
    ours = compare(pd.DataFrame(np.ones((6, 3), bool), columns=list("abc")), 0.5, None)
    assert np.isinf(ours.to_mlxtend()["conviction"]).all()
    assert (ours.to_mlxtend()[["zhangs_metric", "certainty", "leverage"]] == 0).all(axis=None)


def test_other_values_are_refused_with_their_place():
    """A 2 or a missing value in a one-hot frame is named with column, row and what to do."""
    frame = mlxtend_own_data().astype(float)
    frame.loc[3, "Eggs"] = np.nan
    with pytest.raises(InputError, match=r"column 'Eggs', row 3.*fillna"):
        AssociationRules().fit(frame)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning:mlxtend")
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:mlxtend")
def test_there_and_back():
    """Rules made by mlxtend come back from from_mlxtend with the same values, and so do its itemsets."""
    sets = fpgrowth(mlxtend_own_data(), min_support=0.4, use_colnames=True)
    rules = association_rules(sets, num_itemsets=5, metric="lift", min_threshold=1.1)
    ours = AssociationRules.from_mlxtend(rules)
    assert ours.n_orders_ == 5
    got, want = ours.to_mlxtend().set_index(KEYS), rules.set_index(KEYS)
    for name in want.columns:
        assert got.loc[want.index, name].to_numpy() == pytest.approx(want[name].to_numpy(), abs=1e-12)
    every = AssociationRules.from_mlxtend(sets, max_consequents=9).to_mlxtend()
    assert len(every) == len(association_rules(sets, num_itemsets=5, metric="support", min_threshold=0))
    with pytest.raises(InputError, match="without their orders"):
        ours.update(mlxtend_own_data())


def test_rules_without_the_supports_of_their_sides_are_refused():
    """support_only leaves NaN where evidence should stand: the error says how to make the frame."""
    sets = fpgrowth(mlxtend_own_data(), min_support=0.4, use_colnames=True)
    rules = association_rules(sets, num_itemsets=5, support_only=True, min_threshold=0.4)
    with pytest.raises(InputError, match="support_only=False"):
        AssociationRules.from_mlxtend(rules)
