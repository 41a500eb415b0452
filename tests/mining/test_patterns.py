"""Patterns against a brute-force count of small histories, hand counts, and the order's own limits."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextbuy as nb
from nextbuy.mining import growth

LENGTH = 4


def read(histories):
    """Make Orders of one dict a customer: day -> items."""
    rows = [
        {
            "customer_id": f"C{c}",
            "order_id": f"O{c}-{day}",
            "timestamp": pd.Timestamp("2025-01-01") + pd.Timedelta(days=day),
            "item_id": item,
        }
        for c, history in enumerate(histories)
        for day, items in history.items()
        for item in items
    ]
    return nb.read_orders(pd.DataFrame(rows))


def ways(history, length, min_gap, max_gap, max_span):
    """Yield every (pattern, days) that a history holds, by trying all of them."""

    def onward(pattern, days):
        if sum(map(len, pattern)) <= length:
            if pattern:
                yield tuple(pattern), tuple(days)
            left = length - sum(map(len, pattern))
            for day, items in history.items():
                if days and not min_gap <= day - days[-1] <= max_gap:
                    continue
                if days and day - days[0] > max_span:
                    continue
                for size in range(1, min(left, len(items)) + 1):
                    for step in combinations(sorted(items), size):
                        yield from onward([*pattern, step], [*days, day])

    yield from onward([], [])


def contains(whole, part):
    """Say whether the steps of `part` are subsets of different steps of `whole`, in order."""
    return any(
        all(set(p) <= set(whole[k]) for p, k in zip(part, places, strict=True))
        for places in combinations(range(len(whole)), len(part))
    )


def oracle(histories, *, min_customers, closed, min_gap=1, max_gap=180, max_span=365, length=LENGTH):
    """Give pattern -> (customers, median gaps, span quantiles), by brute force."""
    having = {}
    for c, history in enumerate(histories):
        for pattern, days in ways(history, length, min_gap, max_gap, max_span):
            # first completed; of those, begun latest
            best = having.setdefault(pattern, {}).get(c)
            if best is None or (days[-1], -days[0]) < (best[-1], -best[0]):
                having[pattern][c] = days
    frequent = {p: who for p, who in having.items() if len(who) >= min_customers}
    out = {}
    for p, who in frequent.items():
        if len(p) < 2:
            continue
        larger = (
            q for q in frequent if sum(map(len, q)) > sum(map(len, p)) and frequent[q].keys() == who.keys()
        )
        if closed and any(contains(q, p) for q in larger):
            continue
        spans = [d[-1] - d[0] for d in who.values()]
        out[p] = (len(who), np.quantile(spans, (0.1, 0.5, 0.9)).tolist())
    return out, {p: len(who) for p, who in having.items()}


histories = st.lists(
    st.dictionaries(st.integers(0, 25), st.sets(st.sampled_from("abcd"), min_size=1, max_size=3), max_size=5),
    min_size=2,
    max_size=7,
).filter(lambda h: sum(bool(one) for one in h) > 1)


@settings(max_examples=80, deadline=None)
@given(
    histories,
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([(1, 180, 365), (2, 6, 20), (1, 4, 9), (3, 10, 8), (5, 5, 30)]),
)
def test_equal_to_brute_force(histories, min_customers, closed, limits):
    """On any small history the patterns, customers and spans are those found by trying everything."""
    min_gap, max_gap, max_span = limits
    wanted, _ = oracle(
        histories,
        min_customers=min_customers,
        closed=closed,
        min_gap=min_gap,
        max_gap=max_gap,
        max_span=max_span,
    )
    found = nb.Patterns(
        min_gap_days=min_gap,
        max_gap_days=max_gap,
        max_span_days=max_span,
        min_customers=min_customers,
        max_length=LENGTH,
        closed=closed,
    ).fit(read(histories))
    rows = found.patterns_
    got = {
        tuple(tuple(sorted(step)) for step in r.pattern): (r.customers, [r.span_p10, r.span_p50, r.span_p90])
        for r in rows.itertuples()
    }
    assert len(got) == len(rows)
    assert got.keys() == wanted.keys()
    for pattern, (customers, spans) in wanted.items():
        assert got[pattern][0] == customers
        np.testing.assert_allclose(got[pattern][1], spans)


@settings(max_examples=30, deadline=None)
@given(histories)
def test_measures_are_those_of_the_counts(histories):
    """Support, confidence and lift are ratios of brute-force counts of the pattern and its parts."""
    _, count = oracle(histories, min_customers=1, closed=False)
    people = sum(bool(one) for one in histories)
    found = nb.Patterns(min_customers=1, closed=False).fit(read(histories))
    for r in found.patterns_.itertuples():
        p = tuple(tuple(sorted(step)) for step in r.pattern)
        middle = count[p[1:-1]] if len(p) > 2 else people
        assert r.support == pytest.approx(count[p] / people)
        assert r.confidence == pytest.approx(count[p] / count[p[:-1]])
        assert r.lift == pytest.approx(count[p] * middle / (count[p[:-1]] * count[p[1:]]))


def test_small_blocks_change_nothing(monkeypatch, small_orders):
    """Cut into tiny blocks and without the bits, the search gives the same frame."""
    whole = nb.Patterns(level="category", min_customers=25).fit(small_orders).patterns_
    assert whole["steps"].max() >= 3
    monkeypatch.setattr(growth, "CHUNK", 500)
    monkeypatch.setattr(growth, "BITS", 0)
    cut = nb.Patterns(level="category", min_customers=25).fit(small_orders).patterns_
    pd.testing.assert_frame_equal(whole, cut)


def test_hand_counted():
    """Two customers lay tiles, then buy a tub and a tap on one day, then a mirror; a third takes too long."""
    histories = [
        {0: "t", 10: "bp", 15: "m"},
        {0: "t", 3: "x", 20: "bp", 40: "m"},
        {0: "t", 200: "bp", 210: "m"},
    ]
    rows = nb.Patterns(min_customers=2, max_gap_days=100).fit(read(histories)).patterns_
    assert rows["pattern"].map(lambda p: tuple(tuple(sorted(s)) for s in p)).tolist() == [
        (("b", "p"), ("m",)),
        (("t",), ("b", "p"), ("m",)),
    ]
    assert rows["customers"].tolist() == [3, 2]
    assert rows["gap_p50"].tolist() == [(10.0,), (15.0, 12.5)]
    assert rows["span_p50"].tolist() == [10.0, 27.5]
    # 2 have all three; 2 of tiles-tub, 3 of tub-mirror, 3 of tub: 2 * 3 / (2 * 3)
    assert rows["lift"].tolist()[1] == pytest.approx(1.0)


def test_longer_does_not_hide_shorter_under_a_gap_limit():
    """A gap limit lets a longer pattern reach further than its ends alone; both are then reported."""
    histories = [{0: "a", 5: "b", 10: "c"}, {0: "a", 5: "b", 10: "c"}, {0: "a", 4: "c"}]
    found = nb.Patterns(min_customers=1, max_gap_days=6).fit(read(histories)).patterns_
    count = {"".join(s[0] for s in p): c for p, c in zip(found["pattern"], found["customers"], strict=True)}
    assert count == {"abc": 2, "ac": 1}


def test_top_k_are_the_most_common(small_orders):
    """top_k gives the first rows of the whole table."""
    whole = nb.Patterns(level="category", min_customers=25).fit(small_orders).patterns_
    best = nb.Patterns(level="category", min_customers=25, top_k=7).fit(small_orders).patterns_
    pd.testing.assert_frame_equal(best, whole.head(7))
    assert whole["customers"].is_monotonic_decreasing


def test_an_explosion_says_so(small_orders):
    """More patterns than allowed end with the numbers and what to change."""
    with pytest.raises(nb.InputError, match=r"max_patterns=2,000 patterns at length 2.*Raise min_customers"):
        nb.Patterns(min_customers=2, max_patterns=2_000).fit(small_orders)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_gap_days": 0}, "min_gap_days=0"),
        ({"min_gap_days": 9, "max_gap_days": 3}, "max_gap_days=3"),
        ({"max_length": 1}, "max_length=1"),
        ({"top_k": 0}, "top_k=0"),
    ],
)
def test_wrong_parameters_are_named(options, text, small_orders):
    """A parameter out of range is named with its value."""
    with pytest.raises(nb.InputError, match=text):
        nb.Patterns(**options).fit(small_orders)


def test_nothing_frequent_is_an_empty_frame(small_orders):
    """With a threshold nobody reaches the frame has its columns and no row."""
    rows = nb.Patterns(min_customers=100_000).fit(small_orders).patterns_
    assert len(rows) == 0
    assert rows.columns.tolist()[:4] == ["pattern", "steps", "length", "customers"]


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_other_frames_hold_the_same(backend, small_world):
    """In polars and arrow a pattern is a list of lists, with the same ids and figures."""
    lines = small_world.orders
    import polars as pl
    import pyarrow as pa

    source = (
        pl.from_pandas(lines) if backend == "polars" else pa.Table.from_pandas(lines, preserve_index=False)
    )
    one = nb.Patterns(min_customers=25).fit(nb.read_orders(lines)).patterns_
    other = nb.Patterns(min_customers=25).fit(nb.read_orders(source)).patterns_
    patterns = other["pattern"].to_list() if backend == "polars" else other["pattern"].to_pylist()
    assert [[list(s) for s in p] for p in one["pattern"]] == patterns
    assert one["customers"].tolist() == (
        other["customers"].to_list() if backend == "polars" else other["customers"].to_pylist()
    )


def test_all_pairs_of_steps_are_tried():
    """The oracle itself knows that a step may be any subset of a day."""
    found, _ = oracle([{0: "ab", 3: "cd"}], min_customers=1, closed=False)
    subsets = [("a",), ("b",), ("a", "b")], [("c",), ("d",), ("c", "d")]
    assert set(found) == set(product(*subsets))
