"""What is known of each item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders import catalogchecks
from nextbuy.orders.columns import likely
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.ids import is_text, one_array, read_ids
from nextbuy.orders.problems import Problems
from nextbuy.orders.raw import Raw
from nextbuy.orders.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.sources import Part


class Catalog:
    """Items by id. Made by `read_catalog`.

    Attributes
    ----------
    table : pyarrow.Table
        One row an item: item_id, then the other columns as they came; price, unit_margin, stock and
        quantity_per as float64, durable as bool.
    problems : pyarrow.Table
        What was found on reading, in the form of `Orders.problems`.
    """

    def __init__(self, table: pa.Table, problems: pa.Table | None = None) -> None:
        self.table = table
        self.problems = problems
        self._keys = pc.cast(one_array(table.column("item_id")), pa.string())

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        return f"Catalog: {len(self):,} items; {', '.join(self.columns)}"

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.column_names)

    def rows(self, item_ids: pa.Array) -> pa.Array:
        """Give the row of each id, null where the catalog does not know it; 1 and "1" are one id."""
        return pc.index_in(pc.cast(item_ids, pa.string()), self._keys)

    def column(self, name: str, item_ids: pa.Array) -> pa.Array:
        """Give one column for the given ids, in their order.

        Parameters
        ----------
        name : str
        item_ids : pyarrow.Array

        Returns
        -------
        pyarrow.Array
            Null where the item or its value is unknown.

        Raises
        ------
        InputError
            When the catalog has no such column.

        Examples
        --------
        >>> catalog = read_catalog([{"item_id": 1, "category": "tiles"}, {"item_id": 2, "category": "baths"}])
        >>> catalog.column("category", pa.array(["2", "7"])).to_pylist()
        ['baths', None]
        """
        if name not in self.columns:
            close = nearest(name, self.columns)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise InputError(
                f"The catalog has no column {name!r}.{hint} Columns seen: {', '.join(self.columns)}. "
                f"Add it to the catalog, or use one of these."
            )
        return one_array(self.table.column(name)).take(self.rows(item_ids))


def read_catalog(
    source: Any, *, item: str = "item_id", query: str | None = None, encoding: str | None = None
) -> Catalog:
    """Read what is known of each item, from anything that `read_orders` takes.

    Parameters
    ----------
    source : path, glob, list of them, frame, list of dict, database address, or Catalog
        With a column `item_id` and optional `name, category, price, unit_margin, stock, durable,
        substitutes_group, quantity_per` and any others.
    item : str, default "item_id"
        The source's own name of the id column.
    query, encoding : str, optional
        As in `read_orders`.

    Returns
    -------
    Catalog
        Of rows with one id the first stays; the others, and values that are no number, no flag, negative or
        beyond reason, are named in `Catalog.problems`.

    Raises
    ------
    InputError
        When the source cannot be read or has no id column.

    Examples
    --------
    >>> read_catalog([{"item_id": "A1 ", "name": "tap", "price": "19,90"}]).table.to_pylist()
    [{'item_id': 'A1', 'name': 'tap', 'price': 19.9}]
    """
    if isinstance(source, Catalog):
        return source
    parts, _ = open_source(source, wanted=[item], query=query, encoding=encoding)
    names = list(dict.fromkeys(n for p in parts for n in p.names))
    for part in parts:
        if item not in part.names:
            close = likely("item", part.names)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            call = f" Try read_catalog(source, item={close[0]!r})." if close else ""
            raise InputError(
                f"The catalog needs a column {item!r}.{hint} Columns seen: {', '.join(part.names)}.{call}"
            )
    checked = {n: n for n in (*catalogchecks.NUMBERS, "durable") if n in names}
    raw = Raw(parts, {"item": item, **checked})
    problems = Problems(parts)
    ids = read_ids(*raw.ids("item"))
    missing = np.flatnonzero(ids.codes < 0)
    problems.add(
        "missing_item",
        item,
        missing,
        show=raw.show("item"),
        action="set aside",
        change="give each row of the catalog an item_id",
    )
    problems.set_aside(missing)
    known = np.flatnonzero(ids.codes >= 0)
    _, first = np.unique(ids.codes[known], return_index=True)
    keep = known[np.sort(first)]
    again = np.setdiff1d(known, keep)
    problems.add(
        "duplicate_item",
        item,
        again,
        show=raw.show("item"),
        action="set aside, the first row of the id stays",
        change="keep one row an item_id in the catalog",
    )
    problems.set_aside(again)
    columns = {"item_id": ids.values.take(pa.array(ids.codes[keep]))}
    for name in names:
        if name == item:
            continue
        if name in catalogchecks.NUMBERS:
            values = catalogchecks.numbers(problems, raw, name, keep)
            columns[name] = pa.array(values, from_pandas=True)
        else:
            columns[name] = _column(name, parts, keep)
            if name == "durable":
                columns[name] = catalogchecks.flags(problems, raw, name, keep, columns[name])
    catalogchecks.margins(problems, raw, columns, keep)
    return Catalog(pa.table(columns), problems.table())


def _column(name: str, parts: Sequence[Part], keep: NDArray[np.int64]) -> pa.Array:
    pieces = [p.load(name) if name in p.names else pa.chunked_array([pa.nulls(p.rows)]) for p in parts]
    kinds = {p.type for p in pieces if not pa.types.is_null(p.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    whole = one_array(pa.chunked_array([c for p in pieces for c in p.cast(kind).chunks], kind)).take(
        pa.array(keep)
    )
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    if is_text(whole.type):
        whole = pc.utf8_trim_whitespace(whole.cast(pa.string()))
        # a blank is an unknown value here too, but "NA" may be a real category
        whole = pc.if_else(pc.equal(whole, ""), pa.scalar(None, pa.string()), whole)
    return whole
