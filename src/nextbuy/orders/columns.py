"""Which column of the source is which: the mapping, and the error that shows the call that would work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nextbuy.orders.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULTS = {
    "customer": "customer_id",
    "order": "order_id",
    "time": "timestamp",
    "item": "item_id",
    "quantity": "quantity",
    "price": "price",
}
REQUIRED = ("time", "item")
# first match wins: "order_date" is a time and "product_price" a price, whatever else they say
_MEANING = {
    "": r"categ|descr|name|country|city|state$|status|type|colou?r|brand|store|depart|aisle|email|phone|days",
    "time": r"date|time|stamp|created|moment|^day$|^when$|^ts$|_at$|^at$|datum|fecha",
    "price": r"price|amount|value|cost|revenue|preis|prix|precio",
    "quantity": r"quant|^qty|qty$|units|count|pieces|^pcs|menge",
    "customer": r"cust|client|user|buyer|member|household|shopper|account|visitor|person|kunde|card",
    "item": r"item|product|sku|stock|article|artikel|asin|ean|gtin|upc|material|isbn|good",
    "order": r"order|invoice|basket|transact|receipt|ticket|cart|purchase|session|visit|^bon|trans",
}


def meaning(name: str) -> str | None:
    """Guess what a column holds by its name: one of the keys of `DEFAULTS`, or None.

    Examples
    --------
    >>> [meaning(n) for n in ("CustomerID", "InvoiceNo", "InvoiceDate", "StockCode", "UnitPrice", "Country")]
    ['customer', 'order', 'time', 'item', 'price', None]
    """
    word = re.sub(r"\W+", "_", name.strip()).lower()
    for role, pattern in _MEANING.items():
        if re.search(pattern, word):
            return role or None
    return None


def likely(role: str, names: Sequence[str], *, most: int = 3) -> list[str]:
    """Columns that could be `role`, best first: by meaning, then by spelling."""
    by_meaning = [n for n in names if meaning(n) == role]
    # "CustomerID" before "customer_city": an id, number or code is what a key is called
    by_meaning.sort(key=lambda n: (not re.search(r"(id|no|nr|number|code|key|sku|date)$", n.lower()), len(n)))
    by_spelling = [n for n in nearest(DEFAULTS[role], names) if meaning(n) in {role, None}]
    return list(dict.fromkeys(by_meaning + by_spelling))[:most]


def working_call(names: Sequence[str], mapping: Mapping[str, str | None], source: object) -> str:
    """Write the `read_orders` call that would map `names` as well as their meaning allows."""
    shown = repr(str(source)) if isinstance(source, str) or hasattr(source, "__fspath__") else "source"
    if re.match(r"'\w+://", shown):
        shown = "source, query=query"
    given, free = [], [n for n in names if n not in mapping.values()]
    for role, default in DEFAULTS.items():
        name = mapping.get(role)
        if name not in names:
            found = likely(role, free, most=1)
            name = found[0] if found else (f"<the {role} column>" if role in REQUIRED else None)
        if name is not None and name != default:
            given.append(f"{role}={name!r}")
        if name in free:
            free.remove(name)
    return f"read_orders({', '.join([shown, *given])})"


def _advice(names: Sequence[str], wanted: Mapping[str, str | None], source: object) -> str:
    """Say what to do about absent columns: the call that works, or which columns are needed."""
    present = {r: n for r, n in wanted.items() if n is not None and n in names}
    call = working_call(names, present, source)
    keyed = present.keys() & {"customer", "order"} or "customer=" in call or "order=" in call
    if "'<the " in call or not keyed:
        return (
            "Needed are a column of times (time=), one of items (item=), and one of customers or of orders "
            "(customer=, order=); give their names as they stand in the source."
        )
    optional = [
        r for r, n in wanted.items() if r not in {*REQUIRED, *present} and n not in {None, DEFAULTS[r]}
    ]
    left = [f"{r}=" for r in optional if f"{r}=" not in call]
    if left:
        tail = f" Leave {' and '.join(left)} out if there is none."
        return f"Try {call}.{tail}" if "=" in call else f"Name one of these.{tail}"
    return f"Try {call}."


def map_columns(
    names: Sequence[str], wanted: Mapping[str, str | None], source: object, *, where: str = ""
) -> dict[str, str | None]:
    """Check the wanted column of each role against the columns seen.

    Returns
    -------
    dict
        Column by role; None where the source has no such column and needs none.

    Raises
    ------
    InputError
        When a required or a named column is absent, or stands in the source more than once.
    """
    mapping: dict[str, str | None] = {}
    absent = []
    for role, name in wanted.items():
        present = name is not None and name in names
        mapping[role] = name if present else None
        if not present and (role in REQUIRED or (name is not None and name != DEFAULTS[role])):
            absent.append(role)
        if present and list(names).count(str(name)) > 1:
            raise InputError(
                f"The column {name!r} stands in {where or 'the source'} more than once. Rename one."
            )
    seen = f"Columns seen{where and ' in ' + where}: {', '.join(map(str, names)) or 'none'}."
    if absent:
        lines = []
        for role in absent:
            close = likely(role, names)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            lines.append(f"No column {wanted[role]!r} for {role}=.{hint}")
        raise InputError(" ".join([*lines, seen, _advice(names, wanted, source)]))
    if mapping.get("customer") is None and mapping.get("order") is None:
        close = likely("customer", names) + likely("order", names)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise InputError(
            f"Neither a customer column ({wanted['customer']!r}) nor an order column ({wanted['order']!r}): "
            f"nothing says which lines belong together.{hint} {seen} "
            f"{_advice(names, wanted, source)}"
        )
    return mapping
