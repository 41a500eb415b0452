"""A backtest as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import io
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from nextbuy.display.plot import calibration
from nextbuy.display.plot import scores as compared
from nextbuy.orders.errors import InputError
from nextbuy.storage.files import write_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

_KINDS = {"all": "All items", "new": "New items", "repeat": "Items bought again"}
_METRICS = {
    "ndcg": "nDCG",
    "recall": "recall",
    "precision": "precision",
    "hit_rate": "hit rate",
    "calibration_error": "calibration error",
    "log_loss": "log loss",
    "brier": "Brier score",
    "auc": "AUC",
    "window_hit_rate": "bought within 14 days of the window's start",
    "send_now_hit_rate": "bought within 14 days from now",
    "fixed_delay_hit_rate": "bought within 14 days after a delay of 30",
    "window_coverage": "of those bought, inside the window",
}
_RANKED = ("ndcg", "recall", "precision", "hit_rate")


def write_report(report: Any, path: str | os.PathLike[str]) -> Path:
    """Write a backtest as one HTML page: verdict, figures with their intervals, calibration.

    Parameters
    ----------
    report : Report
        Of `nextbuy.backtest`.
    path : path
        The file; pictures are inside it, it loads nothing from elsewhere, and it appears only when whole.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        When jinja2 is not installed; the message says how to install it.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise InputError("write_report needs jinja2. Try: pip install 'nextbuy[report]'") from error
    # every value is escaped: an item may be called <b>
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(
        files("nextbuy.display").joinpath("report.html").read_text(encoding="utf-8")
    )
    summary = nw.from_native(report.summary, eager_only=True)
    scores = nw.from_native(report.scores, eager_only=True)
    models = list(dict.fromkeys(summary["model"].to_list()))
    html = page.render(
        verdict=report.verdict,
        good="Do not" not in report.verdict,
        k=report.k,
        horizon_days=report.horizon_days,
        split=report.split,
        ranked=_RANKED,
        cutoffs=list(dict.fromkeys(scores["cutoff"].to_list())),
        models=models,
        kinds=[k for k in _KINDS if k in set(summary["kind"].to_list())],
        kind_names=_KINDS,
        metric_names=_METRICS,
        summary=summary.rows(named=True),
        scores=_by_place(scores),
        metrics=[m for m in _METRICS if m in _said(scores)],
        pictures={
            kind: _picture(partial(calibration, report, model=models[0], kind=kind)) for kind in _KINDS
        },
        comparisons={
            kind: _picture(partial(compared, report, kind=kind), width=8.5, height=1.2 + 0.35 * len(models))
            for kind in _KINDS
        },
        number=_number,
    )
    write_bytes(path, html.encode())
    return Path(path)


def _said(scores: Any) -> set[str]:
    """Names of the metrics that have a value somewhere."""
    return {row["metric"] for row in scores.rows(named=True) if _number(row["value"]) != _number(None)}


def _by_place(scores: Any) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    return {(r["kind"], r["metric"], r["cutoff"], r["model"]): r for r in scores.rows(named=True)}


def _number(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "\N{EN DASH}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _picture(draw: Callable[..., Any], *, width: float = 5, height: float = 5) -> str:
    """Draw as a data address; empty where there is nothing to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    try:
        draw(ax=figure.subplots())
    except InputError:
        return ""
    out = io.BytesIO()
    # without today's date and random ids the same report is the same file
    with rc_context({"svg.hashsalt": "nextbuy"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
