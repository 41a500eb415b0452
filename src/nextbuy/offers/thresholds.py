"""Offers of the kind "5 % over 5,000": what to add so that the order passes the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.offers.door import open_table
from nextbuy.offers.money import conversion_needed
from nextbuy.offers.plan import OfferPlan
from nextbuy.orders.catalog import read_catalog
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import to_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.orders.table import Orders

OPTIONS = 12  # linked items that are looked at for one offer, the strongest links first


@dataclass(frozen=True)
class _Item:
    id: str
    name: str
    group: str
    price: float
    margin: float


@dataclass(frozen=True)
class _AddOn:
    """Items to add, and what the order is then worth."""

    items: tuple[_Item, ...]
    chance: float
    total: float
    kept: float  # margin left after the discount on the whole order


def threshold_offers(
    plan: Any,
    *,
    catalog: Any,
    links: Any,
    over: float,
    discount: float,
    max_items: int = 2,
    orders: Orders | None = None,
) -> Any:
    """Suggest linked items that lift an offer's order over a threshold with a discount.

    Of the linked items, alone or together, those are taken with which the shop expects to keep most: link confidence x
    (margin of the whole order less the discount on it). A suggestion that leaves less than the offered item alone
    would earn is not made.

    Parameters
    ----------
    plan : OfferPlan, frame or path
        Offers with `offer_id, customer_id, item_id`; offers of control customers are left out.
    catalog : Catalog, frame, path or list of dict
        `item_id, price, unit_margin`, optional `name, category, stock`.
    links : frame, path or list of dict
        `antecedent, consequent, confidence` of items or of categories, as the rules of `SequentialRules` or
        `AssociationRules` give them (of these, those with one antecedent and one consequent).
    over : float
        Order total (money) from which the discount holds.
    discount : float
        Share of the whole order, 0 to 1.
    max_items : int, default 2
        At most so many items are added, 1 to 3.
    orders : Orders, optional
        What customers have bought: nobody is offered what they own (the same category, where there is one).

    Returns
    -------
    frame in the plan's kind, one row an offer that can be lifted
        `offer_id, customer_id, item_id, price, missing` (money to the threshold)`, add_item_ids, add_names` (tuples)`,
        chance` (link confidence; of several their product)`, order_total, saving` (what the customer saves)`,
        margin_alone, margin_together` (after the discount)`, conversion_factor` (times the conversion that the
        discounted order needs to earn what it would without discount)`, text`.

    Raises
    ------
    InputError
        When a table lacks a column or a figure makes no sense.

    Examples
    --------
    >>> catalog = [
    ...     {"item_id": "tub", "name": "Bathtub", "price": 4200.0, "unit_margin": 1800.0},
    ...     {"item_id": "tap", "name": "Tap", "price": 300.0, "unit_margin": 120.0},
    ...     {"item_id": "shower", "name": "Shower", "price": 900.0, "unit_margin": 400.0},
    ... ]
    >>> links = [
    ...     {"antecedent": "tub", "consequent": "tap", "confidence": 0.5},
    ...     {"antecedent": "tub", "consequent": "shower", "confidence": 0.3},
    ... ]
    >>> plan = [{"offer_id": "o-1", "customer_id": "C-1", "item_id": "tub"}]
    >>> found = threshold_offers(plan, catalog=catalog, links=links, over=5000, discount=0.05)
    >>> found["text"][0]
    'With Shower (900.00) the order is 5,100.00: over 5,000.00, and 5 % off saves 255.00.'
    """
    _check(over, discount, max_items)
    source = plan.offers_table if isinstance(plan, OfferPlan) else plan
    offers = open_table(source, what="plan", needed=("offer_id", "customer_id", "item_id"))
    control = offers.flags("control")[0] if offers.has("control") else np.zeros(len(offers), dtype=bool)
    items = _items(catalog)
    by_group: dict[str, list[_Item]] = {}
    for item in items.values():
        by_group.setdefault(item.group, []).append(item)
    following = _links(links)
    offered = offers.ids("item_id").to_pylist()
    people = offers.ids("customer_id").to_pylist()
    owned = _owned(orders, items)
    options = {
        one: _options(items[one], following, by_group, items, over, discount, max_items)
        for one in dict.fromkeys(offered)
        if one in items
    }
    rows = []
    for place in np.flatnonzero(~control).tolist():
        has = owned.get(people[place], frozenset())
        fits = [o for o in options.get(offered[place], ()) if not any(i.group in has for i in o.items)]
        if fits:
            rows.append((place, items[offered[place]], fits[0]))
    return to_frame(
        _table(offers, rows, over, discount), plan.backend if isinstance(plan, OfferPlan) else offers.backend
    )


def _check(over: Any, discount: Any, max_items: Any) -> None:
    if isinstance(over, bool) or not isinstance(over, (int, float)) or not 0 < over < np.inf:
        raise InputError(f"over={over!r} must be an amount of money above 0. Try over=5000.")
    if isinstance(discount, bool) or not isinstance(discount, (int, float)) or not 0 < discount < 1:
        raise InputError(
            f"discount={discount!r} must be a share of the order between 0 and 1. Try discount=0.05."
        )
    if max_items not in (1, 2, 3):
        raise InputError(f"max_items={max_items!r} must be 1, 2 or 3.")


def _items(catalog: Any) -> dict[str, _Item]:
    """Give the items that can be sold: with price and margin, and not out of stock."""
    known = read_catalog(catalog)
    for name in ("price", "unit_margin"):
        if name not in known.columns:
            raise InputError(
                f"threshold_offers needs the catalog's {name}. Columns seen: {', '.join(known.columns)}."
            )
    ids = known.table.column("item_id").cast(pa.string()).to_pylist()

    def column(name: str) -> list[Any]:
        return known.table.column(name).to_pylist() if name in known.columns else [None] * len(ids)

    rows = zip(ids, *(column(n) for n in ("name", "category", "price", "unit_margin", "stock")), strict=True)
    return {
        one: _Item(
            one, str(name or one), f"c{category}" if category is not None else f"i{one}", price, margin
        )
        for one, name, category, price, margin, stock in rows
        if price is not None and margin is not None and price > 0 and (stock is None or stock >= 1)
    }


def _links(source: Any) -> dict[str, list[tuple[str, float]]]:
    """Give what follows each item or category, strongest first; of sets only pairs."""
    table = open_table(source, what="links", needed=("antecedent", "consequent", "confidence"))
    confidence = table.numbers("confidence")
    with np.errstate(invalid="ignore"):
        table.refuse(
            ~((confidence >= 0) & (confidence <= 1)), "confidence", "not between 0 and 1", "Give a share."
        )
    pairs: dict[str, list[tuple[str, float]]] = {}
    ends = zip(*(table.table.column(n).to_pylist() for n in ("antecedent", "consequent")), strict=True)
    for (first, second), chance in zip(ends, confidence.tolist(), strict=True):
        a, b = ([one] if not isinstance(one, (list, tuple)) else list(one) for one in (first, second))
        if len(a) == len(b) == 1:
            pairs.setdefault(str(a[0]), []).append((str(b[0]), chance))
    return {one: sorted(found, key=lambda p: (-p[1], p[0])) for one, found in pairs.items()}


def _owned(orders: Orders | None, items: dict[str, _Item]) -> dict[str, frozenset[str]]:
    if orders is None:
        return {}
    groups = [items[i].group if i in items else f"i{i}" for i in map(str, orders.item_ids.to_pylist())]
    pair = np.unique(orders.customer.astype(np.int64) * max(orders.n_items, 1) + orders.item)
    out: dict[str, set[str]] = {}
    names = [str(c) for c in orders.customer_ids.to_pylist()]
    for customer, item in zip(
        (pair // orders.n_items).tolist(), (pair % orders.n_items).tolist(), strict=True
    ):
        out.setdefault(names[customer], set()).add(groups[item])
    return {name: frozenset(found) for name, found in out.items()}


def _options(
    item: _Item,
    following: dict[str, list[tuple[str, float]]],
    by_group: dict[str, list[_Item]],
    items: dict[str, _Item],
    over: float,
    discount: float,
    max_items: int,
) -> list[_AddOn]:
    """List what lifts an order of one item over the threshold, best first."""
    gap = over - item.price
    if gap <= 0:
        return []
    # an id can be the name of a category too: what follows an item is an item first, what follows a category is not
    linked = [(name, chance, True) for name, chance in following.get(item.id, [])]
    linked += [(name, chance, False) for name, chance in following.get(item.group[1:], [])]
    singles: list[tuple[_Item, float]] = []
    for name, chance, is_item in linked[:OPTIONS]:
        own, shelf = [items[name]] if name in items else [], by_group.get(f"c{name}", [])
        mates = own or shelf if is_item else shelf or own
        mates = [m for m in mates if m.group != item.group]
        if mates:
            # of a category: the cheapest that reaches the threshold, else the dearest
            enough = [m for m in mates if m.price >= gap]
            pick = (
                min(enough, key=lambda m: (m.price, m.id))
                if enough
                else max(mates, key=lambda m: (m.price, m.id))
            )
            if pick.id not in {s.id for s, _ in singles}:
                singles.append((pick, chance))
    found = []
    for size in range(1, max_items + 1):
        for chosen in combinations(singles, size):
            added = tuple(one for one, _ in chosen)
            total = item.price + sum(m.price for m in added)
            # an item more than the threshold needs is no suggestion
            if total < over or (size > 1 and any(total - m.price >= over for m in added)):
                continue
            kept = item.margin + sum(m.margin for m in added) - discount * total
            if kept >= item.margin:
                found.append(_AddOn(added, float(np.prod([c for _, c in chosen])), total, kept))
    return sorted(found, key=lambda o: (-o.chance * o.kept, [i.id for i in o.items]))


def _table(offers: Any, rows: Sequence[tuple[int, _Item, _AddOn]], over: float, discount: float) -> pa.Table:
    place = pa.array([row[0] for row in rows], pa.int64())
    full = [one.margin + sum(i.margin for i in add.items) for _, one, add in rows]

    def text(add: _AddOn) -> str:
        named = " and ".join(f"{i.name} ({i.price:,.2f})" for i in add.items)
        return (
            f"With {named} the order is {add.total:,.2f}: over {over:,.2f}, and {100 * discount:g} % off saves "
            f"{discount * add.total:,.2f}."
        )

    numbers = {
        "price": [one.price for _, one, _ in rows],
        "missing": [over - one.price for _, one, _ in rows],
    }
    after = {
        "chance": [add.chance for *_, add in rows],
        "order_total": [add.total for *_, add in rows],
        "saving": [discount * add.total for *_, add in rows],
        "margin_alone": [one.margin for _, one, _ in rows],
        "margin_together": [add.kept for *_, add in rows],
        "conversion_factor": [
            conversion_needed(whole / add.total, discount)
            for whole, (*_, add) in zip(full, rows, strict=True)
        ],
    }
    lists = pa.list_(pa.string())
    return pa.table(
        {
            **{n: offers.column(n, pa.string()).take(place) for n in ("offer_id", "customer_id", "item_id")},
            **{n: pa.array(v, pa.float64()) for n, v in numbers.items()},
            "add_item_ids": pa.array([[i.id for i in add.items] for *_, add in rows], lists),
            "add_names": pa.array([[i.name for i in add.items] for *_, add in rows], lists),
            **{n: pa.array(v, pa.float64()) for n, v in after.items()},
            "text": pa.array([text(add) for *_, add in rows], pa.string()),
        }
    )
