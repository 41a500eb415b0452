"""How far a model is ahead of others, with how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from nextbuy.display.axes import GRID, MAIN, TEXT, new_axes
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"ndcg": "nDCG", "recall": "recall"}
KINDS = {"all": "all items", "new": "new items", "repeat": "items bought again"}
OTHER = "#777777"


def scores(report: Any, *, metric: str = "ndcg", kind: str = "all", ax: Axes | None = None) -> Axes:
    """Draw the methods of a backtest one below the other, best first, each with its interval.

    Parameters
    ----------
    report : Report
        Of `nextbuy.backtest`.
    metric : {"ndcg", "recall"}, default "ndcg"
    kind : {"all", "new", "repeat"}, default "all"
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes
        Dots: means over the splits, bars: 95 % bootstrap intervals over customers; the first method of the report in
        colour. Beside each other method: by how much the first one is ahead of it, over the same customers. Two
        intervals may overlap and the difference may still be sure, since both stand and fall with the same customers.

    Raises
    ------
    InputError
        When the report has no such metric or kind.

    Examples
    --------
    >>> import nextbuy as nb
    >>> orders = nb.read_orders(nb.datasets.make_orders(customers=300, seed=1).orders)
    >>> report = nb.backtest(nb.evaluate.PersonalFrequency(), orders, cutoffs=1)
    >>> nb.plot.scores(report).get_xlabel()
    'nDCG@10, all items'
    """
    if metric not in METRICS or kind not in KINDS:
        raise InputError(
            f"metric={metric!r}, kind={kind!r} cannot be drawn. Try metric='ndcg' or 'recall', and kind='all', "
            "'new' or 'repeat'."
        )
    summary = nw.from_native(report.summary, eager_only=True)
    rows = [r for r in summary.rows(named=True) if r["kind"] == kind and np.isfinite(r[metric])]
    first = summary["model"][0]
    ahead = {
        row["baseline"]: row
        for row in nw.from_native(report.gains, eager_only=True).rows(named=True)
        if (row["kind"], row["metric"]) == (kind, metric) and row["gain"] is not None
    }
    rows.sort(key=lambda row: row[metric])
    axes = ax if ax is not None else new_axes(height=1.2 + 0.38 * len(rows))
    for at, row in enumerate(rows):
        color = MAIN if row["model"] == first else OTHER
        low, high = row[f"{metric}_low"], row[f"{metric}_high"]
        axes.plot([low, high], [at, at], color=color, lw=2.2, solid_capstyle="round", zorder=2)
        axes.plot(row[metric], at, "o", ms=7, color=color, mec="white", mew=0.8, zorder=3)
        gain = ahead.get(row["model"])
        if gain is not None:
            text = f"{100 * gain['gain']:+.0f} % ({100 * gain['low']:.0f} to {100 * gain['high']:.0f})"
            axes.text(
                1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=TEXT
            )
    if ahead:
        title = f"{first} is ahead by"
        axes.text(1.02, len(rows) - 0.4, title, transform=axes.get_yaxis_transform(), fontsize=9, color=TEXT)
    axes.set_yticks(range(len(rows)), [row["model"] for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{METRICS[metric]}@{report.k}, {KINDS[kind]}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    return axes
