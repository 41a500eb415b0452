"""What `predict` was asked, of the model or a baseline: checked before any work, in the codes that were fitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from nextbuy.mining.exposures import Purchases, from_lines, purchases
from nextbuy.mining.parameters import check_whole
from nextbuy.mining.parts import whole_customers
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, ROWS
from nextbuy.orders.lines import sorted_rows
from nextbuy.orders.plain import PlainLines, read_plain
from nextbuy.orders.read import now_us, read_orders
from nextbuy.orders.table import Orders, codes_of, to_us

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.labels import Labels

KINDS = ("all", "new", "repeat")
LEVELS = ("item", "category")


def check_asked(*, kind: str, k: int, customers: Any, items: Any, exclude: Any) -> None:
    """Refuse arguments of `predict` that make no sense."""
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known. Try kind='all', 'new' or 'repeat'.")
    check_whole("k", k, least=1)
    for name, ids in (("customers", customers), ("items", items), ("exclude", exclude)):
        check_ids(name, ids)


def check_level(level: str, *, categories: int) -> None:
    """Refuse a level that is not known, and categories where the catalog names none."""
    if level not in LEVELS:
        raise InputError(f"level={level!r} is not known. Try level='item' or 'category'.")
    if level == "category" and not categories:
        raise InputError(
            "level='category' needs a catalog with the columns item_id and category. "
            "Try read_orders(..., catalog='items.parquet') and fit again."
        )


def check_unseen(as_of: Any, known_until: str, *, fit: str) -> None:
    """Refuse a moment before the day up to which a model was fitted; `fit` says how another one is."""
    if to_us(as_of) < to_us(known_until):
        raise InputError(
            f"as_of={str(as_of)!r} lies before {known_until}, up to which the model was fitted: it has seen what it "
            f"would predict. Fit one as of then: {fit}"
        )


class Given(NamedTuple):
    """Histories to answer for, in codes of the model; the kind of the answer; the day after the last line."""

    events: Purchases
    customer_ids: pa.Array
    backend: str
    end: int


def given_orders(orders: Any, as_of: Any, labels: Labels) -> Given | None:
    """Give the histories to answer for before `as_of`: Orders, or the lines of live customers; None for None."""
    if orders is None:
        return None
    if is_lines(orders):
        plain = read_plain(orders, now_us() if as_of is None else to_us(as_of))
        if plain is not None:
            return _of_one(plain, as_of, labels)
    orders = as_orders(orders, as_of)
    known = orders if as_of is None else orders.before(as_of)
    events, end = in_codes(known, labels.item_ids), int(known.day.max(initial=-1)) + 1
    return Given(events, known.customer_ids, known.backend, end)


def _of_one(plain: PlainLines, as_of: Any, labels: Labels) -> Given:
    code_of, unknown = labels.code_of, len(labels.item_ids)
    codes = [code_of.get(str(item), unknown) for item in plain.item]
    day = np.array(plain.day, np.int32)
    events = from_lines(
        np.zeros(len(day), np.int32),
        day,
        np.array(codes, np.int32),
        half=np.zeros(1, dtype=bool),
        n_items=unknown + 1,
        known_until=0 if as_of is None else -(-to_us(as_of) // DAY_US),
    )
    events = replace(events.where(events.item < unknown) if unknown in codes else events, n_items=unknown)
    return Given(events, pa.array([plain.customer]), ROWS, int(day.max()) + 1)


def is_lines(orders: Any) -> bool:
    """Say whether `orders` are rows as dicts."""
    # most lines are plain dicts, of which the abstract class takes ten times as long to hear
    return isinstance(orders, (list, tuple)) and all(
        type(line) is dict or isinstance(line, Mapping) for line in orders
    )


def as_orders(orders: Any, as_of: Any) -> Orders:
    """Give Orders as they are, and rows as dicts as Orders."""
    if isinstance(orders, Orders):
        return orders
    if not is_lines(orders):
        raise InputError(
            f"predict takes Orders or a list of dicts, not {type(orders).__name__}. "
            "Try predict(read_orders(your_frame))."
        )
    made = read_orders([dict(line) for line in orders], as_of=as_of)
    made.backend = ROWS
    return made


def check_ids(name: str, ids: Any) -> None:
    """Refuse a single id where a list of ids is meant, and ids that are missing."""
    if ids is None:
        return
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise InputError(f"{name}={ids!r} must be a list of ids. Try {name}=[{ids!r}].")
    missing = sum(one is None or one != one for one in ids)  # noqa: PLR0124 - NaN differs from itself
    if missing:
        raise InputError(f"{missing} of the ids in {name} are missing. Leave None and NaN out.")


def in_codes(given: Orders, item_ids: pa.Array) -> Purchases:
    """Give the events of `given` in the codes of other items, without those that are none of them."""
    codes, events = codes_of(item_ids, given.item_ids.to_pylist()).astype(np.int32), purchases(given)
    filled = 0
    for some in whole_customers(events.customer):  # what stays takes the place of what was
        own = events.where(some)
        own = by_customer(replace(own, item=codes[own.item]).where(codes[own.item] >= 0))
        events.where(slice(filled, filled + len(own.item))).fill(own)
        filled += len(own.item)
    return replace(events.where(slice(filled)), n_items=len(item_ids))


def of_customers(events: Purchases, ids: pa.Array, customers: Iterable[Any]) -> tuple[Purchases, pa.Array]:
    """Give the events of some customers, numbered as asked, and their ids; who is not known has no event."""
    asked = list(dict.fromkeys(customers))
    codes = codes_of(ids, asked)
    new = np.full(len(ids) + 1, -1, np.int32)  # the last place is for unknown ids
    new[codes] = np.arange(len(asked), dtype=np.int32)
    new[-1] = -1
    mine = events.where(new[events.customer] >= 0)
    mine = replace(mine, customer=new[mine.customer], n_customers=len(asked))
    return by_customer(mine), _ids(ids, codes, asked)


def by_customer(events: Purchases) -> Purchases:
    """Sort by customer, day and item."""
    return events.where(sorted_rows(events.customer, events.day, events.item))


def _ids(ids: pa.Array, codes: NDArray[np.int64], asked: list[Any]) -> pa.Array:
    """Give known customers the ids they have in the orders, unknown ones the id that was asked for."""
    known = ids.take(pa.array(codes, mask=codes < 0)).to_pylist()
    names = [name if code >= 0 else one for name, code, one in zip(known, codes, asked, strict=True)]
    try:
        return pa.array(names, ids.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # an unknown id of another kind
        return pa.array([str(name) for name in names], pa.string())
