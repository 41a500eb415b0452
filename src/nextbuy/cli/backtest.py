"""`nextbuy backtest`: would it have been right, and better than the simple ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.source import (
    USUAL,
    Count,
    File,
    Reading,
    Sources,
    facts,
    moment,
    needed,
    note_problems,
    read,
)

if TYPE_CHECKING:
    import pyarrow as pa


def backtest(
    *source: Sources,
    cutoffs: Count = 4,
    k: Annotated[Count, Parameter(name=["-k", "--top"])] = 10,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    config: File = None,
    report: File = None,
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """Fit on the past of several dates, score what came after, and compare with the baselines.

    Parameters
    ----------
    source : str
        Files, quoted globs such as 'orders/*.csv', or one database address with --query.
    cutoffs : int
        How many dates, one horizon apart.
    k : int
        Length of the lists that are scored.
    as_of : str
        Use only orders before this date, such as 2026-06-01; the last cut-off lies a horizon before it.
    config : str
        TOML file with parameters of NextPurchase, such as: horizon_days = 30
    report : str
        HTML file for the whole report.
    """
    import nextbuy as nb
    from nextbuy.cli.config import read_config
    from nextbuy.cli.frames import to_arrow
    from nextbuy.cli.output import lines

    needed(source, "backtest")
    model = nb.NextPurchase(**read_config(config, nb.NextPurchase))
    orders = read(source, reading, output)
    note_problems(orders, output)
    if as_of is not None:
        moment(as_of, "--as-of")
        orders = orders.before(as_of)
    with lines(output, "Fitting and scoring") as say:
        found = nb.backtest(model, orders, cutoffs=cutoffs, k=k, progress=say)
    if report is not None:
        nb.write_report(found, report)
    summary, scores = to_arrow(found.summary), to_arrow(found.scores)
    output.show(plain(repr(orders)), _table("Means over the dates", summary), plain(found.verdict))
    output.show(_table("nDCG of all items, date by date", _by_date(scores)))
    if report is not None:
        output.show(plain(f"Report written to {report}."))
    output.summarise(
        {
            "verdict": found.verdict,
            "summary": summary.to_pylist(),
            "scores": scores.to_pylist(),
            "report": report,
            "orders": facts(orders),
        }
    )
    return OK


def _by_date(scores: pa.Table) -> pa.Table:
    """Give one row a cut-off and one column a model."""
    import pyarrow as pa
    import pyarrow.compute as pc

    use = scores.filter((pc.field("kind") == "all") & (pc.field("metric") == "ndcg")).to_pylist()
    dates = list(dict.fromkeys(row["cutoff"] for row in use))
    return pa.Table.from_pylist(
        [{"cutoff": d} | {row["model"]: row["value"] for row in use if row["cutoff"] == d} for d in dates]
    )


def _table(title: str, summary: pa.Table) -> Any:
    columns = summary.column_names
    numbers = [c for c in columns if c not in {"kind", "model", "cutoff"}]
    rows = [[_cell(row[c]) for c in columns] for row in summary.to_pylist()]
    return table(title, columns, rows, right=numbers)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
