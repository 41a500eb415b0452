"""The best plan there is, where a plan is small enough to be solved exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.calendar import Calendar

MOST_SETS = 20_000  # sets of offers of one customer, all customers together

Sets = dict[tuple[int, ...], list[int]]


@dataclass(frozen=True)
class Days:
    """One customer's days: `logged` contacts and the rules on new ones, days counted from the plan's first."""

    logged: list[int]
    quiet_days: int
    cap: int
    cap_days: int

    def schedule(self, masks: list[int]) -> list[int]:
        """Give each offer a day of its mask of open days (bit d: day d) so that no rule is broken; [] where none fits.

        For a given order of the offers the earliest days are as good as any: an earlier contact is in no stretch of
        days with a later one that the later day would not be in too. So only orders have to be tried.
        """
        days = [0] * len(masks)

        def place(left: list[int], at: int, placed: list[int]) -> bool:
            if not left:
                return True
            for j in left:
                mask = masks[j] >> at << at
                while mask:
                    day = (mask & -mask).bit_length() - 1
                    if self._fits(day, placed):
                        days[j] = day
                        if place([i for i in left if i != j], day + self.quiet_days, [*placed, day]):
                            return True
                        break
                    mask &= mask - 1
            return False

        return days if place(list(range(len(masks))), 0, []) else []

    def _fits(self, day: int, placed: list[int]) -> bool:
        if len(self.logged) + len(placed) < self.cap:
            return True
        near = [d for d in chain(self.logged, placed, [day]) if abs(d - day) < self.cap_days]
        # the fullest stretch begins with a contact
        return all(
            sum(first <= d < first + self.cap_days for d in near) <= self.cap
            for first in near
            if first <= day
        )


def feasible_sets(
    masks: list[int], category: list[int], days: Days, *, room: int, most: int = MOST_SETS
) -> Sets | None:
    """List all sets of one customer's offers that can be sent together, with a day for each; None: more than `most`.

    Parameters
    ----------
    masks : list of int
        Open days of each offer, bit d for day d.
    category : list of int
        One of each; -1: no rule.
    room : int
        No customer's plan holds more offers.
    """
    found: Sets = {}
    level: Sets = {(j,): got for j, mask in enumerate(masks) if (got := days.schedule([mask]))}
    while level:
        found |= level
        if len(next(iter(level))) == room:
            break
        if len(found) > most:
            return None
        larger: Sets = {}
        for one in level:
            for j in range(one[-1] + 1, len(masks)):
                if (j,) not in found or (category[j] >= 0 and category[j] in {category[i] for i in one}):
                    continue
                if got := days.schedule([masks[i] for i in (*one, j)]):
                    larger[*one, j] = got
        level = larger
    return found


def exact_plan(
    open_: NDArray[np.bool_],
    *,
    customer: NDArray[np.int64],
    category: NDArray[np.int64],
    worth: NDArray[np.float64],
    spend: NDArray[np.float64],
    pools: tuple[NDArray[np.int64], ...],
    quota: NDArray[np.float64],
    budget: float,
    calendar: Calendar,
) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
    """Choose the candidates, and a day for each, that are worth most together under every rule at once.

    All sets of offers that a customer can get are listed; where nothing is shared each customer gets the best one,
    else a mixed-integer program (HiGHS) picks one a customer.

    Parameters
    ----------
    open_ : ndarray of bool, candidates x days of the plan
    customer, category : ndarray of int64
        Category -1: no rule of one per category.
    worth, spend : ndarray of float64
    pools : tuple of ndarray of int64
        Quotas each candidate draws on, -1: none.
    quota : ndarray of float64
    budget : float
    calendar : Calendar
        Contacts made and planned, with the quiet days and the cap.

    Returns
    -------
    chosen : ndarray of bool
    day : ndarray of int64
        Since 1970-01-01; meaningless where not chosen.
    None where there are more than `MOST_SETS` sets.
    """
    sets: list[tuple[NDArray[np.int64], list[int]]] = []
    owner: list[int] = []
    masks = [sum(1 << d for d in np.flatnonzero(row).tolist()) for row in open_]
    room = calendar.room(int(np.bincount(customer).max(initial=0)))
    for person in np.unique(customer).tolist():
        mine = np.flatnonzero((customer == person) & (worth > 0))
        mine = mine[np.argsort(-worth[mine], kind="stable")]  # not the order of the rows
        got = feasible_sets(
            [masks[i] for i in mine],
            category[mine].tolist(),
            _days(calendar, person),
            room=int(room[person]),
            most=MOST_SETS - len(sets),
        )
        if got is None:
            return None
        sets += [(mine[list(one)], days) for one, days in got.items()]
        owner += [person] * len(got)
    chosen, day = np.zeros(len(customer), dtype=bool), np.zeros(len(customer), np.int64)
    if sets:
        member = csr_array(
            (
                np.ones(sum(len(rows) for rows, _ in sets)),
                (
                    np.repeat(np.arange(len(sets)), [len(r) for r, _ in sets]),
                    np.concatenate([r for r, _ in sets]),
                ),
            ),
            shape=(len(sets), len(customer)),
        )
        for one in _choose(member, np.array(owner), worth, spend, pools, quota, budget):
            rows, days = sets[one]
            chosen[rows], day[rows] = True, np.array(days) + calendar.first_day
    return chosen, day


def _days(calendar: Calendar, person: int) -> Days:
    counts = calendar.counts[person]
    place = np.flatnonzero(counts)
    logged = np.repeat(place - calendar.pad, counts[place]).tolist()
    return Days(logged, calendar.quiet_days, calendar.cap, calendar.cap_days)


def _choose(
    member: csr_array,
    owner: NDArray[np.int64],
    worth: NDArray[np.float64],
    spend: NDArray[np.float64],
    pools: tuple[NDArray[np.int64], ...],
    quota: NDArray[np.float64],
    budget: float,
) -> list[int]:
    """Give the sets worth most, one a customer, within quotas and budget."""
    value = member @ worth
    people, who = np.unique(owner, return_inverse=True)
    best = np.zeros(len(owner))
    by = np.lexsort((-value, who))
    best[by[np.searchsorted(who[by], np.arange(len(people)))]] = 1.0
    limits = [
        (member @ csr_array(np.eye(len(quota))[pool] * (pool >= 0)[:, None])).T
        for pool in pools
        if len(quota)
    ]
    rows = [(limit, quota) for limit in limits]
    if np.isfinite(budget):
        rows.append((csr_array((member @ spend)[None, :]), np.array([budget])))
    if all((matrix @ best <= most + 1e-12).all() for matrix, most in rows):
        return np.flatnonzero(best).tolist()
    once = csr_array((np.ones(len(who)), (who, np.arange(len(who)))))
    found = milp(
        -value,
        constraints=[LinearConstraint(m, -np.inf, most) for m, most in [(once, np.ones(len(people))), *rows]],
        integrality=1,
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-9, "node_limit": 2000},
    )
    return [] if found.x is None else np.flatnonzero(found.x > 0.5).tolist()
