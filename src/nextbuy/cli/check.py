"""`nextbuy check`: what is in the orders, and what is wrong with them."""

from __future__ import annotations

from nextbuy.cli.output import FOUND, OK, PLAIN, Output, plain, table
from nextbuy.cli.source import USUAL, Reading, Sources, facts, problems, read


def check(*source: Sources, reading: Reading = USUAL, output: Output = PLAIN) -> int:
    """Check order lines: what is there, what is wrong, and what is done about it.

    Ends with exit code 1 when anything was found.

    Parameters
    ----------
    source : str
        Files, quoted globs such as 'orders/*.csv', or one database address with --query.
    """
    from dataclasses import replace

    from nextbuy.cli.source import needed

    orders = read(needed(source, "check"), reading, replace(output, strict=False))
    found = problems(orders)
    ledger = orders.ledger
    output.show(
        plain(repr(orders)),
        plain(
            f"{ledger['read']:,} lines read = {ledger['kept']:,} kept + {ledger['merged']:,} merged"
            f" + {ledger['set_aside']:,} set aside"
        ),
    )
    if found:
        output.show(
            "",
            table(
                "",
                ("problem", "column", "lines", "examples", "what was done", "how to change it"),
                [
                    (
                        p["problem"],
                        p["column"],
                        f"{p['rows']:,}",
                        "\n".join(p["examples"]),
                        p["action"],
                        p["change"],
                    )
                    for p in found
                ],
                right=("lines",),
            ),
        )
    else:
        output.show("No problems found.")
    output.summarise(facts(orders))
    return FOUND if found else OK
