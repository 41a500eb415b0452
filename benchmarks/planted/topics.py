"""The second generator: mixtures of topics, trends and promotions, bursts, cohorts, log-normal and Weibull lags.

Nothing is shared with the first but the form of what comes out. A customer is a Dirichlet mixture of 30 topics, and
some change taste on the way; an item sells in several topics, has a trend, two harmonics of its own over the year and
a few promotion weeks, and one in eight is launched or withdrawn meanwhile. Hobbies of three to six items are bought by
the same few people in any order: strong bonds without direction. Visits come in bursts, activity is log-normal, each
monthly cohort drops out at its own pace. Half of the links join items of one topic, half join strangers; the follow-up
waits for the customer's next visit when one is near.
"""

from __future__ import annotations

import numpy as np

from planted.world import World, distinct, first_purchases

TOPICS, HOBBIES, WEEK, MONTH = 30, 120, 7, 30
HOBBY_SHARE = 0.25  # of the lines of those who have a hobby
PATIENCE_DAYS = 10  # a visit so near is waited for


def make(
    seed: int, *, customers: int = 100_000, items: int = 3_000, days: int = 730, links: int = 400
) -> World:
    """Make one world; about four seconds for 100,000 customers."""
    rng = np.random.default_rng((2, seed))
    base = rng.lognormal(0.0, 1.1, items)
    affinity = rng.gamma(0.25, 4.0, (TOPICS, items))
    theme = affinity.argmax(0)
    loading = np.cumsum(affinity * base, axis=1)
    loading /= loading[:, -1:]

    visitor, visit, leave = _visits(rng, customers, days)
    size = 1 + rng.negative_binomial(1.2, 1.2 / (1.2 + 5.0), len(visit))
    customer, day = np.repeat(visitor, size), np.repeat(visit, size)
    mind = _minds(rng, customers, days, customer, day)
    item = np.empty(len(customer), np.int64)
    for topic in range(TOPICS):
        rows = np.flatnonzero(mind == topic)
        item[rows] = np.searchsorted(loading[topic], rng.random(len(rows)))
    _hobbies(rng, customers, base, customer, item)
    keep = rng.random(len(item)) < _demand(rng, items, days)[item, day // WEEK]
    lines = customer[keep], day[keep], item[keep]

    sold = np.argsort(-np.bincount(lines[2], minlength=items))[items // 60 : items // 3]
    a = rng.choice(sold, links) if links else np.zeros(0, np.int64)
    stranger, akin = rng.choice(sold, len(a)), _akin(rng, sold, theme, a)
    b = np.where(rng.random(len(a)) < 0.5, akin, stranger)
    a, b = np.unique(np.stack([a, b])[:, a != b], axis=1)
    share, median, weibull = (
        rng.uniform(0.01, 0.08, len(a)),
        rng.uniform(8, 80, len(a)),
        rng.random(len(a)) < 0.5,
    )
    done = np.zeros(0, np.int64)
    while len(a):
        c, d, i = (column[first_purchases(*lines)] for column in lines)
        ready = np.isin(i, a) & ~np.isin(c * items + i, done)
        c, d, i = c[ready], d[ready], i[ready]
        done = np.concatenate([done, c * items + i])
        low = np.searchsorted(a, i)
        many = np.searchsorted(a, i, side="right") - low
        link = np.arange(many.sum()) + np.repeat(low - np.cumsum(many) + many, many)
        taken = np.flatnonzero(rng.random(len(link)) < share[link])
        if not len(taken):
            break
        c, d, link = np.repeat(c, many)[taken], np.repeat(d, many)[taken], link[taken]
        spread = np.where(
            weibull[link],
            rng.weibull(1.6, len(link)) / np.log(2) ** (1 / 1.6),
            rng.lognormal(0, 0.6, len(link)),
        )
        then = _next_visit(visitor, visit, c, d + np.ceil(median[link] * spread).astype(np.int64), days)
        fits = then < leave[c]
        more = c[fits], then[fits], b[link[fits]]
        lines = tuple(np.concatenate(both) for both in zip(lines, more, strict=True))
    return World(*distinct(*lines), a, b, items)


def _visits(rng: np.random.Generator, customers: int, days: int) -> tuple[np.ndarray, ...]:
    """Visitor and day of each visit, sorted by both, and the day on which each customer leaves.

    Gaps are gamma of shape .5 around a personal log-normal mean: bursts and long silences. Cohorts by month of entry
    leave after Weibull times of their own.
    """
    entry = np.sort((days * 0.85 * rng.beta(0.7, 1.2, customers)).astype(np.int64))
    cohort = entry // MONTH
    pace, ageing = rng.uniform(200, 700, cohort.max() + 1), rng.uniform(0.7, 1.3, cohort.max() + 1)
    stay = pace[cohort] * rng.weibull(ageing[cohort])
    leave = np.minimum(days, entry + 1 + stay.astype(np.int64))
    gap = np.exp(rng.normal(np.log(55), 0.9, customers))
    many = np.minimum(1.5 * (leave - entry) / gap + 3, 150).astype(np.int64)
    visitor = np.repeat(np.arange(customers), many)
    gaps = gap[visitor] * rng.gamma(0.5, 2.0, len(visitor))
    starts = np.cumsum(many) - many
    gaps[starts] = 0
    total = np.cumsum(gaps)
    visit = (entry[visitor] + total - np.repeat(total[starts], many)).astype(np.int64)
    here = visit < leave[visitor]
    visitor, visit = visitor[here], visit[here]
    new = np.ones(len(visitor), dtype=bool)
    new[1:] = (visitor[1:] != visitor[:-1]) | (visit[1:] != visit[:-1])
    return visitor[new], visit[new], leave


def _minds(
    rng: np.random.Generator, customers: int, days: int, customer: np.ndarray, day: np.ndarray
) -> np.ndarray:
    """Topic of each line: a Dirichlet mixture by customer, and another one later for three in ten."""
    out = np.empty(len(customer), np.int64)
    change = np.where(rng.random(customers) < 0.3, rng.integers(0, days, customers), days)
    late = day >= change[customer]
    alpha = rng.gamma(2.0, 0.04, TOPICS)  # some topics are everybody's
    for phase in (False, True):
        mixture = rng.gamma(alpha, size=(customers, TOPICS)) + 1e-9
        mixture = np.cumsum(mixture, axis=1)
        mixture /= mixture[:, -1:]
        rows = np.flatnonzero(late == phase)
        at, chance = customer[rows], rng.random(len(rows))
        out[rows] = sum((mixture[at, k] < chance).astype(np.int64) for k in range(TOPICS - 1))
    return out


def _hobbies(
    rng: np.random.Generator, customers: int, base: np.ndarray, customer: np.ndarray, item: np.ndarray
) -> None:
    """Replace lines of those who have a hobby by its items, in place: any item, any order."""
    of = np.where(rng.random(customers) < 0.25, rng.integers(0, HOBBIES, customers), -1)
    members = rng.integers(3, 7, HOBBIES)
    kit = rng.choice(np.argsort(base)[len(base) // 4 :], (HOBBIES, 6))
    rows = np.flatnonzero((of[customer] >= 0) & (rng.random(len(customer)) < HOBBY_SHARE))
    hobby = of[customer[rows]]
    item[rows] = kit[hobby, (rng.random(len(rows)) * members[hobby]).astype(np.int64)]


def _demand(rng: np.random.Generator, items: int, days: int) -> np.ndarray:
    """Chance by item and week that a wish becomes a purchase: trend, two harmonics, promotions, launch and end."""
    weeks = days // WEEK + 1
    week, year = np.arange(weeks), 365 / WEEK
    trend = np.exp(np.outer(rng.normal(0, 0.5, items), week / weeks - 0.5))
    wave = np.zeros((items, weeks))
    for k, height in ((1, 0.5), (2, 0.3)):
        turn = 2 * np.pi * (k * week[None, :] / year - rng.random(items)[:, None])
        wave += height * rng.random(items)[:, None] * np.cos(turn)
    demand = trend * np.exp(wave)
    demand *= np.where(rng.random((items, weeks)) < 0.02, 3.0, 1.0)
    launch, end = rng.integers(0, weeks, items), rng.integers(0, weeks, items)
    kind = rng.random(items)
    demand[(kind < 0.06)[:, None] & (week < launch[:, None])] = 0
    demand[(kind > 0.94)[:, None] & (week > end[:, None])] = 0
    return np.minimum(demand / 5.0, 1.0)


def _akin(rng: np.random.Generator, sold: np.ndarray, theme: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Another well-sold item with the theme of each antecedent (itself where there is none)."""
    by = sold[np.argsort(theme[sold], kind="stable")]
    low = np.searchsorted(theme[by], theme[a])
    high = np.searchsorted(theme[by], theme[a], side="right")
    return by[low + (rng.random(len(a)) * (high - low)).astype(np.int64)]


def _next_visit(
    visitor: np.ndarray, visit: np.ndarray, customer: np.ndarray, day: np.ndarray, days: int
) -> np.ndarray:
    """Give the customer's next visit on or after `day` when it is near, else `day` itself."""
    width = np.int64(4 * days)
    key = visitor * width + visit
    at = np.minimum(np.searchsorted(key, customer * width + np.minimum(day, width - 1)), len(key) - 1)
    near = (visitor[at] == customer) & (visit[at] - day <= PATIENCE_DAYS) & (visit[at] >= day)
    return np.where(near, visit[at], day)
