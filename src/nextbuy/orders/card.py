"""How orders look in a notebook and at a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nextbuy.orders.table import Orders


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _facts(orders: Orders) -> list[str]:
    people = [_count(orders.n_customers, "customer")] if orders.has_customers else ["no customers"]
    return [
        *people,
        _count(orders.n_orders, "order"),
        _count(orders.n_items, "item"),
        _count(len(orders), "line"),
    ]


def _span(orders: Orders) -> str:
    if not len(orders):
        return "empty"
    return f"{orders.start:%Y-%m-%d} to {orders.last:%Y-%m-%d}"


def as_text(orders: Orders) -> str:
    """One line: what there is, its span, and how many problems."""
    found = orders.problem_table.num_rows
    tail = f"; {_count(found, 'problem')}" if found else ""
    return f"Orders: {', '.join([*_facts(orders), _span(orders)])}{tail}"


def as_html(orders: Orders) -> str:
    """Give a card: the span, the counts, where the lines went, and the problems. Every value is escaped."""
    from html import escape

    ledger = orders.ledger
    head = f"<b>Orders</b> &nbsp; {escape(_span(orders))}<br>{escape(' · '.join(_facts(orders)))}"
    if ledger:
        head += (
            f"<br><small>{ledger['read']:,} lines read = {ledger['kept']:,} kept"
            f" + {ledger['merged']:,} merged"
            f" + {ledger['set_aside']:,} set aside</small>"
        )
    rows = []
    for p in orders.problem_table.to_pylist():
        where = f" in {p['column']}" if p["column"] else ""
        cells = [p["problem"] + where, f"{p['rows']:,}", "; ".join(p["examples"]), p["action"], p["change"]]
        rows.append(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(c)}</td>" for c in cells) + "</tr>"
        )
    if not rows:
        return f"<div>{head}<br><small>No problems found.</small></div>"
    titles = "".join(
        f"<th style='text-align:left'>{t}</th>"
        for t in ("problem", "rows", "examples", "what was done", "how to change it")
    )
    return (
        f"<div>{head}<details><summary>{_count(len(rows), 'problem')}</summary>"
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table></details></div>"
    )
