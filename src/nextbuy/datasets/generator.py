"""The generated shop as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.datasets.dataset import Dataset
from nextbuy.datasets.people import TASTES
from nextbuy.datasets.truth import links_in_order, truth_table
from nextbuy.datasets.world import BLOCK_CUSTOMERS, make_block, make_world
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import BACKENDS, DAY_US, dates, moments, take, to_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.datasets.people import People
    from nextbuy.datasets.plans import Follows
    from nextbuy.datasets.world import Scale, World
    from nextbuy.orders.frames import Backend

MINUTE_US = 60_000_000


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

    Projects (a bathroom: tiles, then bathtub, toilet, sink, ...) are followed link by link with gamma lags;
    goods that run out are bought at personal intervals; the rest is drawn by popularity, season, taste and
    habit. Customers are very unequally active, come late, leave, and return goods. Projects begin at any
    time, so that many are cut off by the end of the data.

    Parameters
    ----------
    customers : int, at least 1
        How many customers; some of them never buy.
    days : int, at least 1
        Length of the history in days.
    seed : int, not negative
        The same seed gives the same data.
    start : str
        First day, ISO.
    scale : {"store", "grocery"}
        "store": the shop's own some 550 items, 5.5 unplanned orders a customer, of 2.4 lines. "grocery":
        50,000 items, 6 unplanned orders of 17.5 lines. The three parameters below replace these numbers.
        Projects and goods that run out add some 10 orders a customer, with fewer lines.
    items : int or None
        Filler items are added to the shop's own until there are so many; they take a share of the unplanned
        lines that is their share of the items.
    orders_per_customer, lines_per_order : float or None
        Mean number of unplanned orders a customer in the whole time, and of their lines.
    return_share : float, 0 to below 1
        Share of the lines that is brought back, wholly or in part, some days later.
    backend : {"pandas", "polars", "pyarrow"}
        Kind of frame.

    Returns
    -------
    Dataset
        Orders, catalog, truth, customers and events. With more than 20,000 customers the orders come in
        blocks of so many customers, each sorted by time.

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
