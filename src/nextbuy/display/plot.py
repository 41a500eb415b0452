"""Pictures of what was found: lags, windows, activity, and whether probabilities hold what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from nextbuy.display.axes import GRID, MAIN, SOFT, TEXT, clean, new_axes
from nextbuy.display.customers import activity, window
from nextbuy.display.scores import scores
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["activity", "calibration", "lags", "scores", "window"]

_LEVEL = 0.95


def lags(links: Any, antecedent: Any, consequent: Any, *, ax: Axes | None = None) -> Axes:
    """Draw when B follows A: of those still without B, the share who buy it on one day, by days after A.

    Parameters
    ----------
    links : SequentialRules
        Fitted.
    antecedent, consequent : id
        A and B of one of its rules.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes
        Dots: followers per watched day in each lag bin, with the exact Poisson interval (95 %, Garwood).
        Line: the shrunk hazard that predictions use. Band: the middle 80 % of those who follow. Below: how
        many customers were still watched, and how many had followed.

    Raises
    ------
    InputError
        When there is no such rule.

    References
    ----------
    Garwood, Biometrika 28 (1936).

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    >>> links = nb.SequentialRules(level="category").fit(orders)
    >>> nb.plot.lags(links, "tiles", "bathtub").get_xlabel()
    'days after tiles'
    """
    table = nw.from_native(links.lags(antecedent, consequent), eager_only=True)
    start, end, followers, watched, entered, hazard = (
        table[name].to_numpy().astype(np.float64)
        for name in ("lag_from", "lag_to", "followers", "watch_days", "entered", "hazard")
    )
    rule = _rule(links, antecedent, consequent)
    axes = ax if ax is not None else new_axes()
    seen = watched > 0
    middle = ((start + end) / 2)[seen]
    share, low, high = (100 * v for v in _rate(followers[seen], watched[seen]))
    axes.axvspan(rule["lag_p10"], rule["lag_p90"], color=SOFT, alpha=0.25, lw=0)
    axes.axvline(rule["lag_p50"], color=MAIN, lw=1, ls=(0, (4, 3)))
    axes.stairs(
        100 * hazard, np.append(start, end[-1]), color=MAIN, lw=1.8, label="used for predictions (shrunk)"
    )
    axes.errorbar(
        middle,
        share,
        yerr=[share - low, high - share],
        fmt="o",
        ms=4.5,
        color=TEXT,
        ecolor="#888888",
        elinewidth=1.1,
        label="counted, with 95 % interval",
    )
    axes.set_xlim(0, end[-1])
    # the interval of a bin that hardly anybody was watched in must not flatten the rest
    axes.set_ylim(0, 1.05 * min(high.max(), 3 * max(share.max(), 100 * hazard.max())))
    axes.set_xlabel(f"days after {antecedent}")
    axes.set_ylabel(f"buy {consequent} that day,\n% of those still without it")
    axes.set_title(_story(rule, antecedent, consequent), loc="left", fontsize=11, color=TEXT)
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    clean(axes)
    _counts_below(axes, start, end, entered, followers)
    return axes


def calibration(report: Any, *, model: str | None = None, kind: str = "all", ax: Axes | None = None) -> Axes:
    """Draw whether probabilities hold what they promise: what was predicted against what came true.

    Parameters
    ----------
    report : Report
        Of `nextbuy.backtest`.
    model : str, optional
        Which model of the report; default the first.
    kind : {"all", "new", "repeat"}, default "all"
        Which predictions.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes
        One dot a bin of predictions, its area by their number, with the 95 % interval of the share that came
        true. A perfect model lies on the line.

    Raises
    ------
    InputError
        When the report has no such model or kind.
    """
    table = nw.from_native(report.calibration, eager_only=True)
    models = list(dict.fromkeys(table["model"].to_list()))
    chosen = models[0] if model is None and models else model
    rows = table.filter((nw.col("model") == chosen) & (nw.col("kind") == kind))
    if not len(rows):
        kinds = list(dict.fromkeys(table["kind"].to_list()))
        raise InputError(
            f"The report has no calibration of model={chosen!r}, kind={kind!r}. "
            f"It has the models {models} and the kinds {kinds}."
        )
    predicted, observed, low, high = (
        100 * rows[name].to_numpy().astype(np.float64) for name in ("predicted", "observed", "low", "high")
    )
    count = rows["rows"].to_numpy().astype(np.float64)
    axes = ax if ax is not None else new_axes(width=5.6, height=5.6)
    least = max(min(predicted[predicted > 0].min(initial=1), observed[observed > 0].min(initial=1)) / 2, 1e-3)
    most = min(max(predicted.max(), high.max()) * 1.6, 100)
    axes.plot([least, most], [least, most], color=GRID, lw=1.5, zorder=1)
    for at, text, place in (
        (0.03, "more bought than promised", "left"),
        (0.97, "fewer than promised", "right"),
    ):
        axes.text(
            at, 1 - at, text, transform=axes.transAxes, ha=place, va="center", color="#888888", fontsize=9
        )
    axes.errorbar(
        np.maximum(predicted, least),
        np.maximum(observed, least),
        yerr=[np.maximum(observed - low, 0), np.maximum(high - observed, 0)],
        fmt="none",
        ecolor="#888888",
        elinewidth=1.1,
        zorder=2,
    )
    axes.scatter(
        np.maximum(predicted, least),
        np.maximum(observed, least),
        s=15 + 100 * count / count.max(),
        color=MAIN,
        edgecolor="white",
        lw=0.8,
        zorder=3,
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least, most)
    axes.set_ylim(least, most)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.set_xlabel("predicted chance of buying within the horizon (log scale)")
    axes.set_ylabel("bought (log scale)")
    of = "" if kind == "all" else f", {kind} items"
    axes.set_title(f"{chosen}{of}: {count.sum():,.0f} predictions", loc="left", fontsize=11, color=TEXT)
    clean(axes)
    return axes


def _rate(events: NDArray[np.float64], days: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Events per day with the exact Poisson interval (Garwood)."""
    from scipy.stats import chi2

    tail = (1 - _LEVEL) / 2
    low = np.where(events > 0, chi2.ppf(tail, 2 * np.maximum(events, 1)) / 2, 0.0)
    high = chi2.ppf(1 - tail, 2 * (events + 1)) / 2
    return events / days, low / days, high / days


def _rule(links: Any, antecedent: Any, consequent: Any) -> dict[str, Any]:
    rules = nw.from_native(links.rules_, eager_only=True)
    found = rules.filter((nw.col("antecedent") == antecedent) & (nw.col("consequent") == consequent))
    return {name: found[name][0] for name in found.columns}


def _story(rule: dict[str, Any], antecedent: Any, consequent: Any) -> str:
    share, low, high = (100 * rule[name] for name in ("confidence", "confidence_low", "confidence_high"))
    return (
        f"{antecedent} → {consequent}: {share:.0f} of 100 buyers follow ({low:.0f} to {high:.0f}),\n"
        f"half of these within {rule['lag_p50']:.0f} days, most between {rule['lag_p10']:.0f} and "
        f"{rule['lag_p90']:.0f} (band)"
    )


def _counts_below(
    axes: Axes,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    entered: NDArray[np.float64],
    followers: NDArray[np.float64],
) -> None:
    """Write under the axis how many were still watched; short bins would overlap, so some are left out."""
    width = end[-1]
    at, last = [], -np.inf
    for number, day in enumerate(start):
        if day - last >= width / 11:
            at.append(number)
            last = day
    axes.set_xticks([*start[at], width])
    axes.set_xticklabels([f"{d:.0f}" for d in [*start[at], width]])
    since = np.append(0, np.cumsum(followers))
    for row, (name, values) in enumerate((("still watched", entered), ("followed so far", since))):
        place = -0.235 - 0.075 * row
        axes.text(
            -0.05, place, name, transform=axes.transAxes, ha="right", va="center", fontsize=8, color=TEXT
        )
        for number in at:
            axes.text(
                start[number] / width,
                place,
                f"{values[number]:,.0f}",
                transform=axes.transAxes,
                ha="center",
                va="center",
                fontsize=8,
                color=TEXT,
            )
