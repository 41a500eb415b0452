"""`nextbuy report-campaign`: did the campaign help, and what did it earn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.source import USUAL, Count, File, Reading, Sources, facts, needed, note_problems, read


def report_campaign(
    *source: Sources,
    plan: Annotated[str, Parameter(metavar="DIR")],
    contacts: File = None,
    response_days: Count = 30,
    level: Literal["category", "item"] = "category",
    log: File = None,
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """Compare those who got offers with those held out, on what they bought afterwards.

    Parameters
    ----------
    source : str
        The orders, those after the campaign included: files, quoted globs, or one database address with --query.
    plan : str
        Directory that `nextbuy plan` or `nextbuy score` wrote, or a file of offers.
    contacts : str
        What was really sent: customer_id, sent_on, optional cost. Without it everything is taken as sent.
    response_days : int
        A purchase within so many days from the send date on answers an offer.
    level : {"category", "item"}
        What answers: anything of the category, or the very item.
    log : str
        File (.csv or .parquet) for the contact log that the next `nextbuy plan --contacts` learns from.
    """
    import nextbuy as nb
    from nextbuy.cli.frames import check_out, to_arrow, write_frame
    from nextbuy.storage import read_run

    needed(source, "report-campaign")
    check_out(log)
    if Path(plan).is_dir():
        read_run(plan)
    orders = read(source, reading, output)
    note_problems(orders, output)
    with output.busy("Comparing"):
        report = nb.campaign_report(plan, orders, contacts, response_days=response_days, level=level)
    if log is not None:
        write_frame(log, to_arrow(report.log))
    rows = report.arms_table.to_pylist()
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    output.show(
        table(
            f"Bought within {response_days} days",
            [name.replace("_", " ") for name in names],
            [[_cell(row[name]) for name in names] for row in rows],
            right=[name.replace("_", " ") for name in names[1:]],
        ),
        *map(plain, report.notes),
    )
    output.summarise({"arms": rows, **report.facts, "notes": list(report.notes), "orders": facts(orders)})
    return OK


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
