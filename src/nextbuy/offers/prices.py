"""Prices for what is scarce, so that each customer's own best choice is good for the whole plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 120


@dataclass(frozen=True, eq=False)
class Market:
    """Candidates sorted by customer and category, laid out so that a choice takes no loop over customers.

    Attributes
    ----------
    rows : ndarray of int64
        The candidates, sorted by customer and category.
    customer : ndarray of int64
        Customer by row, numbered without gaps.
    segment : ndarray of int64
        Group of rows of one customer and category, by row.
    segment_starts : ndarray of int64
    segment_customer, segment_place : ndarray of int64
        Customer of each group and its place among the customer's groups.
    slots : ndarray of int64
        Offers a customer can get, by customer.
    """

    rows: NDArray[np.int64]
    customer: NDArray[np.int64]
    segment: NDArray[np.int64]
    segment_starts: NDArray[np.int64]
    segment_customer: NDArray[np.int64]
    segment_place: NDArray[np.int64]
    slots: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        rows: NDArray[np.int64],
        customer: NDArray[np.int64],
        category: NDArray[np.int64],
        slots: NDArray[np.int64],
    ) -> Market:
        """Sort candidates by customer and category; a category of -1 is one of its own."""
        own = np.where(
            category[rows] >= 0, category[rows], int(category.max(initial=-1)) + 1 + np.arange(len(rows))
        )
        by = np.lexsort((own, customer[rows]))
        rows, own = rows[by], own[by]
        people, code = np.unique(customer[rows], return_inverse=True)
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (code[1:] != code[:-1]) | (own[1:] != own[:-1])
        starts = np.flatnonzero(new)
        owner = code[starts]
        place = np.arange(len(starts)) - np.searchsorted(owner, owner)
        return cls(rows, code, np.cumsum(new) - 1, starts, owner, place, slots[people])

    def claims(self, gain: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give what each row adds to its customer's best other choice, and whether it is chosen.

        `gain` is the row's worth less all prices. A customer takes the best row of each category, and of these the
        best `slots` above zero.
        """
        best = np.maximum.reduceat(gain, self.segment_starts)
        first = self._firsts(gain, best)
        second = np.maximum.reduceat(np.where(first, -np.inf, gain), self.segment_starts)
        mate = np.where(first, second[self.segment], best[self.segment])

        width = max(int(self.segment_place.max(initial=0)), int(self.slots.max(initial=0))) + 2
        board = np.full((len(self.slots), width), -np.inf)
        board[self.segment_customer, self.segment_place] = best
        board = -np.sort(-board, axis=1)
        person = np.arange(len(self.slots))
        # place 0 says: no slots, everything is displaced by the impossible
        at_limit = np.where(self.slots > 0, board[person, np.maximum(self.slots - 1, 0)], np.inf)
        after_limit = np.where(self.slots > 0, board[person, self.slots], np.inf)
        inside = best[self.segment] >= at_limit[self.customer]
        other = np.where(inside, after_limit[self.customer], at_limit[self.customer])
        displaced = np.maximum(np.maximum(mate, other), 0.0)
        claim = gain - displaced
        return claim, first & inside & (gain > 0)

    def _firsts(self, gain: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark one best row of each group."""
        top = np.flatnonzero(gain == best[self.segment])
        lead = np.ones(len(top), dtype=bool)
        lead[1:] = self.segment[top][1:] != self.segment[top][:-1]
        out = np.zeros(len(gain), dtype=bool)
        out[top[lead]] = True
        return out


def clearing_prices(
    market: Market,
    *,
    worth: NDArray[np.float64],
    spend: NDArray[np.float64],
    pools: tuple[NDArray[np.int64], ...],
    quota: NDArray[np.float64],
    budget: float,
    steps: int = STEPS,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find prices of quotas and of money at which the customers' own choices just about fit.

    What is wanted more than there is becomes dearer, what is left over cheaper, by ever smaller steps (the
    Lagrangian dual by subgradients); of all prices tried those with the lowest dual value are returned. Time is
    `steps` x a sort of each customer's own candidates.

    Parameters
    ----------
    market : Market
    worth, spend : ndarray of float64
        By candidate.
    pools : tuple of ndarray of int64
        Quotas each candidate draws on, -1: none.
    quota : ndarray of float64
    budget : float
    steps : int

    Returns
    -------
    charge : ndarray of float64
        By row of the market: prices of all it draws on.
    claim : ndarray of float64
        By row of the market: what would be lost without it; who claims most goes first where prices leave a tie.

    References
    ----------
    Held, Wolfe and Crowder, Mathematical Programming 1974. That such prices exist without a budget: Kelso and
    Crawford, Econometrica 1982.
    """
    value, cost = worth[market.rows], spend[market.rows]
    drawn = [pool[market.rows] for pool in pools]
    scarce = np.append(quota, 1.0)  # the last one, of "no quota", has no price
    limited = np.isfinite(budget)
    total_cost = float(cost.sum())
    # a price of money is counted in worth for the whole budget
    money_scale = float(np.abs(value).sum()) / total_cost if limited and total_cost else 0.0
    scale = float(np.abs(value).mean()) or 1.0
    price, money = np.zeros(len(scarce)), 0.0
    best, kept = np.inf, (price, money)
    for step in range(steps):
        charge = sum((price[pool] for pool in drawn), money * cost)
        gain = value - charge
        chosen = market.claims(gain)[1]
        dual = float(gain[chosen].sum() + price[:-1] @ quota) + (money * budget if limited else 0.0)
        if dual < best:
            best, kept = dual, (price, money)
        wanted = sum(
            (np.bincount(pool[chosen & (pool >= 0)], minlength=len(scarce)) for pool in drawn),
            np.zeros(len(scarce)),
        )
        over = np.clip((wanted - scarce) / np.maximum(scarce, 1.0), -1.0, 1.0)
        over[-1] = 0.0
        spent = float(cost[chosen].sum())
        excess = (
            float(np.clip((spent - budget) / budget, -1.0, 1.0)) if limited and budget > 0 else float(limited)
        )
        if (over <= 0).all() and excess <= 0 and not price.any() and money == 0.0:
            break
        size = 1.0 / (1.0 + step) ** 0.75
        price = np.maximum(price + size * scale * over, 0.0)
        money = max(money + size * money_scale * excess, 0.0)
    price, money = kept
    charge = sum((price[pool] for pool in drawn), money * cost)
    return charge, market.claims(value - charge)[0]
