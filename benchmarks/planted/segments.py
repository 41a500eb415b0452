"""The first generator: customers in segments with a taste each, favourite families, four seasons, gamma everywhere.

Links between random items of middling popularity; B comes after a gamma lag on a day of its own. Confounders: eight
segments, 150 families of which each customer favours two, four seasons on 40 % of the items, gamma activity, late
entry, exponential drop-out.
"""

from __future__ import annotations

import numpy as np

from planted.world import World, distinct, first_purchases

SEGMENTS, FAMILIES = 8, 150


def make(
    seed: int,
    *,
    customers: int = 100_000,
    items: int = 3_000,
    days: int = 730,
    links: int = 400,
    shares: tuple[float, ...] = (0.01, 0.02, 0.04, 0.08),
    lags: tuple[float, ...] = (14, 30, 60, 120),
) -> World:
    """Make one world; about three seconds for 100,000 customers."""
    rng = np.random.default_rng((1, seed))
    popularity = rng.permutation((np.arange(items) + 30.0) ** -0.8)
    segment_of, family_of = rng.integers(0, SEGMENTS, items), rng.integers(0, FAMILIES, items)
    phase, swing = rng.choice([90, 150, 240, 330], items), np.where(rng.random(items) < 0.4, 0.9, 0.0)

    pool = np.argsort(-popularity)[items // 100 : items * 2 // 5]
    a, b = rng.choice(pool, links), rng.choice(pool, links)
    a, b = np.unique(np.stack([a, b])[:, a != b], axis=1)
    mean, share = rng.choice(lags, len(a)), rng.choice(shares, len(a))

    entry = np.where(rng.random(customers) < 0.7, rng.integers(0, days * 5 // 6, customers), 0)
    leave = np.minimum(days, entry + 1 + rng.exponential(450, customers).astype(np.int64))
    pace = rng.gamma(0.7, 1 / 0.7, customers) * 0.02
    segment = rng.integers(0, SEGMENTS, customers)
    favourite = rng.integers(0, FAMILIES, (customers, 2))

    # every customer comes on the first day, and then at random
    more = rng.poisson(pace * (leave - entry))
    visitor = np.concatenate([np.arange(customers), np.repeat(np.arange(customers), more)])
    later = visitor[customers:]
    visit = np.concatenate(
        [entry, entry[later] + (rng.random(len(later)) * (leave - entry)[later]).astype(np.int64)]
    )
    size = np.minimum(1 + rng.geometric(0.45, len(visit)), 12)
    customer, day = np.repeat(visitor, size), np.repeat(visit, size)

    weight = popularity * np.where(segment_of[None, :] == np.arange(SEGMENTS)[:, None], 8.0, 1.0)
    item = _draw(rng, weight, segment[customer])
    loyal = np.flatnonzero(rng.random(len(item)) < 0.15)
    family = popularity * (family_of[None, :] == np.arange(FAMILIES)[:, None])
    family[family.sum(1) == 0] = popularity
    item[loyal] = _draw(rng, family, favourite[customer[loyal], rng.integers(0, 2, len(loyal))])
    wave = 1 + swing[item] * np.sin(2 * np.pi * (day - phase[item] + 91) / 365)
    keep = rng.random(len(item)) < wave / 1.9
    lines = _follow(rng, (customer[keep], day[keep], item[keep]), (a, b, mean, share), leave, items)
    return World(*distinct(*lines), a, b, items)


def _draw(rng: np.random.Generator, weight: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Draw one column of `weight` by row: all rows laid end to end, one search."""
    total = np.cumsum(weight, axis=1)
    total /= total[:, -1:]
    ends = (total + np.arange(len(weight))[:, None]).ravel()
    found = np.searchsorted(ends, row + rng.random(len(row)), side="right")
    return np.minimum(found - row * weight.shape[1], weight.shape[1] - 1)


def _follow(
    rng: np.random.Generator,
    lines: tuple[np.ndarray, ...],
    links: tuple[np.ndarray, ...],
    leave: np.ndarray,
    items: int,
) -> tuple[np.ndarray, ...]:
    """Let the links of each first purchase come true; what they bring starts links of its own."""
    a, b, mean, share = links
    starts = np.searchsorted(a, np.arange(items + 1))
    every, new = [lines], lines
    seen = np.zeros(0, np.int64)
    while len(new[0]):
        rows = first_purchases(*new)
        c, d, i = (column[rows] for column in new)
        fresh = ~np.isin(c * items + i, seen)
        c, d, i = c[fresh], d[fresh], i[fresh]
        seen = np.concatenate([seen, c * items + i])
        many = starts[i + 1] - starts[i]
        link = np.repeat(starts[i] - np.cumsum(many) + many, many) + np.arange(many.sum())
        c, d = np.repeat(c, many), np.repeat(d, many)
        then = d + np.maximum(1, rng.gamma(3, mean[link] / 3).astype(np.int64))
        happens = (rng.random(len(link)) < share[link]) & (then < leave[c])
        new = (c[happens], then[happens], b[link][happens])
        every.append(new)
    customer, day, item = (np.concatenate([part[k] for part in every]) for k in range(3))
    return customer, day, item
