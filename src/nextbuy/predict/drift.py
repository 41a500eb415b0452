"""Whether the heads still fit the times: judged on the last days, which they have not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nextbuy.predict.candidates import Candidates, Sources, new_candidates, repeat_candidates
from nextbuy.predict.examples import examples
from nextbuy.predict.features import rank_within
from nextbuy.predict.history import Timeline
from nextbuy.predict.order import by_count, deal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts
    from nextbuy.predict.heads import Head
    from nextbuy.predict.history import History

    Bought = tuple[NDArray[np.int64], NDArray[np.int64]]
    Seen = tuple[Candidates, NDArray[np.int64]]

FEWEST_CUSTOMERS = 200  # with orders in the days that judge
MOST_DAYS = 14
FAR_BEHIND = 3.0  # standard errors: a head that still holds is replaced once in 700 fits
PLACES = 10
LEVEL_DAYS, LASTING = 14, 0.5


def bought_between(events: Purchases, start: int, stop: int) -> Bought:
    """Pairs (customer x items + item) bought from day `start` on, before day `stop`, sorted; and on how many days."""
    rows = (events.day >= start) & (events.day < stop)
    key = events.customer[rows].astype(np.int64) * events.n_items + events.item[rows]
    return np.unique(key, return_counts=True)


def times_bought(candidates: Candidates, bought: Bought, n_items: int) -> NDArray[np.int64]:
    """On how many days each candidate was bought."""
    keys, days = bought
    asked = candidates.customer * n_items + candidates.item
    if not len(keys):
        return np.zeros(len(asked), np.int64)
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[at] == asked, days[at], 0)


def days_to_judge(timeline: Timeline, cut: int, *, horizon_days: int) -> int:
    """How many last days hold enough customers who ordered before; 0 when even two weeks do not."""
    events = timeline.events
    last = events.day >= cut - min(MOST_DAYS, horizon_days)
    entered = np.full(events.n_customers, cut, np.int64)
    np.minimum.at(entered, events.customer, events.day)
    for days in range(1, min(MOST_DAYS, horizon_days) + 1):
        rows = last & (events.day >= cut - days) & (events.day < cut)
        customers = np.unique(events.customer[rows])
        if (entered[customers] < cut - days).sum() >= FEWEST_CUSTOMERS:
            return days
    return 0


def levels(parts: Parts, cut: int, cuts: list[int], *, horizon_days: int) -> tuple[float, float]:
    """How much more is bought now than in the days that the heads learned from: repeats, and new items.

    The share of known pairs bought again in the last two weeks, over the same two weeks after each past cut-off; and
    likewise of first purchases among known customers. `parts` are `Purchases`. Half of the change (on the log scale;
    less where few purchases tell it) is taken as lasting (docs/decisions/prediction.md).
    """
    days = min(LEVEL_DAYS, horizon_days)
    counts = parts.total(_count_bought, starts=[cut - days, *cuts], days=days)
    bought, known = counts[:, :2].astype(np.float64), counts[:, 2:]
    rates = bought / np.maximum(known, 1)
    seen, now, past = bought[0], rates[0], rates[1:].mean(axis=0)
    change = np.log(np.maximum(now, 1e-12) / np.maximum(past, 1e-12))
    ratio = np.where(past > 0, np.exp(LASTING * seen / (seen + FEWEST_CUSTOMERS) * change), 1.0)
    return float(ratio[0]), float(ratio[1])


def _count_bought(events: Purchases, *, starts: list[int], days: int) -> NDArray[np.int64]:
    """Count by start the known pairs bought again and the new pairs in so many days, and the pairs known before."""
    counts = []
    for start in starts:
        now = (events.day >= start) & (events.day < start + days)
        again = now & ~events.first & (events.previous < start)
        fresh = now & events.first & (events.entry < start)
        known = events.first & (events.day < start)
        counts.append([int(rows.sum()) for rows in (again, fresh, known)])
    return np.array(counts, np.int64)


@dataclass(frozen=True)
class LastDays:
    """The customers who ordered in the last days, as they were known before.

    Attributes
    ----------
    timeline : Timeline
    start : int
        First day of those that judge.
    sources : Sources
    bought : tuple of ndarray of int64
        Pairs (customer x items + item), and on how many days.
    """

    timeline: Timeline
    start: int
    sources: Sources
    bought: Bought

    @classmethod
    def of(cls, timeline: Timeline, sources: Sources, start: int, stop: int) -> LastDays:
        """Take the customers of the days from `start` to before `stop`; `sources` know what came before."""
        events = timeline.events
        customers = np.unique(events.customer[(events.day >= start) & (events.day < stop)])
        few = Timeline.of(events.of_customers(customers.astype(np.int64)))
        return cls(few, start, sources, bought_between(few.events, start, stop))

    def candidates(self, made: Callable[[History, Sources], Candidates]) -> Seen:
        """Make candidates as of then, and count the days on which they were bought."""
        candidates = examples(made, self.timeline, self.start, self.sources)
        return candidates, times_bought(candidates, self.bought, self.timeline.events.n_items)


def keep_up(repeat: Head, new: Head, newest: Callable[[], Head], last: LastDays) -> tuple[Head, Head, str]:
    """Keep the heads unless plain counts ranked the last days' purchases far better than the repeat head did.

    When a shop changes overnight (another assortment, another till, another way to number items), everything
    learned from older days may be wrong, and one day's orders show it (docs/decisions/prediction.md). Then what the
    newest cut-off alone teaches about repeats is tried, and counts serve where that is behind too. Repeats and new
    items get the shares of the probability that they had in the last days' purchases.

    Returns
    -------
    Head, Head
        For repeats and new items.
    str
        "" (kept), "newest" (learned from the newest cut-off alone) or "counts" (probabilities dealt by counts: of
        the customer for repeats, of all customers for new items).
    """
    seen = last.candidates(repeat_candidates)
    if _counts_ahead(repeat, seen) <= FAR_BEHIND:
        return repeat, new, ""
    repeat, drift = newest(), "newest"
    if repeat.model is not None and _counts_ahead(repeat, seen) > 0:
        repeat, drift = replace(repeat, by_count=True), "counts"
        new = replace(new, by_count=new.model is not None)
    fresh = last.candidates(new_candidates)
    chances = [head.probability(c).sum() for head, (c, _) in ((repeat, seen), (new, fresh))]
    bought = [(times > 0).sum() + 0.5 for _, times in (seen, fresh)]
    ratio = np.array(bought) / sum(bought) * sum(chances) / np.maximum(chances, 1e-9)
    return replace(repeat, odds=float(ratio[0])), replace(new, odds=float(ratio[1])), drift


def _counts_ahead(head: Head, seen: Seen) -> float:
    """By how many standard errors counts rank what was bought better than the head does."""
    candidates, times = seen
    bought = times > 0
    chance = head.probability(candidates)
    dealt = deal(candidates.customer, chance, by_count(candidates))
    ahead = _gain(candidates, dealt, bought) - _gain(candidates, chance, bought)
    ahead = ahead[np.bincount(candidates.customer, bought, minlength=len(ahead)) > 0]
    spread = ahead.std(ddof=1) if len(ahead) > 1 else 0.0
    return float(ahead.mean() / spread * np.sqrt(len(ahead))) if spread > 0 else 0.0


def _gain(
    candidates: Candidates, chance: NDArray[np.float64], bought: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Each customer's discounted gain over the first ten places, 1 at best (Jarvelin, Kekalainen 2002)."""
    customers = int(candidates.customer.max(initial=-1)) + 1
    place = rank_within(candidates.customer, chance)
    hit = bought & (place < PLACES)
    gain = np.bincount(candidates.customer[hit], 1 / np.log2(place[hit] + 2), minlength=customers)
    best = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(PLACES) + 2))])
    many = np.bincount(candidates.customer, bought, minlength=customers).astype(int)
    return gain / np.where(many > 0, best[np.minimum(many, PLACES)], 1.0)
