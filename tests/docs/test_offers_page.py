"""docs/offers.md names every column, reason code, file and adapter, and no other code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nextbuy.offers.adapters import ADAPTERS
from nextbuy.offers.delivery import COUPON_COLUMNS, DELIVERY_COLUMNS
from nextbuy.offers.ledger import CODES
from nextbuy.offers.plan import OFFER_COLUMNS
from nextbuy.offers.segments import LIFECYCLE

PAGE = (Path(__file__).parents[2] / "docs" / "offers.md").read_text(encoding="utf-8")


def part(heading):
    """Give the text under a heading."""
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


def first_cells(text):
    """Give the names in the first column of a table."""
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)[1:]
    return [name.strip() for cell in cells for name in cell.split(",")]


def test_every_column_of_offers_has_its_row():
    """The table of columns names each column of the offers once."""
    assert sorted(first_cells(part("Columns of `offers`"))) == sorted(OFFER_COLUMNS)


def test_every_reason_code_has_its_row_in_order():
    """The reason codes stand in the order in which they are tried."""
    assert tuple(first_cells(part("Reason codes of `suppressed`"))) == CODES


@pytest.mark.parametrize(
    "name", [*DELIVERY_COLUMNS, *COUPON_COLUMNS, *(file for file, _ in ADAPTERS.values()), *ADAPTERS]
)
def test_every_file_and_its_columns_are_named(name):
    """The columns of the files and the adapters stand in the table of files."""
    assert re.search(rf"\b{re.escape(name)}\b", part("Files"))


@pytest.mark.parametrize("name", LIFECYCLE)
def test_every_lifecycle_segment_is_named(name):
    """The five lifecycle segments are named."""
    assert name in part("Segments")
