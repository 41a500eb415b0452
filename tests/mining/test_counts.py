"""The counting kernels against plain Python over customers."""

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.mining import expansion
from nextbuy.mining.exposures import NEVER, Purchases, count_exposed, count_pairs, from_lines
from nextbuy.mining.lags import count_lags, edges, kaplan_meier

ITEMS, DAYS = 4, 30


def make_events(histories):
    """Lay out one list of (day, item) per customer as the kernels want it."""
    rows = sorted((c, d, i) for c, events in enumerate(histories) for d, i in set(events))
    customer, day, item = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    last, previous = {}, []
    for c, d, i in rows:
        previous.append(last.get((c, i), NEVER))
        last[c, i] = d
    entry = {c: min(d for d, _ in events) for c, events in enumerate(histories)}
    return Purchases(
        customer,
        day,
        item,
        np.array(previous, np.int32),
        np.array([entry[c] for c in customer], np.int32),
        customer % 2 == 1,
        len(histories),
        ITEMS,
        0,
        DAYS,
    )


histories = st.lists(
    st.lists(
        st.tuples(st.integers(0, DAYS - 1), st.integers(0, ITEMS - 1)), min_size=1, max_size=9, unique=True
    ),
    min_size=1,
    max_size=6,
)


def follow(history, a, b, *, window, burn_in, occurrence):
    """Tell what one customer does for a -> b: None (not exposed), or (lag or None, days watched)."""
    bought_a = [d for d, i in history if i == a]
    bought_b = sorted(d for d, i in history if i == b)
    if not bought_a or min(bought_a) < burn_in:
        return None
    start = min(bought_a)
    if occurrence == "first" and bought_b and bought_b[0] <= start:
        return None
    later = [d - start for d in bought_b if d > start]
    watch = min(DAYS - 1 - start, window)
    return (later[0] if later and later[0] <= window else None), watch


cases = st.tuples(histories, st.integers(1, 20), st.integers(0, 10), st.sampled_from(["first", "any"]))


@given(cases)
@settings(max_examples=60, deadline=None)
def test_pairs_are_what_a_loop_over_customers_counts(case):
    """Exposed and followed of every pair equal those counted customer by customer."""
    people, window, burn_in, occurrence = case
    events = make_events(people)
    counts = count_pairs(events, window_days=window, burn_in_days=burn_in, occurrence=occurrence)
    followed = counts.followed.toarray()
    pairs = list(itertools.permutations(range(ITEMS), 2))[::-1]
    asked = np.array(pairs).T
    exposed = count_exposed(events, *asked, burn_in_days=burn_in, occurrence=occurrence)
    for (a, b), watched in zip(pairs, exposed, strict=True):
        seen = [follow(h, a, b, window=window, burn_in=burn_in, occurrence=occurrence) for h in people]
        seen = [one for one in seen if one is not None]
        assert watched == len(seen)
        assert followed[a, b] == sum(lag is not None for lag, _ in seen)
    every = [
        follow(h, a, b, window=window, burn_in=burn_in, occurrence=occurrence)
        for a, b in itertools.permutations(range(ITEMS), 2)
        for h in people
    ]
    lags = np.bincount([one[0] for one in every if one and one[0] is not None], minlength=window + 1)
    assert counts.lags.tolist() == lags.tolist()


@given(cases)
@settings(max_examples=60, deadline=None)
def test_lags_are_what_a_loop_over_customers_counts(case):
    """Followers, days watched, customers entered and lost by bin, and buyers of both, equal a plain count."""
    people, window, burn_in, occurrence = case
    rules = np.array(list(itertools.permutations(range(ITEMS), 2)))
    counts, followers = count_lags(
        make_events(people),
        rules[:, 0],
        rules[:, 1],
        window_days=window,
        burn_in_days=burn_in,
        occurrence=occurrence,
    )
    bins = edges(window)
    for r, (a, b) in enumerate(rules):
        seen = [follow(h, a, b, window=window, burn_in=burn_in, occurrence=occurrence) for h in people]
        seen = [one for one in seen if one is not None]
        entered = len(seen)
        for k, (low, high) in enumerate(itertools.pairwise(bins)):
            came = sum(lag is not None and low < lag <= high for lag, _ in seen)
            # a watch of no day at all ends in the first bin
            lost = sum(
                lag is None and watch < window and (low < watch <= high or (watch == 0 and k == 0))
                for lag, watch in seen
            )
            days = sum(max(min(watch if lag is None else lag, high) - low, 0) for lag, watch in seen)
            assert counts.followers[r, k] == came
            assert counts.lost[r, k] == lost
            assert counts.watch_days[r, k] == days
            assert counts.entered[r, k] == entered
            entered -= came + lost
        assert (followers.rule == r).sum() == counts.followers[r].sum()
        if occurrence == "first":
            both = [h for h in people if _anchored(h, a, burn_in) and any(i == b for _, i in h)]
            assert counts.both[r] == len(both)


def _anchored(history, a, burn_in):
    days = [d for d, i in history if i == a]
    return bool(days) and min(days) >= burn_in


@given(histories, st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_chance_of_order_is_that_of_shuffled_items(people, window):
    """By chance A comes before B as often as when the items of a customer are dealt anew over the same days."""
    events = make_events(people)
    rules = np.array(list(itertools.permutations(range(ITEMS), 2)))
    counts, _ = count_lags(events, rules[:, 0], rules[:, 1], window_days=window)
    for r, (a, b) in enumerate(rules):
        expected = 0.0
        for history in people:
            first = {}
            for d, i in sorted(history):
                first.setdefault(i, d)
            if a in first and b in first:
                dealt = list(itertools.permutations(sorted(first.values()), 2))
                expected += sum(0 < y - x <= window for x, y in dealt) / len(dealt)
        assert counts.by_chance[r] == pytest.approx(expected)


@given(cases)
@settings(max_examples=40, deadline=None)
def test_halves_add_up_and_chunks_do_not_matter(case):
    """Counts of two halves of the customers add up to those of all, however finely the work is cut."""
    people, window, burn_in, occurrence = case
    events = make_events(people)
    options = {"window_days": window, "burn_in_days": burn_in, "occurrence": occurrence}
    rules = np.array(list(itertools.permutations(range(ITEMS), 2)))

    def both(part):
        lags, _ = count_lags(part, rules[:, 0], rules[:, 1], **options)
        return count_pairs(part, **options), lags

    whole = both(events)
    halves = [both(events.where(events.half == side)) for side in (False, True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expansion, "CHUNK", 1)
        small = both(events)
    for k in range(2):
        added = halves[0][k] + halves[1][k]
        for field in fields(whole[k]):
            value, *others = (
                made.toarray() if field.name == "followed" else made
                for made in (getattr(counts, field.name) for counts in (whole[k], added, small[k]))
            )
            for other in others:
                np.testing.assert_allclose(other, value, atol=1e-12)


@given(histories)
@settings(max_examples=30, deadline=None)
def test_without_censoring_the_share_is_the_plain_one(people):
    """Kaplan-Meier of customers all watched to the end of the window is followed over exposed."""
    events = replace(make_events(people), end=DAYS + 20)
    rules = np.array(list(itertools.permutations(range(ITEMS), 2)))
    counts, _ = count_lags(events, rules[:, 0], rules[:, 1], window_days=20)
    exposed, followed = counts.entered[:, 0], counts.followers.sum(1)
    share, variance = kaplan_meier(counts)
    np.testing.assert_allclose(share, followed / np.maximum(exposed, 1))
    plain = share * (1 - share) / np.maximum(exposed, 1)
    np.testing.assert_allclose(variance, plain, atol=1e-12)


def test_with_censoring_the_share_is_the_life_table_of_the_hand():
    """Ten watched, two come and two are lost in the first bin, three come in the second: 1 - 7/9 * 3/6."""
    from nextbuy.mining.lags import LagCounts

    counts = LagCounts(
        followers=np.array([[2, 3]]),
        watch_days=np.array([[10, 10]]),
        entered=np.array([[10, 6]]),
        lost=np.array([[2, 0]]),
        both=np.zeros(1),
        by_chance=np.zeros(1),
    )
    share, variance = kaplan_meier(counts)
    assert share[0] == pytest.approx(1 - (1 - 2 / 9) * (1 - 3 / 6))
    # Greenwood: S^2 times the sum of d / (n (n - d))
    assert variance[0] == pytest.approx((7 / 18) ** 2 * (2 / (9 * 7) + 3 / (6 * 3)))


@pytest.mark.parametrize("occurrence", ["first", "any"])
def test_the_chunk_changes_no_count(occurrence, monkeypatch):
    """However few pairs are expanded at once, followers and lags of every pair stay what they are."""
    r = np.random.default_rng(5)
    n, items, days = 6_000, 12, 300
    customer, day, item = (r.integers(0, high, n).astype(np.int32) for high in (200, days, items))
    events = from_lines(customer, day, item, half=np.zeros(200, bool), n_items=items)
    options = {"window_days": 60, "burn_in_days": 10, "occurrence": occurrence}
    found = []
    for chunk in (1, 300, 500_000):
        monkeypatch.setattr("nextbuy.mining.expansion.CHUNK", chunk)
        followed = count_pairs(events, **options).followed.toarray()
        a, b = np.nonzero(followed >= 8)
        found.append((followed, count_lags(events, a, b, **options)[0].followers))
        # two kernels, one count
        np.testing.assert_array_equal(found[-1][1].sum(axis=1), followed[a, b])
    for followed, lags in found[1:]:
        np.testing.assert_array_equal(followed, found[0][0])
        np.testing.assert_array_equal(lags, found[0][1])
    assert len(a) > 20
