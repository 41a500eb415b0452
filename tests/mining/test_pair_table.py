"""Pairs kept as far as they occur, against tables of all pairs."""

import numpy as np
import pytest
from scipy import sparse

from nextbuy.mining import estimate as module
from nextbuy.mining import links, null
from nextbuy.mining.estimate import estimate
from nextbuy.mining.exposures import from_lines
from nextbuy.mining.followers import by_rows
from nextbuy.mining.pair_table import LARGEST, LEAST, PairTable, Taste


def make_pairs(n=40, *, seed=0, level=0.05):
    """Lay out random followers of which most pairs have none, and a calendar of five weeks."""
    random = np.random.default_rng(seed)
    ends, hazard = random.random((n, 5)) + 0.1, random.random((n, 5)) + 0.1
    followed = random.poisson(level * ends @ hazard.T) * ~np.eye(n, dtype=bool)
    return (
        followed,
        ends,
        hazard,
        PairTable.from_factors(sparse.csr_array(followed.astype(np.int32)), ends, hazard),
    )


def make_taste(n, *, seed=1, much=0.6):
    """Lay out two tastes, so strong that some ratios are cut."""
    random = np.random.default_rng(seed)
    return Taste((random.normal(size=(n, 2)) * much).astype(np.float32), np.array([1.0, -0.5], np.float32))


def test_both_orders_of_every_pair_that_occurs_are_kept():
    """Counts, calendar and margins of the table are those of the square ones."""
    followed, ends, hazard, pairs = make_pairs()
    base = ends @ hazard.T
    low, high = np.nonzero(np.triu(followed + followed.T))
    np.testing.assert_array_equal((pairs.low, pairs.high), (low, high))
    np.testing.assert_array_equal(pairs.forward, followed[low, high])
    np.testing.assert_array_equal(pairs.backward, followed[high, low])
    np.testing.assert_allclose(pairs.ahead, base[low, high], rtol=1e-5)
    np.testing.assert_allclose(pairs.behind, base[high, low], rtol=1e-5)
    np.testing.assert_array_equal(pairs.rows, followed.sum(1))
    np.testing.assert_array_equal(pairs.columns, followed.sum(0))
    assert 0 < len(pairs.low) < 40 * 39 / 4


@pytest.mark.parametrize("tasted", [False, True])
def test_products_are_those_of_the_square_table(tasted):
    """Thin tables times a vector, less the diagonal and what stands out, equal the table of all pairs times it."""
    followed, ends, hazard, pairs = make_pairs()
    taste = make_taste(pairs.n) if tasted else None
    out = pairs.forward > 1, pairs.backward > 1
    table = ends @ hazard.T
    ratio = None
    if taste is not None:
        ratio = taste.bounded(pairs.low, pairs.high)
        assert ((ratio == LEAST) | (ratio == LARGEST)).any()
        whole = 1 + (taste.factor * taste.weight) @ taste.factor.T
        whole[pairs.low, pairs.high] = whole[pairs.high, pairs.low] = ratio
        table = table * whole
    table[followed > 1] = 0
    np.fill_diagonal(table, 0)
    made, x = pairs.product(taste, ratio, out), np.random.default_rng(3).random(pairs.n)
    np.testing.assert_allclose(made @ x, table @ x, rtol=1e-5)
    np.testing.assert_allclose(made.T @ x, x @ table, rtol=1e-5)


@pytest.mark.parametrize("cells", [1e-9, 40, 1e9])
def test_ratios_of_taste_are_those_of_the_square_table(cells, monkeypatch):
    """By blocks of the table or pair by pair, whichever costs less, the ratios are the products of the factors."""
    monkeypatch.setattr("nextbuy.mining.pair_table.CELLS", cells)
    monkeypatch.setattr("nextbuy.mining.pair_table.BLOCK", 280)  # seven items at once
    *_, pairs = make_pairs()
    taste = make_taste(pairs.n)
    whole = np.clip(1 + (taste.factor * taste.weight) @ taste.factor.T, LEAST, LARGEST)
    np.testing.assert_allclose(pairs.tasted(taste), whole[pairs.low, pairs.high], rtol=1e-5)


def test_large_tables_are_not_copied():
    """A sparse table of given rows has the given arrays, not wider copies of them."""
    cells, columns = np.array([3, 1, 2], np.int32), np.array([1, 2, 0], np.int32)
    table = by_rows(cells, columns, np.array([0, 2, 2, 3]), 4)
    np.testing.assert_array_equal(table.toarray(), [[0, 3, 1, 0], [0, 0, 0, 0], [2, 0, 0, 0]])
    assert np.shares_memory(table.data, cells)
    assert np.shares_memory(table.indices, columns)


@pytest.mark.parametrize("sample", [1 << 24, 400])
def test_pairs_that_do_not_occur_are_met_once_or_by_sample(sample, monkeypatch):
    """What is expected of absent pairs is that of the square table, exactly if all are looked at."""
    monkeypatch.setattr("nextbuy.mining.pair_table.SAMPLE", sample)
    monkeypatch.setattr("nextbuy.mining.pair_table.BLOCK", 200)
    followed, ends, hazard, pairs = make_pairs(90)
    taste, random = make_taste(90, much=0.2), np.random.default_rng(4)
    row, column = random.random(90) + 0.5, random.random(90) + 0.5
    table = np.clip(1 + (taste.factor * taste.weight) @ taste.factor.T, LEAST, LARGEST)
    table = table * (ends @ hazard.T) * row[:, None] * column
    absent = (followed + followed.T == 0) & ~np.eye(90, dtype=bool)
    parts = list(pairs.absent(row, column, taste))
    cells = sum(len(ahead) * weight for ahead, _, weight in parts)
    ahead = sum(float(ahead.sum()) * weight for ahead, _, weight in parts)
    behind = sum(float(behind.sum()) * weight for _, behind, weight in parts)
    near = 1e-5 if sample > 8_100 else 0.2
    assert (cells, ahead, behind) == pytest.approx(
        (absent.sum(), table[absent].sum(), table[absent].sum()), rel=near
    )
    assert (len(pairs.sample[0]) < 90) == (sample < 8_100)


def test_what_stands_out_does_not_steer():
    """A pair that stands out changes nothing of what is expected of the others, and margins without it are matched."""
    followed, ends, hazard, _ = make_pairs(30, level=20.0)
    made = []
    for much in (300, 30_000):
        loud = followed.copy()
        loud[2, 3] = much
        pairs = PairTable.from_factors(sparse.csr_array(loud.astype(np.int32)), ends, hazard)
        out = pairs.marks(np.array([2]), np.array([3]))
        margins = module._margins(pairs, out)
        row, column = null.rake(pairs.product(None, None, out), *margins, rounds=500, tolerance=1e-12)
        table = ends @ hazard.T * row[:, None] * column
        table[2, 3] = 0
        np.fill_diagonal(table, 0)
        loud[2, 3] = 0
        np.testing.assert_allclose(table.sum(1), loud.sum(1), rtol=1e-6)
        np.testing.assert_allclose(table.sum(0), loud.sum(0), rtol=1e-6)
        made.append(table)
    np.testing.assert_allclose(*made)


def test_a_planted_pair_is_tested_against_its_reverse():
    """Of a shop of chance the one planted pair passes, in its own order, with what chance and margins expect of it."""
    followed, ends, hazard, _ = make_pairs(60, level=3.0, seed=5)
    followed[7, 11] += 60
    pairs = PairTable.from_factors(sparse.csr_array(followed.astype(np.int32)), ends, hazard)
    found = estimate(pairs)
    tests = found.candidates(8)
    passed = tests.where(tests.passes(0.05))
    assert (passed.a.tolist(), passed.b.tolist()) == ([7], [11])
    assert passed.ahead[0] == pytest.approx(3 * float(ends[7] @ hazard[11]), rel=0.3)
    np.testing.assert_allclose(found.of(tests.a, tests.b), tests.ahead, rtol=1e-4)


@pytest.mark.parametrize("most", [0.05, 0.3])
def test_pairs_left_out_for_their_p_change_no_smaller_q(most):
    """Among candidates with p up to a bound, every q up to it is the one that all candidates give."""
    followed, ends, hazard, _ = make_pairs(60, level=3.0, seed=5)
    followed[7:11, 20:24] += 15
    found = estimate(PairTable.from_factors(sparse.csr_array(followed.astype(np.int32)), ends, hazard))
    whole, some = found.candidates(4), found.candidates(4, most_p=most)
    low = [tests.where(tests.q <= most) for tests in (whole, some)]
    for name in ("a", "b", "forward", "backward", "ahead", "behind", "p", "q"):
        np.testing.assert_array_equal(getattr(low[0], name), getattr(low[1], name))
    assert 3 < len(low[1].a) <= len(some.a) < len(whole.a)


@pytest.mark.parametrize("items", [1, 2, 3])
@pytest.mark.parametrize("occurrence", ["first", "any"])
def test_shops_of_hardly_anything_are_mined(items, occurrence):
    """No purchase, one, or five of one to three items give rules or none, and no error."""
    for n in (0, 1, 5):
        random = np.random.default_rng(1)
        lines = (random.integers(0, high, n).astype(np.int32) for high in (3, 30, items))
        events = from_lines(*lines, half=np.array([False, True, False]), n_items=items)
        limits = {"window_days": 20, "min_followed": 1, "min_customers": 1, "fdr": None}
        assert len(links.mine(events, occurrence=occurrence, **limits).antecedent) <= items * (items - 1)


@pytest.mark.slow
def test_fifty_thousand_items_are_mined():
    """Of 50,000 items, each with buyers, the twenty planted links are found; a square table would take 10 GB."""
    random = np.random.default_rng(6)
    customers, items, lines = 60_000, 50_000, 900_000
    customer, day = random.integers(0, customers, lines), random.integers(0, 400, lines)
    item = random.integers(0, items, lines)
    a = random.integers(0, customers, (20, 400))
    start = random.integers(0, 300, (20, 400))
    codes = np.repeat(np.arange(20), 400)
    customer = np.concatenate([customer, a.ravel(), a.ravel()[::4]])
    day = np.concatenate([day, start.ravel(), start.ravel()[::4] + 20])
    item = np.concatenate([item, codes, codes[::4] + 100])
    columns = (v.astype(np.int32) for v in (customer, day, item))
    events = from_lines(*columns, half=random.random(customers) < 0.5, n_items=items)
    found = links.mine(events, window_days=90, min_followed=8, min_customers=20, fdr=0.05)
    assert set(zip(found.antecedent.tolist(), found.consequent.tolist(), strict=True)) == {
        (k, k + 100) for k in range(20)
    }
