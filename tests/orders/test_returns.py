"""Returns cancel the latest purchases before them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.orders.returns import match_returns


def by_hand(group, time, quantity):
    """Match with a stack a group, one line after the other: pieces by (return, purchase)."""
    out, stacks = {}, {}
    for row in sorted(range(len(group)), key=lambda r: (time[r], quantity[r] < 0, quantity[r])):
        stack = stacks.setdefault(group[row], [])
        if quantity[row] > 0:
            stack.append([row, quantity[row]])
            continue
        left = -quantity[row]
        while left > 1e-9 and stack:
            used = min(left, stack[-1][1])
            out[row, stack[-1][0]] = out.get((row, stack[-1][0]), 0) + used
            stack[-1][1] -= used
            left -= used
            if stack[-1][1] <= 1e-9:
                stack.pop()
    return out


lines = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 6), st.sampled_from([-7, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 5, 7])
    ),
    max_size=40,
)


@settings(deadline=None)
@given(lines)
def test_agrees_with_a_stack(rows):
    """The matching without loop gives what a stack per customer and item gives."""
    # each line its own moment within the tie, so that the oracle's order is the only one
    group = np.array([g for g, _, _ in rows], np.int64)
    time = np.array([t * 100 + k for k, (_, t, _) in enumerate(rows)], np.int64)
    quantity = np.array([q for _, _, q in rows], np.float64)
    returned, purchase, pieces = match_returns(group, time, quantity, np.zeros(len(rows), np.uint64))
    got = {(int(r), int(p)): q for r, p, q in zip(returned, purchase, pieces, strict=True)}
    want = by_hand(group, time, quantity)
    assert got.keys() == want.keys()
    for pair, q in want.items():
        assert abs(got[pair] - q) < 1e-6


def test_a_return_of_the_same_moment_comes_after_its_purchase():
    """Bought and returned at one moment cancel each other, whatever row stands first."""
    zero = np.zeros(2, np.uint64)
    returned, purchase, pieces = match_returns(
        np.zeros(2, np.int64), np.zeros(2, np.int64), np.array([-2.0, 2]), zero
    )
    assert (returned.tolist(), purchase.tolist(), pieces.tolist()) == ([0], [1], [2.0])


def test_fractions_meet_exactly():
    """0.1 and 0.2 returned of 0.3 leave nothing over."""
    quantity = np.array([0.3, -0.1, -0.2])
    _, _, pieces = match_returns(np.zeros(3, np.int64), np.arange(3), quantity, np.zeros(3, np.uint64))
    assert round(pieces.sum(), 12) == 0.3


def test_huge_quantities_do_not_overflow():
    """Quantities far beyond any shop are matched all the same."""
    quantity = np.array([1e15, 1e300, -1e300])
    returned, purchase, _ = match_returns(
        np.zeros(3, np.int64), np.arange(3), quantity, np.zeros(3, np.uint64)
    )
    assert (returned.tolist(), purchase.tolist()) == ([2], [1])
