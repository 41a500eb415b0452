"""The goods of the generated do-it-yourself and home store: categories and the pieces in them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from nextbuy.datasets.projects import COMPANIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Category(NamedTuple):
    """A shelf of the shop: one row of categories.csv."""

    category: str
    code: str
    name: str
    variants: tuple[str, ...]
    price_low: float
    price_high: float
    margin: float  # share of the price
    durable: bool
    quantity: float  # mean pieces a line
    substitutes: bool
    everyday: float  # weight among the purchases that belong to no plan
    season: str
    taste: str


@cache
def shop_categories() -> tuple[Category, ...]:
    """Read the shelves of the shop, in the order of the file."""
    text = (files("nextbuy.datasets") / "categories.csv").read_text(encoding="utf-8")
    return tuple(
        Category(
            category=row["category"],
            code=row["code"],
            name=row["name"],
            variants=tuple(row["variants"].split("|")),
            price_low=float(row["price_low"]),
            price_high=float(row["price_high"]),
            margin=float(row["margin"]),
            durable=row["durable"] == "yes",
            quantity=float(row["quantity"]),
            substitutes=row["substitutes"] == "yes",
            everyday=float(row["everyday"]),
            season=row["season"] or "none",
            taste=row["taste"],
        )
        for row in csv.DictReader(text.splitlines(), delimiter=";")
    )


class Shop(NamedTuple):
    """The catalog and what the generator needs of it, by item code; filler items stand last."""

    catalog: pa.Table
    price_cents: NDArray[np.int64]
    category_offsets: NDArray[np.int64]  # where each category's items begin, with the end appended
    n_shop_items: int


def tidy_price(price: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round a price to what stands on a shelf, in cents: 14.90 below 100, 139.00 above."""
    return np.where(price < 100, np.round(price * 2) * 50 - 10, np.round(price) * 100).astype(np.int64)


def build_shop(*, items: int | None, rng: np.random.Generator) -> Shop:
    """Stock the shop: every piece of every category, then filler items until there are `items`."""
    shelves = shop_categories()
    per_piece = {c.other: c.per_piece for c in COMPANIONS}
    sizes = np.array([len(s.variants) for s in shelves])
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    n_shop = int(offsets[-1])
    n_filler = max(0, (items or 0) - n_shop)

    cents = np.concatenate(
        [tidy_price(np.geomspace(s.price_low, s.price_high, len(s.variants))) for s in shelves]
    )
    share = np.repeat([s.margin for s in shelves], sizes)
    filler_cents = tidy_price(np.exp(rng.normal(1.6, 0.8, n_filler)) + 0.5)
    cents = np.concatenate((cents, filler_cents))
    share = np.concatenate((share, rng.uniform(0.15, 0.45, n_filler))) * rng.uniform(0.9, 1.1, len(cents))

    number = np.arange(n_filler)
    aisle = number // 100
    catalog = pa.table(
        {
            "item_id": [f"{s.code}-{k + 1:04d}" for s in shelves for k in range(len(s.variants))]
            + [f"ART-{k + 1:06d}" for k in number],
            "name": [f"{s.name}, {v}" for s in shelves for v in s.variants]
            + [f"Article {k + 1}" for k in number],
            "category": [s.category for s in shelves for _ in s.variants]
            + [f"aisle_{a + 1:04d}" for a in aisle],
            "price": cents / 100,
            "unit_margin": np.round(cents * share) / 100,
            "stock": rng.negative_binomial(1.2, 0.015, len(cents)).astype(np.int64),
            "durable": np.concatenate(
                (np.repeat([s.durable for s in shelves], sizes), np.zeros(n_filler, bool))
            ),
            "substitutes_group": pa.array(
                [s.category if s.substitutes else None for s in shelves for _ in s.variants]
                + [None] * n_filler,
                pa.string(),
            ),
            "quantity_per": pa.array(
                [per_piece.get(s.category) for s in shelves for _ in s.variants] + [None] * n_filler,
                pa.float64(),
            ),
        }
    )
    return Shop(catalog, cents, offsets, n_shop)
