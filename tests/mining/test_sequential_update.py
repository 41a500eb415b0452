"""Rules learned in parts equal rules learned at once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextbuy as nb
from nextbuy.mining.exposures import purchases
from nextbuy.mining.purchase_log import PurchaseLog

PARAMS = {"window_days": 40, "min_followed": 2, "min_customers": 2, "fdr": None}


def make_lines(seed, customers=60, items=7, lines=500):
    random = np.random.default_rng(seed)
    c, d = random.integers(0, customers, lines), random.integers(0, 150, lines)
    item = np.minimum(random.geometric(0.3, lines) - 1, items - 1)
    return pd.DataFrame(
        {
            "customer_id": [f"c{x}" for x in c],
            "order_id": [f"{x}-{y}" for x, y in zip(c, d, strict=True)],
            "timestamp": pd.Timestamp("2025-01-01") + pd.to_timedelta(d, unit="D"),
            "item_id": [f"i{x}" for x in item],
        }
    ).drop_duplicates()


def everything(links):
    """Rules, lag counts and lag tables, as one frame and a list of arrays."""
    counts, table = links.mined_.counts, links.mined_.table
    return links.rules_, [counts.followers, counts.watch_days, counts.entered, counts.lost, table.hazard]


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.rules_, other.rules_, check_exact=True)
    for mine, wanted in zip(everything(one)[1], everything(other)[1], strict=True):
        np.testing.assert_array_equal(mine, wanted)
    assert one.item_ids_.equals(other.item_ids_)
    np.testing.assert_equal(one.replicated_share_, other.replicated_share_)


@given(st.integers(0, 10_000), st.integers(0, 99), st.sampled_from(["first", "any"]))
@settings(max_examples=5, deadline=None)
def test_update_equals_one_fit_on_all(seed, split, occurrence):
    """Whatever customers come first, fit(A).update(B) has every count and figure of fit(A and B), to the bit."""
    lines = make_lines(seed)
    first = np.array([hash_of(c, split) for c in lines["customer_id"]])
    if first.all() or not first.any():
        return
    a, b, whole = (nb.read_orders(part) for part in (lines[first], lines[~first], lines))
    rules = nb.SequentialRules(**PARAMS, occurrence=occurrence)
    together = nb.SequentialRules(**PARAMS, occurrence=occurrence).fit(whole)
    assert len(together.rules_)
    assert_same(rules.fit(a).update(b), together)


def hash_of(customer, split):
    return (int(customer[1:]) * 7919 + split) % 100 < 50


def test_customers_may_come_again():
    """Orders of known customers that come later are added to their histories."""
    lines = make_lines(5)
    early = (lines["timestamp"] < "2025-03-15").to_numpy()
    a, b, whole = (nb.read_orders(part) for part in (lines[early], lines[~early], lines))
    assert_same(nb.SequentialRules(**PARAMS).fit(a).update(b), nb.SequentialRules(**PARAMS).fit(whole))


def test_merged_halves_equal_the_whole():
    """Two fits put together, either way round, are the fit on everything."""
    lines = make_lines(8)
    first = lines["customer_id"].str[1:].astype(int).to_numpy() % 2 == 0
    parts = [nb.SequentialRules(**PARAMS).fit(nb.read_orders(lines[x])) for x in (first, ~first)]
    whole = nb.SequentialRules(**PARAMS).fit(nb.read_orders(lines))
    log = parts[0]._log
    assert_same(parts[0].merge(parts[1]), whole)
    parts[0]._log = log
    assert_same(parts[1].merge(parts[0]), whole)


def test_a_loaded_model_can_be_updated(tmp_path):
    """After saving and loading, update gives what it gives in memory; without its purchases it says what to do."""
    lines = make_lines(3)
    first = lines["customer_id"].str[1:].astype(int).to_numpy() % 3 == 0
    a, b = nb.read_orders(lines[first]), nb.read_orders(lines[~first])
    links = nb.SequentialRules(**PARAMS).fit(a)
    loaded = nb.load(nb.save(links, tmp_path / "model"))
    bare = nb.SequentialRules.from_state(links.get_state(with_orders=False))
    pd.testing.assert_frame_equal(bare.rules_, links.rules_)
    assert_same(loaded.update(b), links.update(b))
    with pytest.raises(nb.InputError, match=r"SequentialRules\(\.\.\.\)\.fit\(orders\)"):
        bare.update(b)


def test_numbers_and_texts_are_one_id():
    """Ids that are numbers in one part and text in the other meet."""
    lines = make_lines(4)
    lines["item_id"] = lines["item_id"].str[1:].astype(int)
    first = lines["customer_id"].str[1:].astype(int).to_numpy() % 2 == 0
    text = lines[~first].assign(item_id=lines["item_id"][~first].astype(str))
    links = nb.SequentialRules(**PARAMS).fit(nb.read_orders(lines[first])).update(nb.read_orders(text))
    whole = nb.SequentialRules(**PARAMS).fit(
        nb.read_orders(lines.assign(item_id=lines["item_id"].astype(str)))
    )
    assert_same(links, whole)


def test_the_log_says_what_the_orders_say():
    """The purchases of a log are those of the orders, each with the day before and the first day."""
    orders = nb.read_orders(make_lines(6))
    log = PurchaseLog.of(orders)
    made, wanted = purchases(log), purchases(orders)

    def rows(events, source):
        customer, item = source.customer_ids.to_pylist(), source.item_ids.to_pylist()
        return sorted(
            (customer[c], int(d), item[i], int(p), int(e))
            for c, d, i, p, e in zip(
                events.customer, events.day, events.item, events.previous, events.entry, strict=True
            )
        )

    assert rows(made, log) == rows(wanted, orders)
    assert (made.start, made.end) == (wanted.start, wanted.end)


@pytest.mark.parametrize("side", ["antecedents", "consequents"])
def test_unknown_ids_are_refused_with_the_nearest(side):
    """An id that no order holds is named, with those most like it; one with too few buyers is no mistake."""
    lines = make_lines(1)
    rare = lines.iloc[:1].assign(item_id="rare", order_id="new")
    orders = nb.read_orders(pd.concat([lines, rare]))
    with pytest.raises(
        nb.InputError, match=rf"1 of 2 {side} are in no order, such as \['i33'\]. Did you mean"
    ):
        nb.SequentialRules(**PARAMS, **{side: ["i1", "i33"]}).fit(orders)
    found = nb.SequentialRules(**PARAMS, **{side: ["i1", "rare"]}).fit(orders).rules_
    assert set(found[side[:-1]]) == {"i1"}
