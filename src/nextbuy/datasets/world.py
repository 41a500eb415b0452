"""One block of customers after the other, each with all that it buys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from nextbuy.datasets.calendar import BIN_DAYS, day_of_year, nearest_open
from nextbuy.datasets.demand import Demand, build_demand, draw_categories, draw_items
from nextbuy.datasets.people import People, draw_people
from nextbuy.datasets.plans import Follows, draw_cycles, draw_projects
from nextbuy.datasets.projects import COMPANIONS
from nextbuy.datasets.receipts import Receipts, merge_lines, write_receipts
from nextbuy.datasets.shop import Shop, build_shop, shop_categories
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_CUSTOMERS = 20_000  # one block is in memory at a time: about 200 bytes a line
PLAN_BASKET = 0.4  # other things bought on a planned visit, relative to an unplanned one

Scale = Literal["store", "grocery"]


class Preset(NamedTuple):
    """What a scale stands for unless said otherwise."""

    items: int | None
    orders_per_customer: float
    lines_per_order: float


SCALES: dict[str, Preset] = {"store": Preset(None, 5.5, 2.4), "grocery": Preset(50_000, 6.0, 17.5)}


@dataclass(frozen=True, eq=False)
class World:
    """Everything that the blocks share."""

    customers: int
    days: int
    seed: int
    start_day: int
    orders_per_customer: float
    lines_per_order: float
    return_share: float
    shop: Shop
    demand: Demand


class Block(NamedTuple):
    """The lines and the truth of some customers; order numbers already run on from the block before."""

    people: People
    follows: Follows
    receipts: Receipts


def make_world(
    *,
    customers: int,
    days: int,
    seed: int,
    start: str,
    scale: Scale,
    items: int | None,
    orders_per_customer: float | None,
    lines_per_order: float | None,
    return_share: float,
) -> World:
    """Check the parameters and build the shop."""
    if scale not in SCALES:
        raise InputError(f"scale={scale!r} is not known. Try scale='store' or scale='grocery'.")
    if customers < 1 or days < 1:
        raise InputError(
            f"customers={customers}, days={days}: both must be at least 1. Try customers=5_000, days=730."
        )
    if seed < 0:
        raise InputError(f"seed={seed} is negative. Try seed=0.")
    try:
        start_day = int(np.datetime64(start, "D").astype(np.int64))
    except ValueError as error:
        raise InputError(f"start={start!r} is not a date. Try start='2024-06-01'.") from error
    if not 0 <= return_share < 1:
        raise InputError(f"return_share={return_share} is not a share of lines. Try return_share=0.015.")
    preset = SCALES[scale]
    orders = preset.orders_per_customer if orders_per_customer is None else orders_per_customer
    lines = preset.lines_per_order if lines_per_order is None else lines_per_order
    if orders <= 0 or lines < 1:
        raise InputError(
            f"orders_per_customer={orders}, lines_per_order={lines}: the first must be positive, the "
            "second at least 1. Try orders_per_customer=5.5, lines_per_order=2.4."
        )
    # one stream for the shop and one for each block: blocks can be made alone, in any order
    rng = np.random.default_rng((seed, 0))
    shop = build_shop(items=preset.items if items is None else items, rng=rng)
    demand = build_demand(
        rng,
        category_offsets=shop.category_offsets,
        n_filler=len(shop.price_cents) - shop.n_shop_items,
        lines_per_customer=orders * lines,
    )
    return World(customers, days, seed, start_day, orders, lines, return_share, shop, demand)


def _companions(
    rng: np.random.Generator,
    category: NDArray[np.int64],
    quantity: NDArray[np.int64],
    code_of: dict[str, int],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give row, category and quantity of what is taken along in the same order."""
    rows, other, pieces = [], [], []
    for companion in COMPANIONS:
        with_it = np.flatnonzero(category == code_of[companion.item])
        with_it = with_it[rng.random(len(with_it)) < companion.share]
        rows.append(with_it)
        other.append(np.full(len(with_it), code_of[companion.other]))
        pieces.append(np.maximum(1, np.rint(quantity[with_it] * companion.per_piece)).astype(np.int64))
    return np.concatenate(rows), np.concatenate(other), np.concatenate(pieces)


def make_block(world: World, number: int) -> Block:
    """Make the block's customers and all that they buy; O(lines log lines), no loop over customers."""
    rng = np.random.default_rng((world.seed, 1, number))
    days, start_day = world.days, world.start_day
    shelves = shop_categories()
    code_of = {shelf.category: code for code, shelf in enumerate(shelves)}
    first = number * BLOCK_CUSTOMERS
    people = draw_people(rng, first=first, size=min(BLOCK_CUSTOMERS, world.customers - first), days=days)
    projects, follows = draw_projects(rng, people, days=days, start_day=start_day, code_of=code_of)
    cycles = draw_cycles(rng, people, start_day=start_day, code_of=code_of)

    active = people.left - people.joined
    pace = people.activity * world.orders_per_customer / (0.7 * days)
    visitor = np.repeat(np.arange(len(pace)), rng.poisson(pace * active))
    visit_day = people.joined[visitor] + (rng.random(len(visitor)) * active[visitor]).astype(np.int64)
    visit_day = nearest_open(visit_day, start_day=start_day)
    plan_customer = np.concatenate((projects.customer, cycles.customer))
    plan_day = np.concatenate((projects.day, cycles.day))
    more = world.lines_per_order - 1
    extra = np.concatenate(
        (1 + _basket_sizes(rng, more, len(visitor)), _basket_sizes(rng, more * PLAN_BASKET, len(plan_day)))
    )

    customer = np.repeat(np.concatenate((visitor, plan_customer)), extra)
    day = np.repeat(np.concatenate((visit_day, plan_day)), extra)
    season_bin = day_of_year(np.arange(days), start_day=start_day)[day] // BIN_DAYS
    category = draw_categories(rng, world.demand, season_bin=season_bin, taste=people.taste[customer])
    customer = np.concatenate((customer, plan_customer))
    day = np.concatenate((day, plan_day))
    category = np.concatenate((category, projects.category, cycles.category))
    mean = np.append([shelf.quantity for shelf in shelves], 1.3)
    quantity = 1 + rng.poisson(mean[category] - 1)

    rows, other, pieces = _companions(rng, category, quantity, code_of)
    customer = np.concatenate((customer, customer[rows]))
    day = np.concatenate((day, day[rows]))
    category = np.concatenate((category, other))
    quantity = np.concatenate((quantity, pieces))
    item = draw_items(
        rng,
        world.demand,
        category=category,
        number=people.number[customer],
        taste=people.taste[customer],
        salt=world.seed,
    )
    lines = merge_lines(customer, day, item, quantity, days=days, n_items=len(world.shop.price_cents))
    receipts = write_receipts(
        rng,
        *lines,
        price_cents=world.shop.price_cents,
        days=days,
        start_day=start_day,
        return_share=world.return_share,
        salt=world.seed,
    )
    return Block(people, follows, receipts)


def _basket_sizes(rng: np.random.Generator, mean: float, size: int) -> NDArray[np.int64]:
    """Draw skewed counts: negative binomial with twice the Poisson's variance or more."""
    return rng.negative_binomial(1.5, 1.5 / (1.5 + mean), size) if mean > 0 else np.zeros(size, np.int64)
