"""The pace of an item after whatever else, counted without expanding pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextbuy as nb
from nextbuy.mining.exposures import count_pairs, from_lines, purchases
from nextbuy.mining.lags import count_lags, edges, timing_signal
from nextbuy.mining.links import frequent
from nextbuy.mining.pace import follow_anything, own_pace

ITEMS, CUSTOMERS = 6, 8


@given(
    st.integers(0, 10_000),
    st.sampled_from([5, 20, 90]),
    st.sampled_from([0, 10]),
    st.sampled_from(["first", "any"]),
)
@settings(max_examples=60, deadline=None)
def test_totals_are_the_sums_over_all_antecedents(seed, window_days, burn_in_days, occurrence):
    """Followers and watched days of an item equal those of every pair that ends in it, tabulated one by one."""
    random = np.random.default_rng(seed)
    size = random.integers(5, 300)
    lines = (random.integers(0, n, size).astype(np.int32) for n in (CUSTOMERS, 60, ITEMS))
    events = from_lines(*lines, half=np.zeros(CUSTOMERS, dtype=bool), n_items=ITEMS)
    options = {"window_days": window_days, "burn_in_days": burn_in_days, "occurrence": occurrence}
    a, b = np.nonzero(~np.eye(ITEMS, dtype=bool))
    counts, _ = count_lags(events, a, b, **options)
    items = random.permutation(ITEMS)[:4]
    for made, part in zip(
        follow_anything(events, items, **options), (counts.followers, counts.watch_days), strict=True
    ):
        expected = [part[b == item].sum(axis=0) for item in items]
        np.testing.assert_array_equal(made, expected)


def shop(fading, *, seed=3, customers=6_000, days=400):
    """Customers who enter at any time and buy each of 30 items once; how soon after entering differs by item."""
    random = np.random.default_rng(seed)
    entry = np.sort(random.integers(0, days - 30, customers))
    mean = np.where(np.arange(30) % 2, fading, 300.0)
    day = entry[:, None] + random.exponential(mean, (customers, 30)).astype(int)
    customer, item = np.nonzero(day < days)
    lines = (customer, day[customer, item], item)
    return from_lines(
        *(part.astype(np.int32) for part in lines), half=np.zeros(customers, dtype=bool), n_items=30
    )


def test_an_item_that_always_comes_early_has_its_own_pace():
    """What new customers buy first looks early after everything, and like nothing against its own pace."""
    events = shop(40.0)
    counts = count_pairs(events, window_days=180)
    a, b = np.nonzero(~np.eye(30, dtype=bool))
    lags, _ = count_lags(events, a, b, window_days=180)
    background = counts.background(edges(180))
    standing = np.zeros(len(a), dtype=bool)
    pace = own_pace(events, b, lags, background=background, standing=standing, window_days=180)
    assert (timing_signal(lags, background)[0] == "none").mean() < 0.5
    assert (timing_signal(lags, pace)[0] == "none").mean() > 0.95


def test_a_rule_is_not_its_own_background():
    """Of the only two items that lead anywhere both keep their signal: rules that stand are left out of B's pace."""
    events = shop(300.0)
    random = np.random.default_rng(5)
    buyers = np.flatnonzero(np.bincount(events.customer, minlength=6_000) > 0)
    first = random.integers(100, 250, len(buyers))
    lines = [(events.customer, events.day, events.item)]
    lines += [(buyers, first + later, np.full(len(buyers), 30 + later)) for later in (0, 1)]
    lines.append((buyers, first + random.integers(20, 26, len(buyers)), np.full(len(buyers), 32)))
    customer, day, item = (np.concatenate(part).astype(np.int32) for part in zip(*lines, strict=True))
    events = from_lines(customer, day, item, half=np.zeros(6_000, dtype=bool), n_items=33)
    a, b = np.array([30, 31]), np.array([32, 32])
    lags, _ = count_lags(events, a, b, window_days=90)
    background = count_pairs(events, window_days=90).background(edges(90))
    for standing in (True, False):
        pace = own_pace(events, b, lags, background=background, standing=np.full(2, standing), window_days=90)
        words = timing_signal(lags, pace)[0].tolist()
        assert words == ["strong", "strong"]


@pytest.mark.slow
def test_groceries_have_no_timing(shared_data):
    """Of dunnhumby's category pairs 95 % say "none", and the rules that the library reports claim no timing."""
    import pandas as pd

    lines = pd.read_parquet(shared_data / "dunnhumby_lgsr5k.parquet")
    lines = lines.assign(item_id=lines["cat_10"])[["customer_id", "order_id", "timestamp", "item_id"]]
    orders = nb.read_orders(lines)
    assert len(nb.SequentialRules().fit(orders).rules_) == 0
    events, _ = frequent(purchases(orders), 8)
    followed = count_pairs(events, window_days=180).followed.tocoo()
    enough = np.flatnonzero((followed.data >= 60) & (followed.row != followed.col))[::4]
    a, b = followed.row[enough].astype(np.int64), followed.col[enough].astype(np.int64)
    lags, _ = count_lags(events, a, b, window_days=180)
    background = count_pairs(events, window_days=180).background(edges(180))
    none = np.zeros(len(a), dtype=bool)
    pace = own_pace(events, b, lags, background=background, standing=none, window_days=180)
    assert len(a) > 5_000
    assert (timing_signal(lags, pace)[0] == "none").mean() >= 0.95
