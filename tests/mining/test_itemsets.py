"""Frequent itemsets against plain counting."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nextbuy.mining import itemsets
from nextbuy.mining.baskets import Baskets, from_lists
from nextbuy.mining.itemsets import frequent_itemsets
from nextbuy.mining.sets import Itemsets, Limits, Roles
from nextbuy.orders.errors import InputError

LISTS = st.lists(st.lists(st.integers(0, 7), max_size=7), min_size=1, max_size=25)


def with_customers(baskets: Baskets, customer: list[int]) -> Baskets:
    import dataclasses

    import pyarrow as pa

    ids = pa.array([f"C{c}" for c in range(max(customer) + 1)])
    return dataclasses.replace(baskets, customer=np.array(customer, np.int32), customer_ids=ids)


def as_dict(baskets: Baskets, found: Itemsets) -> dict[frozenset, tuple[int, int]]:
    ids = baskets.item_ids.to_pylist()
    names = [
        frozenset(ids[c] for c in found.codes[a:b])
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    return dict(zip(names, zip(found.orders.tolist(), found.customers.tolist(), strict=True), strict=True))


def counted(
    lists: list[list[int]], customer: list[int], max_length: int | None
) -> dict[frozenset, tuple[int, int]]:
    orders: Counter = Counter()
    who: dict[frozenset, set[int]] = {}
    for basket, owner in zip(lists, customer, strict=True):
        held = sorted(set(basket))
        for k in range(1, min(len(held), max_length or len(held)) + 1):
            for chosen in map(frozenset, combinations(held, k)):
                orders[chosen] += 1
                who.setdefault(chosen, set()).add(owner)
    return {s: (n, len(who[s])) for s, n in orders.items()}


@settings(deadline=None)
@given(
    lists=LISTS,
    seed=st.integers(0, 99),
    min_orders=st.integers(1, 4),
    min_customers=st.integers(1, 3),
    max_length=st.sampled_from([1, 2, 3, None]),
)
def test_every_set_of_enough_orders_and_customers_is_found_with_its_counts(
    lists, seed, min_orders, min_customers, max_length
):
    """The sets, their orders and their distinct customers are those of counting subsets one by one."""
    customer = np.random.default_rng(seed).integers(0, 5, len(lists)).tolist()
    baskets = with_customers(from_lists(lists), customer)
    limits = Limits(min_orders=min_orders, min_customers=min_customers, max_length=max_length)
    found = as_dict(baskets, frequent_itemsets(baskets, limits=limits))
    truth = counted(lists, customer, max_length)
    assert found == {s: n for s, n in truth.items() if n[0] >= min_orders and n[1] >= min_customers}


@settings(deadline=None, max_examples=40)
@example(lists=[[0, 2], [0, 2], [0, 3], [0, 3], [1, 2, 3], [1, 2, 3]], block=1, pending=0)
@given(lists=LISTS, block=st.integers(1, 30), pending=st.integers(0, 30))
def test_blocks_change_nothing(lists, block, pending):
    """Cutting the search into blocks of a few occurrences gives the same sets in the same order."""
    baskets, limits = from_lists(lists), Limits(min_orders=2)
    whole = frequent_itemsets(baskets, limits=limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(itemsets, "BLOCK", block)
        patch.setattr(itemsets, "PENDING", pending)
        parts = frequent_itemsets(baskets, limits=limits)
    for name in ("codes", "offsets", "orders", "customers", "tested"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


@settings(deadline=None, max_examples=60)
@given(
    lists=LISTS,
    before=st.sets(st.integers(0, 7), min_size=1),
    after=st.sets(st.integers(0, 7), min_size=1),
    most=st.integers(1, 2),
    max_length=st.sampled_from([2, 3, None]),
)
def test_roles_keep_every_set_that_a_rule_needs_and_no_other_items(lists, before, after, most, max_length):
    """A restricted search finds and counts all sets of allowed antecedents with allowed consequents."""
    baskets = from_lists(lists)
    ids = baskets.item_ids.to_pylist()
    roles = Roles(np.array([i in before for i in ids], bool), np.array([i in after for i in ids], bool), most)
    limits = Limits(min_orders=1, max_length=max_length)
    found = as_dict(baskets, frequent_itemsets(baskets, limits=limits, roles=roles))
    truth = counted(lists, list(range(len(lists))), max_length)
    assert all(found[s] == truth[s] for s in found)
    assert all(s <= before | after for s in found)
    for held in truth:
        for size in range(1, min(most, len(held) - 1) + 1):
            for chosen in map(frozenset, combinations(held, size)):
                if chosen <= after and held - chosen <= before:
                    assert {held, chosen, held - chosen} <= set(found)


def test_large_alike_baskets_stop_with_the_count_and_the_parameter_to_raise():
    """Thirty equal baskets of sixty items hold 2**60 sets: the error says what to do."""
    baskets = from_lists([list(range(60))] * 30)
    with pytest.raises(InputError, match=r"frequent itemsets reached at length \d+.*Raise min_support"):
        frequent_itemsets(baskets, limits=Limits(min_orders=15, max_itemsets=100_000, min_support=0.5))


def test_large_alike_baskets_give_pairs_at_once():
    """The same baskets have 60 items and 1,770 pairs, each in all thirty orders."""
    found = frequent_itemsets(from_lists([list(range(60))] * 30), limits=Limits(min_orders=15, max_length=2))
    assert np.bincount(found.length).tolist() == [0, 60, 1770]
    assert (found.orders == 30).all()


def test_empty_baskets_count_as_orders_but_hold_nothing():
    """No item at all gives no set."""
    assert len(frequent_itemsets(from_lists([[], []]), limits=Limits())) == 0
