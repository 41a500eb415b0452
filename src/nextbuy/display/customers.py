"""Pictures of customers: the window of one purchase, and how active all of them are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from nextbuy.display.axes import GRID, MAIN, SOFT, TEXT, clean, new_axes
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


def window(
    model: Any, customer: Any, item: Any, *, as_of: Any = None, days_back: int = 180, ax: Axes | None = None
) -> Axes:
    """Draw one customer's purchases and the days in which the next one is most likely.

    Parameters
    ----------
    model : NextPurchase
        Fitted.
    customer, item : id
    as_of : date, datetime or str, optional
        As in `NextPurchase.predict`.
    days_back : int, default 180
        How much of the past is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes
        Marks: the first and the last day of each item bought before as_of (zero), filled for what the prediction
        names as its reason. Band: from
        window_start to window_end; its line: best_date.

    Raises
    ------
    InputError
        When the model says nothing about this customer and item.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> model = nb.NextPurchase().fit(nb.read_orders(sample.orders, catalog=sample.catalog))
    >>> row = model.predict(k=1).iloc[0]
    >>> nb.plot.window(model, row["customer_id"], row["item_id"]).get_xlabel()[:15]
    'days from as_of'
    """
    told = model.explain(customer, item, as_of=as_of)  # says why when there is no prediction
    made = nw.from_native(
        model.predict(customers=[customer], items=[item], k=1, as_of=as_of), eager_only=True
    )
    row = {name: made[name][0] for name in made.columns}
    now = np.datetime64(as_of if as_of is not None else model.as_of_, "D")

    def days(values: Any) -> NDArray[np.float64]:
        return (np.asarray(values, "datetime64[D]") - now).astype(np.float64)

    past = nw.from_native(told.purchases, eager_only=True)
    start, best, end = (float(days(row[name])) for name in ("window_start", "best_date", "window_end"))
    when = np.concatenate([days(past[name].to_numpy()) for name in ("first_date", "last_date")])
    cause = np.array([str(one) == str(row["trigger_item_id"]) for one in past["item_id"].to_list()] * 2, bool)
    trigger = days([row["trigger_date"]]) if row["trigger_date"] is not None else np.zeros(0)
    shown = when >= -days_back
    axes = ax if ax is not None else new_axes(height=2.8)
    axes.axhline(0, color=GRID, lw=1.5, zorder=1)
    axes.axvline(0, color=TEXT, lw=1, ls=(0, (2, 2)))
    axes.axvspan(start, end + 1, color=SOFT, alpha=0.45, lw=0, label="window")
    axes.axvline(best, color=MAIN, lw=1.8, label="best date")
    other = np.unique(when[shown & ~cause])
    axes.plot(other, np.zeros_like(other), "o", ms=6, mfc="white", mec="#888888", label="bought something")
    named = np.unique(np.concatenate([when[cause], trigger]))
    named = named[named >= -days_back]
    if len(named):
        name = f"bought {row['trigger_item_id']}"
        axes.plot(named, np.zeros_like(named), "o", ms=8, color=MAIN, label=name, zorder=3)
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.set_xlabel(f"days from as_of ({now})")
    axes.set_title(
        f"{customer}: {100 * row['probability']:.1f} % buy {item} within {model.horizon_days} days; window "
        f"{row['window_status'].replace('_', ' ')}, timing signal {row['timing_signal']}",
        loc="left",
        fontsize=10,
        color=TEXT,
    )
    axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=4)
    clean(axes)
    axes.spines["left"].set_visible(False)
    return axes


_TIMES = np.array([1, 2, 3, 4, 6, 10, 20])
_QUIET = np.array([0, 8, 15, 31, 61, 91, 181, 366])


def activity(model: Any, *, value: str = "p_order", ax: Axes | None = None) -> Axes:
    """Draw how active customers are by how often they ordered and how long ago the last order was.

    Parameters
    ----------
    model : CustomerActivity
        Fitted.
    value : {"p_order", "p_alive", "p_order_closed_form"}, default "p_order"
        Chance of any order within the horizon, or of still being a customer.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.

    Returns
    -------
    matplotlib.axes.Axes
        One field a combination: the mean chance in percent, and how many customers stand there.

    Raises
    ------
    InputError
        When `value` is none of these.
    """
    if value not in ("p_order", "p_alive", "p_order_closed_form"):
        raise InputError(f"value={value!r} is not known. Try value='p_order' or 'p_alive'.")
    table = nw.from_native(model.predict(), eager_only=True)
    times, age, recency, chance = (
        table[name].to_numpy().astype(np.float64)
        for name in ("order_days", "age_days", "recency_days", value)
    )
    across = np.searchsorted(_TIMES, times, side="right") - 1
    down = np.searchsorted(_QUIET, age - recency, side="right") - 1
    shape = (len(_QUIET), len(_TIMES))
    place = down * shape[1] + across
    count = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(place, chance, minlength=count.size).reshape(shape)
    mean = np.divide(100 * total, count, out=np.full(shape, np.nan), where=count > 0)
    rows = int(np.flatnonzero(count.any(axis=1)).max(initial=0)) + 1
    columns = int(np.flatnonzero(count.any(axis=0)).max(initial=0)) + 1
    axes = ax if ax is not None else new_axes(height=5)
    axes.imshow(mean[:rows, :columns], cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (y, x), share in np.ndenumerate(mean[:rows, :columns]):
        if count[y, x]:
            text = f"{share:.0f} %\n{count[y, x]:,}"
            color = "white" if share > 55 else TEXT
            axes.text(x, y, text, ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(columns), _ranges(_TIMES)[:columns])
    axes.set_yticks(range(rows), _ranges(_QUIET)[:rows])
    axes.set_xlabel("days with an order")
    axes.set_ylabel("days since the last one")
    what = "still customers" if value == "p_alive" else f"order within {model.horizon_days} days"
    axes.set_title(
        f"How many are {what}" if value == "p_alive" else f"How many {what}",
        loc="left",
        fontsize=11,
        color=TEXT,
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes


def _ranges(starts: NDArray[np.int64]) -> list[str]:
    ends = [*(starts[1:] - 1).tolist(), None]
    return [
        f"{a}+" if b is None else (f"{a}" if a == b else f"{a}-{b}")
        for a, b in zip(starts.tolist(), ends, strict=True)
    ]
