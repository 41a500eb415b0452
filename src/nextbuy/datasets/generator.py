"""The generated shop, put together block by block of customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.datasets.calendar import BIN_DAYS, day_of_year, nearest_open
from nextbuy.datasets.dataset import Dataset
from nextbuy.datasets.demand import Demand, build_demand, draw_categories, draw_items
from nextbuy.datasets.people import TASTES, People, draw_people
from nextbuy.datasets.plans import Follows, draw_cycles, draw_projects
from nextbuy.datasets.projects import COMPANIONS
from nextbuy.datasets.receipts import DAY_MINUTES, Receipts, merge_lines, write_receipts
from nextbuy.datasets.shop import Shop, build_shop, shop_categories
from nextbuy.datasets.truth import links_in_order, truth_table
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import BACKENDS, DAY_US, dates, moments, take, to_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.orders.frames import Backend

BLOCK_CUSTOMERS = 20_000  # one block is in memory at a time: about 200 bytes a line
MINUTE_US = 60_000_000
PLAN_BASKET = 0.4  # other things bought on a planned visit, relative to an unplanned one

Scale = Literal["store", "grocery"]


class Preset(NamedTuple):
    """What a scale stands for unless said otherwise."""

    items: int | None
    orders_per_customer: float
    lines_per_order: float


SCALES: dict[str, Preset] = {"store": Preset(None, 5.5, 2.4), "grocery": Preset(50_000, 15.0, 9.5)}


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
    # one stream for the shop, the following ones for the blocks: more customers leave the first ones as they are
    rng = np.random.default_rng((seed, 0))
    shop = build_shop(items=preset.items if items is None else items, rng=rng)
    demand = build_demand(
        rng,
        category_offsets=shop.category_offsets,
        n_filler=len(shop.price_cents) - shop.n_shop_items,
        lines_per_customer=orders * lines,
    )
    start_day = int(np.datetime64(start, "D").astype(np.int64))
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
    cycles = draw_cycles(rng, people, days=days, start_day=start_day, code_of=code_of)

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


def _ids(prefix: str, number: NDArray[np.int64], width: int) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(number).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def order_tables(world: World) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
    """Give orders, customers and events, block by block of customers; order numbers run on."""
    width = max(5, len(str(world.customers - 1)))
    item_ids = world.shop.catalog["item_id"].combine_chunks()
    taken = 0
    for number in range(-(-world.customers // BLOCK_CUSTOMERS)):
        people, follows, receipts = make_block(world, number)
        names = _ids("C-", people.number, width)
        n_orders = int(receipts.order.max()) + 1 if len(receipts.order) else 0
        order_names = _ids("O-", np.arange(taken, taken + n_orders), 8)
        taken += n_orders
        orders = pa.table(
            {
                "customer_id": take(names, receipts.customer),
                "order_id": take(order_names, receipts.order),
                "timestamp": moments(receipts.minute * MINUTE_US + world.start_day * DAY_US),
                "item_id": take(item_ids, receipts.item),
                "quantity": receipts.quantity,
                "price": receipts.price_cents / 100,
            }
        )
        yield orders, _people_table(world, people, names), _events_table(world, follows, names)


def _people_table(world: World, people: People, names: pa.Array) -> pa.Table:
    left = np.where(people.left < world.days, people.left + world.start_day, np.nan)
    return pa.table(
        {
            "customer_id": names,
            "joined": dates(people.joined + world.start_day),
            "left": dates(left),
            "activity": people.activity,
            "taste": take(pa.array(TASTES), people.taste),
        }
    )


def _events_table(world: World, follows: Follows, names: pa.Array) -> pa.Table:
    links = links_in_order()
    return pa.table(
        {
            "customer_id": take(names, follows.customer),
            "project": take(pa.array([project.name for project, _ in links]), follows.link),
            "antecedent": take(pa.array([link.antecedent for _, link in links]), follows.link),
            "consequent": take(pa.array([link.consequent for _, link in links]), follows.link),
            "antecedent_date": dates(follows.day + world.start_day),
            "lag_days": follows.lag_days,
            "planned": follows.planned,
            "happened": follows.happened,
        }
    )


def make_orders(
    *,
    customers: int = 5_000,
    days: int = 730,
    seed: int = 0,
    start: str = "2024-06-01",
    scale: Scale = "store",
    items: int | None = None,
    orders_per_customer: float | None = None,
    lines_per_order: float | None = None,
    return_share: float = 0.015,
    backend: Backend = "pandas",
) -> Dataset:
    """Generate the order history of a do-it-yourself and home store, with the truth about it.

    Projects (a bathroom: tiles, then bathtub, toilet, sink, ...) are followed link by link with gamma lags; goods
    that run out are bought at personal intervals; the rest is drawn by popularity, season, taste and habit. Customers
    are very unequally active, come late, leave, and return goods. Projects begin at any time, so that many are cut
    off by the end of the data.

    Parameters
    ----------
    customers : int, at least 1
        How many customers; some of them never buy.
    days : int, at least 1
        Length of the history in days.
    seed : int, not negative
        The same seed gives the same data. More customers leave the first 20,000-blocks as they are.
    start : str
        First day, ISO.
    scale : {"store", "grocery"}
        "store": the shop's own some 550 items, 5.5 unplanned orders a customer of 2.4 lines. "grocery": 50,000
        items, 15 orders of 9.5 lines. The three parameters below replace these numbers.
    items : int or None
        Filler items are added to the shop's own until there are so many; they take a share of the unplanned lines
        that is their share of the items.
    orders_per_customer, lines_per_order : float or None
        Mean number of unplanned orders a customer in the whole time, and of their lines.
    return_share : float, 0 to below 1
        Share of the lines that is brought back, wholly or in part, some days later.
    backend : {"pandas", "polars", "pyarrow"}
        Kind of frame.

    Returns
    -------
    Dataset
        Orders, catalog, truth, customers and events. With more than 20,000 customers the orders come in blocks of
        so many customers, each sorted by time.

    Raises
    ------
    InputError
        A parameter is outside its range.

    See Also
    --------
    nextbuy.datasets.write_orders : The same into Parquet files, for histories larger than memory.

    Examples
    --------
    >>> from nextbuy.datasets import make_orders
    >>> data = make_orders(customers=200, seed=1)
    >>> data.orders.columns.tolist()
    ['customer_id', 'order_id', 'timestamp', 'item_id', 'quantity', 'price']
    >>> data.truth["kind"].value_counts()["link"].item()
    48
    """
    if backend not in BACKENDS:
        raise InputError(f"backend={backend!r} is not known. Try backend='pandas'.")
    world = make_world(
        customers=customers,
        days=days,
        seed=seed,
        start=start,
        scale=scale,
        items=items,
        orders_per_customer=orders_per_customer,
        lines_per_order=lines_per_order,
        return_share=return_share,
    )
    blocks = list(order_tables(world))
    orders, people, events = (pa.concat_tables(tables) for tables in zip(*blocks, strict=True))
    frames = (
        to_frame(table, backend) for table in (orders, world.shop.catalog, truth_table(), people, events)
    )
    return Dataset(*frames)
