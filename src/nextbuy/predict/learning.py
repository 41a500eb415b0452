"""Learning from several past cut-offs what is bought after them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.mining.exposures import NEVER
from nextbuy.mining.links import among, count_buyers, mine
from nextbuy.orders.lines import sorted_rows
from nextbuy.predict.candidates import Candidates, Sources, new_candidates, repeat_candidates
from nextbuy.predict.drift import (
    LastDays,
    alike,
    bought_between,
    days_to_judge,
    keep_up,
    levels,
    times_bought,
)
from nextbuy.predict.ease import Ease
from nextbuy.predict.examples import examples
from nextbuy.predict.heads import FEWEST_BOUGHT, NEW, REPEAT, Head
from nextbuy.predict.history import Timeline
from nextbuy.predict.items import Items
from nextbuy.predict.progress import CANDIDATES, GATHERING, HEADS, MINING, Progress
from nextbuy.predict.triggers import FIGURES, Links

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts

CUTOFFS, MOST_CUTOFFS = 3, 12
ENOUGH_LISTS = 15_000  # customers times cut-offs: fewer customers are asked at more cut-offs
MOST_CUSTOMERS = 8_000  # the heads learn from so many at each cut-off, every n-th where there are more
SHORTEST_HISTORY_DAYS = 60
MOST_MINED = 6_000  # items whose pairs are tested: 36 million
MIN_FOLLOWED, MIN_CUSTOMERS, FDR = 8, 20, 0.05


@dataclass(frozen=True)
class Learned:
    """What `NextPurchase` knows: the sources of candidates as of the end, and the two heads."""

    sources: Sources
    repeat: Head
    new: Head
    cutoffs: tuple[int, ...]
    drift: str = ""

    @property
    def verdict(self) -> str:
        """Whether the history was long enough to learn from, in a sentence for each head, and whether it broke."""
        heads = (("Repeats", self.repeat), ("New items", self.new))
        told = [_sentence(name, head, len(self.cutoffs)) for name, head in heads]
        if self.drift == "recent":
            told.append("What was bought after older cut-offs followed other habits and was left out.")
        return " ".join(told)


def _sentence(name: str, head: Head, cutoffs: int) -> str:
    if head.model is not None:
        word = "cut-off" if cutoffs == 1 else "cut-offs"
        return f"{name} are learned from {head.bought:,} purchases after {cutoffs} past {word}."
    if not cutoffs:
        return f"{name} are closed forms: the history is too short for a past cut-off."
    if head.bought < FEWEST_BOUGHT:
        return f"{name} are closed forms: {head.bought} purchases after past cut-offs are fewer than {FEWEST_BOUGHT}."
    return f"{name} are closed forms: every candidate was bought, so that there is nothing to tell apart."


def learn(
    timelines: Parts,
    cut: int,
    *,
    start: int,
    n_customers: int,
    horizon_days: int,
    window_days: int,
    category: NDArray[np.int32],
    durable: NDArray[np.bool_],
    substitutes: NDArray[np.int64],
    random_state: int,
    n_jobs: int,
    progress: Progress,
) -> Learned:
    """Fit both heads on cut-offs one horizon apart, strictly before `cut`; then everything else as of `cut`.

    Cut-offs of other times are left out. The last days before `cut` are kept from the heads: there the repeat head is
    judged, and both are replaced when it is behind the times (`drift`).

    The rules that serve as features of the past cut-offs are mined from before the first of them: a rule that has
    seen the days it predicts would teach the booster to trust it too much.

    `timelines` are `Timeline` of all customers, whole or in parts; what they teach does not depend on the parts.
    `start` is the first day of the table.
    """
    chosen = every_nth(n_customers, MOST_CUSTOMERS)
    some = Timeline.of(timelines.total(_events_of, customers=chosen))
    kept = days_to_judge(some, cut, horizon_days=horizon_days)
    shape = {"horizon_days": horizon_days, "n_customers": len(chosen)}
    cuts = past_cuts(cut - kept, start, **shape)
    if not cuts:  # a history just long enough for one cut-off has no days to spare
        kept, cuts = 0, past_cuts(cut, start, **shape)
    progress.plan(len(cuts))
    repeats: list[tuple[Candidates, NDArray[np.int64]]] = []
    news: list[tuple[Candidates, NDArray[np.int64]]] = []
    links: tuple[Links, ...] = ()
    if cuts:
        progress.begin("what followed what by then", growing=MINING)
        links = mine_links(
            timelines, cuts[-1], window_days=window_days, category=category, substitutes=substitutes
        )
    known = partial(gather, timelines, horizon_days=horizon_days, category=category, durable=durable)
    for number, past in enumerate(cuts):
        progress.begin(f"past day {number + 1} of {len(cuts)}", growing=GATHERING, fixed=CANDIDATES)
        sources = known(past, links)
        bought = bought_between(some.events, past, past + horizon_days)
        for make, into in ((repeat_candidates, repeats), (new_candidates, news)):
            candidates = examples(make, some, past, sources)
            into.append((candidates, times_bought(candidates, bought, some.events.n_items)))
    same = alike(repeats)
    drift, lost = "recent" if same < len(cuts) else "", ""
    cuts, repeats, news = cuts[:same], repeats[:same], news[:same]
    if cuts:
        progress.begin("boosting", growing=GATHERING, fixed=HEADS)
    fit = partial(Head.fit, random_state=random_state, n_jobs=n_jobs)
    fit_repeat = partial(fit, shape=REPEAT, ordered=True)
    repeat, new = fit_repeat(repeats), fit(news, shape=NEW)
    if kept and repeat.model is not None:
        sources = known(cut - kept, links)
        last = LastDays.of(some, sources, cut - kept, cut)
        # what older cut-offs taught may no longer hold: the newest alone knows least of the past
        repeat, new, lost = keep_up(repeat, new, lambda: fit_repeat(repeats[:1]), last)
    if cuts and not lost:
        again, fresh = levels(timelines.each(_events), cut, cuts, horizon_days=horizon_days)
        repeat, new = replace(repeat, odds=again), replace(new, odds=fresh)
    progress.begin("what follows what now", growing=MINING)
    links = mine_links(timelines, cut, window_days=window_days, category=category, substitutes=substitutes)
    progress.begin("what is bought now", growing=GATHERING)
    sources = known(cut, links)
    return Learned(sources, repeat, new, tuple(cuts), lost or drift)


def past_cuts(end: int, start: int, *, horizon_days: int, n_customers: int) -> list[int]:
    """Cut-offs one horizon apart, the newest a horizon before `end`, each with enough history since `start`.

    Three, and up to twelve where there are few customers: from then on only in the newer half of the history, since
    rules are mined from before the oldest.
    """
    most = int(np.clip(ENOUGH_LISTS // max(n_customers, 1), CUTOFFS, MOST_CUTOFFS))
    cuts = [end - j * horizon_days for j in range(1, most + 1)]
    enough = max(SHORTEST_HISTORY_DAYS, horizon_days)
    half = max(enough, (end - start) // 2)
    return [cut for j, cut in enumerate(cuts) if cut - start >= (enough if j < CUTOFFS else half)]


def every_nth(n: int, most: int) -> NDArray[np.int64]:
    """Every n-th of `n` customers, so that at most `most` are left."""
    return np.arange(0, n, max(-(-n // most), 1))


def _events(timeline: Timeline) -> Purchases:
    return timeline.events


def _events_of(timeline: Timeline, *, customers: NDArray[np.int64]) -> Purchases:
    return timeline.events.of_customers(customers)


def gather(
    timelines: Parts,
    cut: int,
    links: tuple[Links, ...],
    *,
    horizon_days: int,
    category: NDArray[np.int32],
    durable: NDArray[np.bool_],
) -> Sources:
    """Bring together what candidates are drawn from, as known before day `cut`."""
    items = Items.at(timelines, cut, horizon_days=horizon_days, category=category, durable=durable)
    return Sources(items, Ease.fit(timelines, cut), links, horizon_days)


def mine_links(
    timelines: Parts,
    cut: int,
    *,
    window_days: int,
    category: NDArray[np.int32],
    substitutes: NDArray[np.int64],
) -> tuple[Links, ...]:
    """Mine sequential rules at item level, and at category level where there are categories, before day `cut`.

    Items with one code in `substitutes` (-1: none) do not follow each other: who has one needs no other.
    """
    events = timelines.each(_known, cut=cut)
    found = [_links(events, window_days, substitutes=substitutes)]
    if (category >= 0).any():
        found.append(_links(events.each(_by_category, category=category).kept(), window_days))
    return tuple(links for links in found if links is not None)


def _known(timeline: Timeline, *, cut: int) -> Purchases:
    return replace(timeline.events.where(timeline.events.day < cut), end=cut)


def _by_category(events: Purchases, *, category: NDArray[np.int32]) -> Purchases:
    """Events of categories: one a customer, day and category, with the day it was last bought before."""
    code = category[events.item]
    known = code >= 0
    events, code = events.where(known), code[known]
    by = sorted_rows(events.customer, code, events.day, np.arange(len(code), dtype=np.int32))
    customer, day, code_by = events.customer[by], events.day[by], code[by]
    same_pair = np.zeros(len(by), dtype=bool)
    same_pair[1:] = (customer[1:] == customer[:-1]) & (code_by[1:] == code_by[:-1])
    repeat = same_pair.copy()
    repeat[1:] &= day[1:] == day[:-1]
    rows = np.flatnonzero(~repeat)
    previous = np.full(len(by), NEVER, np.int32)
    later = rows[same_pair[rows]]
    previous[later] = day[later - 1]
    keep = by[rows]
    back = np.argsort(keep, kind="stable")  # the order of events: customer, then day
    chosen = keep[back]
    mask = np.zeros(len(events.day), dtype=bool)
    mask[chosen] = True
    reduced = events.where(mask)
    return replace(reduced, item=code[chosen], previous=previous[rows][back], n_items=int(category.max()) + 1)


def _links(events: Parts, window_days: int, *, substitutes: NDArray[np.int64] | None = None) -> Links | None:
    """Mine items with their groups of `substitutes`, or categories (None)."""
    buyers = events.total(count_buyers)
    enough = max(MIN_FOLLOWED, int(np.sort(buyers)[-MOST_MINED]) if len(buyers) > MOST_MINED else 0)
    kept = np.flatnonzero(buyers >= enough)
    if len(kept) < 2:
        return None
    events = events.each(among, kept=kept)
    mined = mine(
        events,
        window_days=window_days,
        min_followed=MIN_FOLLOWED,
        min_customers=MIN_CUSTOMERS,
        fdr=FDR,
        cross_fit=False,
    )
    antecedent, consequent = kept[mined.antecedent], kept[mined.consequent]
    by = np.lexsort((consequent, antecedent))
    if substitutes is not None:
        group = substitutes[antecedent[by]]
        by = by[(group < 0) | (group != substitutes[consequent[by]])]
    table = replace(mined.table, hazard=mined.table.hazard[by])
    figures: dict[str, Any] = {name: mined.columns[name][by] for name in FIGURES}
    return Links(
        antecedent[by],
        consequent[by],
        table,
        signal=mined.columns["timing_signal"][by],
        by_category=substitutes is None,
        **figures,
    )
