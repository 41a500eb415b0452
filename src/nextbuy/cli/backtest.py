"""`nextbuy backtest`: would it have been right, and better than the simple ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.source import USUAL, File, Reading, Sources, facts, needed, note_problems, read

if TYPE_CHECKING:
    import pyarrow as pa


def backtest(
    *source: Sources,
    cutoffs: Annotated[int, Parameter(metavar="N")] = 4,
    k: Annotated[int, Parameter(name=["-k", "--top"], metavar="N")] = 10,
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
    with lines(output, "Fitting and scoring") as say:
        found = nb.backtest(model, orders, cutoffs=cutoffs, k=k, progress=say)
    if report is not None:
        nb.write_report(found, report)
    summary = to_arrow(found.summary)
    output.show(plain(repr(orders)), _table(summary), plain(found.verdict))
    if report is not None:
        output.show(plain(f"Report written to {report}."))
    output.summarise(
        {
            "verdict": found.verdict,
            "summary": summary.to_pylist(),
            "scores": to_arrow(found.scores).to_pylist(),
            "report": report,
            "orders": facts(orders),
        }
    )
    return OK


def _table(summary: pa.Table) -> Any:
    columns = summary.column_names
    numbers = [c for c in columns if c not in {"kind", "model"}]
    rows = [[_cell(row[c]) for c in columns] for row in summary.to_pylist()]
    return table("", columns, rows, right=numbers)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
