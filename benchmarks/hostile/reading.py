"""Reads a source twice, freely and within a bound of memory so small that all lies in files: both must say the same."""

from __future__ import annotations

import re
import tempfile
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa

import nextbuy as nb
from hostile.guard import Broken, told, watched
from nextbuy.orders import delimited, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARRAYS = (
    "customer", "order", "item", "time", "day", "quantity", "price", "customer_offsets", "order_offsets",
    "customer_hash",
)  # fmt: skip
IDS = ("customer_ids", "order_ids", "item_ids")


def checked(orders: nb.Orders) -> None:
    """Ask the orders for what every job asks, and compare their ledger."""
    ledger = orders.ledger
    if ledger["read"] != ledger["kept"] + ledger["merged"] + ledger["set_aside"]:
        raise Broken(f"the ledger does not add up: {ledger}")
    if len(orders) and not (np.isfinite(orders.quantity).all() and (np.diff(orders.customer) >= 0).all()):
        raise Broken("lines that are not sorted or not finite")


DAMAGED = re.compile(
    r"(?<=is no readable Parquet file: ).*", re.DOTALL
)  # arrow counts in the piece that it reads


def said(orders: nb.Orders, *, at: str) -> dict[str, Any]:
    """Give all that can be asked of orders, in a form that compares: arrays as bytes, since NaN equals nothing."""
    made: dict[str, Any] = {name: getattr(orders, name).tobytes() for name in ARRAYS}
    made |= {name: getattr(orders, name) for name in IDS}
    made |= {"ledger": orders.ledger, "text": repr(orders), "checksum": orders.checksum()}
    made["problems"] = orders.problem_table.to_pylist()
    if not at:
        return made
    earlier = said(orders.before(at), at="")
    return made | {f"{name} before {at}": value for name, value in earlier.items()}


def outcome(source: Any, place: Path, options: dict[str, Any]) -> dict[str, Any] | str:
    """Read orders; give all that can be asked of them, or the text of the refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watched(place, "/usr/share/zoneinfo"):
                orders = nb.read_orders(source, **options)
                checked(orders)
                return said(orders, at="2026-04-01")
        except Broken:
            raise
        except Exception as error:  # noqa: BLE001 - that is the question
            told(error, [nb.InputError])
            return DAMAGED.sub("", str(error))


@contextmanager
def tiny(place: Path) -> Iterator[None]:
    """Keep every array in a file in `place`, look at three rows at once and sort the lines of few customers at once."""
    before, tempfile.tempdir = tempfile.tempdir, str(place)
    try:
        with (
            patch.object(scratch, "SMALL", 1),
            patch.object(scratch, "BLOCK", 3),
            patch("nextbuy.orders.lines.BLOCK", 4),
        ):
            yield
    finally:
        tempfile.tempdir = before


def read(
    source: Any, place: Path, *, csv_block: int = delimited.BLOCK, lines: int | None = None, **options: Any
) -> str:
    """Read orders freely and bounded; give "read" or "refused".

    `csv_block` is how many bytes of a text file are read at once, both times: a longer line is refused. The ledger
    must have all of the `lines`, where their number is known.
    """
    options = {"as_of": "2026-11-01"} | options  # the moment of the second reading is a later one
    with patch.object(delimited, "BLOCK", csv_block):
        free = outcome(source, place, options)
        with tiny(place):
            bounded = outcome(source, place, options | {"max_memory": "1MB"})
    if isinstance(free, str) or isinstance(bounded, str):
        if free != bounded:
            raise Broken(f"free: {_short(free)}; bounded: {_short(bounded)}")
        return "refused"
    if lines not in {None, free["ledger"]["read"]}:
        raise Broken(f"{lines} lines below the header, {free['ledger']['read']} in the ledger")
    for name, value in free.items():
        same = value.equals(bounded[name]) if isinstance(value, pa.Array) else value == bounded[name]
        if not same:
            raise Broken(f"{name} differ: {_first(value, bounded[name])}")
    return "read"


def _first(free: Any, bounded: Any) -> str:
    """Show the first place where two values differ."""
    if isinstance(free, list) and len(free) == len(bounded):
        free, bounded = next((a, b) for a, b in zip(free, bounded, strict=True) if a != b)
    if isinstance(free, dict):
        name = next(n for n in free if free[n] != bounded.get(n))
        free, bounded = f"{free.get('problem')} {name}={free[name]}", f"{name}={bounded.get(name)}"
    return f"{str(free)[:400]} free, {str(bounded)[:400]} bounded"


def _short(ended: dict[str, Any] | str) -> str:
    return repr(ended[:200]) if isinstance(ended, str) else f"read as {ended['text']}"
