"""What a notebook and a prompt show of orders."""

from __future__ import annotations

from nextbuy.orders import read_orders

ROW = {"customer_id": "ann", "order_id": 1, "timestamp": "2026-01-01", "item_id": "tap"}


def test_the_line_counts_and_spans():
    """One line with the counts, singular where one, and the days of the first and last order."""
    orders = read_orders([ROW, ROW | {"order_id": 2, "timestamp": "2026-02-03 23:00"}])
    assert repr(orders) == "Orders: 1 customer, 2 orders, 1 item, 2 lines, 2026-01-01 to 2026-02-03"


def test_the_card_escapes_what_shops_write():
    """Markup in an id is shown, not run."""
    evil = "<script>alert(1)</script>"
    card = read_orders([ROW, ROW | {"item_id": None, "customer_id": evil}])._repr_html_()
    assert evil not in card
    assert "&lt;script&gt;" in card
    assert "2 lines read = 1 kept + 0 merged + 1 set aside" in card
    assert "missing_item" in card


def test_the_card_says_when_nothing_was_found():
    """No problem is said, not left open."""
    assert "No problems found" in read_orders([ROW])._repr_html_()
