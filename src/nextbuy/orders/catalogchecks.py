"""The checks over a catalog's values: numbers and flags that are none, and those that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.ids import blank
from nextbuy.orders.numbers import read_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nextbuy.orders.problems import Problems
    from nextbuy.orders.raw import Raw

# a margin may be negative: some things are sold below cost
NUMBERS = ("price", "unit_margin", "stock", "quantity_per")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")


def numbers(problems: Problems, raw: Raw, name: str, keep: NDArray[np.int64]) -> NDArray[np.float64]:
    """Read a column of numbers at the rows kept: NaN where unknown; negative stock is none."""
    values, _, unreadable = read_numbers(raw.columns(name))
    values, show = values[keep], raw.show("item", name)
    problems.add(
        "bad_number",
        name,
        np.intersect1d(unreadable, keep),
        show=show,
        action=f"{name} unknown: not a number",
        change=f"write numbers into {name} in the catalog",
    )
    negative = values < 0
    if name != "unit_margin" and negative.any():
        stock = name == "stock"
        problems.add(
            "negative_value",
            name,
            keep[negative],
            show=show,
            action="read as 0: none in stock" if stock else f"{name} unknown: below zero",
            change=f"correct {name} in the catalog",
        )
        values = np.where(negative, 0.0 if stock else np.nan, values)
    return values


def flags(problems: Problems, raw: Raw, name: str, keep: NDArray[np.int64], values: pa.Array) -> pa.Array:
    """Read yes and no, as words or numbers, at the rows kept: null where unknown."""
    words = pc.utf8_lower(values.cast(pa.string()))
    yes, no = (pc.is_in(words, pa.array(w)) for w in (_TRUE, _FALSE))
    empty = pc.fill_null(blank(words), fill_value=True)
    neither = pc.invert(pc.or_(pc.or_(yes, no), empty)).to_numpy(zero_copy_only=False).astype(bool)
    problems.add(
        "bad_flag",
        name,
        keep[neither],
        show=raw.show("item", name),
        action=f"{name} unknown: neither yes nor no",
        change=f"write true or false into {name} in the catalog",
    )
    return pc.if_else(
        yes, pa.scalar(value=True), pc.if_else(no, pa.scalar(value=False), pa.scalar(None, pa.bool_()))
    )


def margins(problems: Problems, raw: Raw, columns: Mapping[str, pa.Array], keep: NDArray[np.int64]) -> None:
    """Name margins above the price: a margin in percent, or of a pack, or a wrong price."""
    if not {"price", "unit_margin"} <= set(columns):
        return
    above = pc.fill_null(pc.greater(columns["unit_margin"], columns["price"]), fill_value=False)
    problems.add(
        "margin_above_price",
        "unit_margin",
        keep[above.to_numpy(zero_copy_only=False).astype(bool)],
        show=raw.show("item", "price", "unit_margin"),
        action="kept: more is earned than is paid",
        change="give unit_margin in money for one piece, as the price is; no percent",
    )
