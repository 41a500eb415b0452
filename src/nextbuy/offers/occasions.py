"""Holidays and birthdays: the days on which a shop writes anyway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.offers.door import open_table, places_of
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, dates, to_frame
from nextbuy.orders.table import to_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nextbuy.offers.calendar import Calendar
    from nextbuy.offers.candidates import Candidates

_YEARLY = re.compile(r"(\d{2})-(\d{2})")


def occasion_calendar(
    *, as_of: Any, days: int = 30, holidays: Mapping[str, Any] | None = None, birthdays: Any = None
) -> Any:
    """List the holidays and birthdays of the days to come, for `OfferPlanner.plan(occasions=)`.

    Parameters
    ----------
    as_of : date
        First day.
    days : int, default 30
        How many days from there on.
    holidays : mapping of name to date, optional
        "2026-04-12" is that day, "12-25" that day of every year.
    birthdays : frame, path or list of dict, optional
        `customer_id, birthday`; the year of birth does not matter, and February 29 is February 28 in other years.

    Returns
    -------
    frame, by date
        `customer_id` (null: everybody)`, date, occasion`.

    Raises
    ------
    InputError
        When a date cannot be read.

    Examples
    --------
    >>> people = [{"customer_id": "Ана", "birthday": "1988-02-29"}, {"customer_id": "Bo", "birthday": "1990-07-01"}]
    >>> occasion_calendar(as_of="2026-02-20", holidays={"Mărțișor": "03-01"}, birthdays=people)
      customer_id       date  occasion
    0         Ана 2026-02-28  birthday
    1         NaN 2026-03-01  Mărțișor
    """
    first = to_us(as_of) // DAY_US
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise InputError(f"days={days!r} must be a whole number, at least 1.")
    inside = np.arange(first, first + days)
    month_day = np.array([str(d)[5:] for d in inside.astype("datetime64[D]")])
    day, who, what = [], [], []
    for name, given in (holidays or {}).items():
        if isinstance(given, str) and _YEARLY.fullmatch(given):
            to_us(f"2000-{given}", name=f"holidays[{name!r}]")
            found = inside[month_day == given]
        else:
            found = inside[inside == to_us(given, name=f"holidays[{name!r}]") // DAY_US]
        day += found.tolist()
        who += [None] * len(found)
        what += [name] * len(found)
    ids: pa.Array = pa.nulls(len(day), pa.string())
    if birthdays is not None:
        table = open_table(birthdays, what="birthdays", needed=("customer_id", "birthday"))
        born = table.days("birthday")
        person = np.flatnonzero(np.isfinite(born))
        own = np.array([str(d)[5:] for d in born[person].astype(np.int64).astype("datetime64[D]")])
        after = np.array([str(d)[5:] for d in (inside + 1).astype("datetime64[D]")])
        for at, wanted, following in zip(inside.tolist(), month_day.tolist(), after.tolist(), strict=True):
            # after February 28 comes March 1 in most years
            leap = wanted == "02-28" and following != "02-29"
            hit = person[(own == wanted) | ((own == "02-29") & leap)]
            day += [at] * len(hit)
            who += hit.tolist()
            what += ["birthday"] * len(hit)
        ids = table.ids("customer_id").take(pa.array(who, pa.int64()))
    by = np.lexsort((np.arange(len(day)), np.array(day, np.int64)))
    columns = {
        "customer_id": ids.take(pa.array(by)),
        "date": dates(np.array(day, np.float64)[by]),
        "occasion": pa.array([what[i] for i in by.tolist()], pa.string()),
    }
    return to_frame(pa.table(columns), "pandas")


class Occasions:
    """The occasions of a plan's customers, one entry a customer and day.

    Attributes
    ----------
    customer, day : ndarray of int64
        Sorted by both.
    name : ndarray of str
        Several of one day joined by " + ".
    strangers : int
        Occasions of customers without a candidate.
    """

    def __init__(self, source: Any, c: Candidates, *, first: int, days: int) -> None:
        self.customer, self.day = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.name, self.strangers = np.zeros(0, dtype=object), 0
        if source is None:
            return
        table = open_table(source, what="occasions", needed=("date", "occasion"))
        day = table.days("date")
        table.refuse(np.isnan(day), "date", "missing", "Give each occasion its day, as 2026-12-25.")
        inside = (day >= first) & (day < first + days)
        ids = table.ids("customer_id") if table.has("customer_id") else pa.nulls(len(table), pa.string())
        code = places_of(c.customer_ids, ids)
        everybody = np.asarray(ids.is_null())
        name = np.array([str(n) for n in table.column("occasion", pa.string()).to_pylist()], dtype=object)
        self.strangers = int((inside & ~everybody & (code < 0)).sum())
        n, shared, own = len(c.customer_ids), inside & everybody, inside & (code >= 0)
        customer = np.concatenate([code[own], np.tile(np.arange(n), int(shared.sum()))])
        when = np.concatenate([day[own], np.repeat(day[shared], n)]).astype(np.int64)
        what = np.concatenate([name[own], np.repeat(name[shared], n)])
        by = np.lexsort((what.astype(str), when, customer))
        customer, when, what = customer[by], when[by], what[by]
        new = np.ones(len(by), dtype=bool)
        new[1:] = (customer[1:] != customer[:-1]) | (when[1:] != when[:-1])
        starts = np.flatnonzero(new)
        self.customer, self.day = customer[starts], when[starts]
        self.name = what[starts]
        for at in np.flatnonzero(np.diff(np.append(starts, len(by))) > 1).tolist():
            self.name[at] = " + ".join(dict.fromkeys(what[starts[at] : np.append(starts, len(by))[at + 1]]))

    def __len__(self) -> int:
        return len(self.customer)

    def pull(self, c: Candidates) -> NDArray[np.int64]:
        """Give each candidate's target: the occasion in its window nearest to the day it had, else that day."""
        key = self.customer << 22 | self.day
        start = c.customer << 22
        low, high = np.searchsorted(key, start + c.low), np.searchsorted(key, start + c.high, side="right")
        at = np.searchsorted(key, start + c.target)
        target, nearest = c.target.copy(), np.full(len(c), np.inf)
        for place in (at, at - 1):
            day = self.day[np.clip(place, 0, len(self) - 1)]
            away = np.where((place >= low) & (place < high), np.abs(day - c.target), np.inf)
            target = np.where(away < nearest, day, target)
            nearest = np.minimum(away, nearest)
        return target

    def names(self, customer: NDArray[np.int64], day: NDArray[np.int64]) -> pa.Array:
        """Give the occasion of each customer and day, null where there is none."""
        key = self.customer << 22 | self.day
        wanted = customer << 22 | np.maximum(day, 0)
        place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
        known = _is_in(key, wanted) & (day >= 0)
        return pa.array(self.name.tolist(), pa.string()).take(pa.array(place, mask=~known))

    def greet(
        self,
        c: Candidates,
        calendar: Calendar,
        *,
        send: NDArray[np.int64],
        channel: NDArray[np.int64],
        channels: tuple[str, ...],
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """Say what becomes of each occasion, as a table, and by row the candidate whose offer carries it (-1: none).

        One message: where an offer goes out that day it carries the greeting. Alone it goes where the customer's caps
        leave the day free, after all offers.
        """
        kept = np.flatnonzero(send >= 0)
        key = c.customer[kept] << 22 | send[kept]
        by = np.argsort(key, kind="stable")
        wanted = self.customer << 22 | self.day
        place = np.minimum(np.searchsorted(key[by], wanted), max(len(by) - 1, 0))
        merged = _is_in(key[by], wanted)
        offer = np.where(merged, kept[by[place]] if len(by) else -1, -1)
        reach = np.full(len(c.customer_ids), len(channels), np.int64)
        np.minimum.at(reach, c.customer, channel)
        outcome = np.select(
            [
                c.control[self.customer] | c.held_out[self.customer],
                merged,
                reach[self.customer] == len(channels),
            ],
            ["holdout", "merged", "no_consent"],
            default="alone",
        ).astype("<U10")
        waiting = np.flatnonzero(outcome == "alone")
        none = np.zeros(0, np.int64)
        while len(waiting):
            earliest = np.ones(len(waiting), dtype=bool)
            earliest[1:] = self.customer[waiting][1:] != self.customer[waiting][:-1]
            now, waiting = waiting[earliest], waiting[~earliest]
            day = self.day[now]
            spans = {"barred": none, "barred_from": none, "barred_to": none}
            got, by_cap = calendar.place(self.customer[now], low=day, high=day, target=day, **spans)
            outcome[now[(got < 0) & by_cap]] = "cap"
            outcome[now[(got < 0) & ~by_cap]] = "quiet"
            calendar.add(self.customer[now[got >= 0]], got[got >= 0])
        names = pa.array([*channels, None], pa.string())
        return pa.table(
            {
                "customer_id": c.caller_ids.take(pa.array(self.customer)),
                "occasion": pa.array(self.name.tolist(), pa.string()),
                "date": dates(self.day.astype(np.float64)),
                "outcome": pa.array(outcome.tolist(), pa.string()),
                "channel": names.take(pa.array(reach[self.customer])),
            }
        ), np.where(outcome == "merged", offer, -1)

    def notes(self, greetings: pa.Table) -> tuple[str, ...]:
        """Count what becomes of the occasions."""
        if not len(self) and not self.strangers:
            return ()
        outcomes = greetings.column("outcome").to_pylist()
        counts = {name: outcomes.count(name) for name in dict.fromkeys(sorted(outcomes))}
        said = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
        strange = f" {self.strangers:,} more are of customers without a candidate." if self.strangers else ""
        return (f"Greetings in these days: {len(self):,}: {said}.{strange}",)


def _is_in(key: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    found: NDArray[np.bool_] = key[place] == wanted if len(key) else np.zeros(len(wanted), dtype=bool)
    return found
