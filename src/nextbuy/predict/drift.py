"""Whether the past still teaches: old cut-offs beside the newest, and the heads on the last days, unseen."""

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
OTHER_TIMES = 5.0  # standard errors: ordinary cut-offs differ by 2.9 at most, across a break by 9 and more
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


def alike(seen: list[Seen]) -> int:
    """How many cut-offs, the newest first, followed the same habits: only these teach what comes.

    By how much counts that fade (half-life 90 days) ranked the repeats after a cut-off better or worse than plain
    counts is a trait of the times, not of a model; it grows with the history's length. From the first cut-off on that
    differs clearly from the newest, with less than half of its trait or more than twice of it, none is used.
    """
    traits = [_ahead(part, _column(part, "pair_decayed_90"), _column(part, "pair_days")) for part in seen]
    means, errors = np.array(traits).reshape(-1, 2).T
    apart = np.abs(means - means[:1]) > OTHER_TIMES * np.hypot(errors, errors[:1])
    lean, now = means * np.sign(means[:1]), np.abs(means[:1])
    apart &= (lean < now / 2) | (lean > 2 * now)
    return int(np.append(apart, True).argmax())


def _column(seen: Seen, name: str) -> NDArray[np.float32]:
    candidates = seen[0]
    column: NDArray[np.float32] = candidates.features[:, candidates.names.index(name)]
    return column


def _counts_ahead(head: Head, seen: Seen) -> float:
    """By how many standard errors counts rank what was bought better than the head does."""
    candidates = seen[0]
    chance = head.probability(candidates)
    ahead, error = _ahead(seen, deal(candidates.customer, chance, by_count(candidates)), chance)
    return ahead / error if error > 0 else 0.0


def _ahead(seen: Seen, one: NDArray[np.floating], other: NDArray[np.floating]) -> tuple[float, float]:
    """By how much one order of the candidates ranks what was bought better than another; its standard error."""
    candidates, times = seen
    bought = times > 0
    ahead = _gain(candidates, one, bought) - _gain(candidates, other, bought)
    ahead = ahead[np.bincount(candidates.customer, bought, minlength=len(ahead)) > 0]
    if len(ahead) < 2:
        return 0.0, 0.0
    return float(ahead.mean()), float(ahead.std(ddof=1) / np.sqrt(len(ahead)))


def _gain(
    candidates: Candidates, score: NDArray[np.floating], bought: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Each customer's discounted gain over the first ten places, 1 at best (Jarvelin, Kekalainen 2002)."""
    customers = int(candidates.customer.max(initial=-1)) + 1
    place = rank_within(candidates.customer, score)
    hit = bought & (place < PLACES)
    gain = np.bincount(candidates.customer[hit], 1 / np.log2(place[hit] + 2), minlength=customers)
    best = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(PLACES) + 2))])
    many = np.bincount(candidates.customer, bought, minlength=customers).astype(int)
    return gain / np.where(many > 0, best[np.minimum(many, PLACES)], 1.0)
