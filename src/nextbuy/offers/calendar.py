"""Which days of a customer are still free under the sliding caps."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import maximum_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 20_000


class Calendar:
    """Contacts by customer and day, from the log and from the plan so far.

    Parameters
    ----------
    customers : int
        How many.
    first_day, days : int
        The plan sends from this day (since 1970-01-01) on, on so many days.
    quiet_days : int
        Two contacts are at least so many days apart; 0: no rule.
    cap, cap_days : int
        At most `cap` contacts in any `cap_days` days in a row.

    Memory: 2 bytes x customers x (days + 2 x the longer window).
    """

    def __init__(
        self, customers: int, *, first_day: int, days: int, quiet_days: int, cap: int, cap_days: int
    ) -> None:
        self.pad = max(quiet_days, cap_days)
        self.first_day, self.days = first_day, days
        self.quiet_days, self.cap, self.cap_days = quiet_days, cap, cap_days
        self.counts = np.zeros((customers, days + 2 * self.pad), np.int16)

    def add(self, customer: NDArray[np.int64], day: NDArray[np.int64], *, times: int = 1) -> None:
        """Note contacts, -1 `times` takes them back; days too far away to matter are passed over."""
        place = day - self.first_day + self.pad
        near = (place >= 0) & (place < self.counts.shape[1])
        np.add.at(self.counts, (customer[near], place[near]), times)

    def free(self, customer: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Say for each customer and day of the plan whether the quiet days and the cap would allow one more contact."""
        counts = self.counts[customer].astype(np.int32)
        total = np.zeros((len(customer), counts.shape[1] + 1), np.int32)
        np.cumsum(counts, axis=1, out=total[:, 1:])
        day = np.arange(self.days) + self.pad
        if self.quiet_days:
            near = total[:, day + self.quiet_days] - total[:, day - self.quiet_days + 1]
            quiet = near == 0
        else:
            quiet = np.ones((len(customer), self.days), dtype=bool)
        # window s holds the days s to s + cap_days - 1; day d lies in the windows d - cap_days + 1 to d
        inside = total[:, self.cap_days :] - total[:, : -self.cap_days]
        fullest = maximum_filter1d(
            inside, self.cap_days, axis=1, origin=(self.cap_days - 1) // 2, mode="constant"
        )
        return quiet, fullest[:, day] < self.cap

    def room(self, most: int) -> NDArray[np.int64]:
        """Count the contacts that each customer could still get in the plan, up to `most`."""
        out = np.zeros(len(self.counts), np.int64)
        trial = copy(self)
        trial.counts = self.counts.copy()
        for _ in range(most):
            everyone = np.flatnonzero(out == out.max(initial=0))
            found = np.zeros(len(everyone), dtype=bool)
            for at in range(0, len(everyone), BLOCK):
                part = everyone[at : at + BLOCK]
                quiet, capped = trial.free(part)
                free = quiet & capped
                found[at : at + BLOCK] = free.any(1)
                some = part[free.any(1)]
                trial.add(some, self.first_day + np.argmax(free, axis=1)[free.any(1)])
            if not found.any():
                break
            out[everyone[found]] += 1
        return out

    def place(
        self,
        customer: NDArray[np.int64],
        *,
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        target: NDArray[np.int64],
        barred: NDArray[np.int64],
        barred_from: NDArray[np.int64],
        barred_to: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Find the free day nearest to the target, the earlier of two, in rows of different customers.

        Parameters
        ----------
        low, high, target : ndarray of int64
            First and last day allowed and the day aimed at, days since 1970-01-01.
        barred, barred_from, barred_to : ndarray of int64
            Rows (positions in `customer`) and spans of days on which this row's item must not be offered again.

        Returns
        -------
        day : ndarray of int64
            -1 where no day is free.
        by_cap : ndarray of bool
            Where no day is free: whether a cap or cool-down alone closes them all (otherwise quiet days do their part).
        """
        out, by_cap = np.full(len(customer), -1, np.int64), np.zeros(len(customer), dtype=bool)
        days = np.arange(self.days) + self.first_day
        by = np.argsort(barred, kind="stable")
        barred, barred_from, barred_to = barred[by], barred_from[by], barred_to[by]
        for at in range(0, len(customer), BLOCK):
            part = slice(at, min(at + BLOCK, len(customer)))
            first, last = np.searchsorted(barred, [part.start, part.stop])
            spans = (barred[first:last] - part.start, barred_from[first:last], barred_to[first:last])
            allowed, uncapped = self.open_days(customer[part], low=low[part], high=high[part], spans=spans)
            away = 2 * np.abs(days - target[part, None]) + (days > target[part, None])
            away = np.where(allowed, away, np.iinfo(np.int64).max)
            best = np.argmin(away, axis=1)
            out[part] = np.where(allowed.any(1), days[best], -1)
            by_cap[part] = ~uncapped.any(1)
        return out, by_cap

    def open_days(
        self,
        customer: NDArray[np.int64],
        *,
        low: NDArray[np.int64],
        high: NDArray[np.int64],
        spans: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Say by row and day of the plan what is open, and what would be if there were no quiet days.

        `spans` are the rows, first and last days that the item's cool-down closes.
        """
        quiet, capped = self.free(customer)
        row, start, end = spans
        edge = np.zeros((len(customer), self.days + 1), np.int32)
        np.add.at(edge, (row, np.clip(start - self.first_day, 0, self.days)), 1)
        np.add.at(edge, (row, np.clip(end + 1 - self.first_day, 0, self.days)), -1)
        capped &= np.cumsum(edge, axis=1)[:, :-1] == 0
        days = np.arange(self.days) + self.first_day
        capped &= (days >= low[:, None]) & (days <= high[:, None])
        return quiet & capped, capped
