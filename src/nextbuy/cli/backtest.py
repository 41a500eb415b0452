"""`nextbuy backtest`: would it have been right, and better than the simple ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, plain, progress_bar, table
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

_SHOWN = (
    "kind",
    "model",
    "recall",
    "ndcg",
    "precision",
    "hit_rate",
    "log_loss",
    "calibration_error",
    "customers",
)


def backtest(
    *source: Sources,
    split: Literal["as_of", "last_basket"] = "as_of",
    cutoffs: Count = 4,
    baskets: Count = 1,
    min_baskets: Count = 5,
    refits: Count = 6,
    k: Annotated[Count, Parameter(name=["-k", "--top"])] = 10,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    published: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    jobs: Count = 1,
    resume: Annotated[str | None, Parameter(metavar="DIR")] = None,
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
    split : {"as_of", "last_basket"}
        Everything bought within the horizon after dates, or each customer's last basket.
    cutoffs : int
        How many dates, one horizon apart.
    baskets : int
        With --split last_basket: so many last baskets of each customer.
    min_baskets : int
        With --split last_basket: only customers with at least so many.
    refits : int
        With --split last_basket: how often each method is fitted.
    k : int
        Length of the lists that are scored.
    as_of : str
        Use only orders before this date, such as 2026-06-01; the last cut-off lies a horizon before it.
    published : bool
        Compare with all published baselines, not only popularity and personal frequency.
    jobs : int
        Processes.
    resume : str
        Directory where finished fits are kept; a killed run goes on from there.
    config : str
        TOML file with parameters of NextPurchase, such as: horizon_days = 30
    report : str
        HTML file for the whole report.
    """
    import nextbuy as nb
    from nextbuy.cli.config import read_config
    from nextbuy.cli.frames import to_arrow

    needed(source, "backtest")
    model = nb.NextPurchase(**read_config(config, nb.NextPurchase))
    orders = read(source, reading, output)
    note_problems(orders, output)
    if as_of is not None:
        moment(as_of, "--as-of")
        orders = orders.before(as_of)
    with progress_bar(output, "Fitting and scoring") as say:
        found = nb.backtest(
            model,
            orders,
            split=split,
            cutoffs=cutoffs,
            baskets=baskets,
            min_baskets=min_baskets,
            refits=refits,
            k=k,
            baselines="published" if published else None,
            n_jobs=jobs,
            resume_dir=resume,
            progress=say,
        )
    if report is not None:
        nb.write_report(found, report)
    summary, scores, gains = (to_arrow(frame) for frame in (found.summary, found.scores, found.gains))
    output.show(
        plain(repr(orders)), _table("Means over the splits", summary.select(_SHOWN)), plain(found.verdict)
    )
    output.show(_table("nDCG of all items, split by split", _by_split(scores)))
    if report is not None:
        output.show(plain(f"Report written to {report}."))
    output.summarise(
        {
            "verdict": found.verdict,
            "summary": _rows(summary),
            "gains": _rows(gains),
            "scores": _rows(scores),
            "report": report,
            "orders": facts(orders),
        }
    )
    return OK


def _rows(frame: pa.Table) -> list[dict[str, Any]]:
    """Give rows that JSON can hold: what is no number is null."""
    return [
        {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124 - NaN
        for row in frame.to_pylist()
    ]


def _by_split(scores: pa.Table) -> pa.Table:
    """Give one row a split and one column a model."""
    import pyarrow as pa
    import pyarrow.compute as pc

    use = scores.filter((pc.field("kind") == "all") & (pc.field("metric") == "ndcg")).to_pylist()
    splits = list(dict.fromkeys(row["cutoff"] for row in use))
    return pa.Table.from_pylist(
        [{"cutoff": s} | {row["model"]: row["value"] for row in use if row["cutoff"] == s} for s in splits]
    )


def _table(title: str, summary: pa.Table) -> Any:
    columns = summary.column_names
    numbers = [c for c in columns if c not in {"kind", "model", "cutoff"}]
    rows = [[_cell(row[c]) for c in columns] for row in summary.to_pylist()]
    return table(title, columns, rows, right=numbers)


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    return (
        f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
