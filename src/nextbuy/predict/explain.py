"""Why one customer is, or is not, expected to buy one item."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders.frames import dates, take, to_table
from nextbuy.predict.triggers import running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.predict.candidates import Sources
    from nextbuy.predict.history import History


@dataclass(frozen=True)
class Explanation:
    """What speaks for one prediction.

    Attributes
    ----------
    customer_id, item_id : the ids asked for
    probability : float
        Of buying within the horizon.
    reason : str
        The sentence of the prediction.
    purchases : frame
        `item_id, first_date, last_date, days`: what the customer bought before as_of, latest first.
    rules : frame
        `antecedent, consequent, bought_on, exposed, followed, confidence, chance`: sequential rules that are running
        for this customer towards the item or its category, with the chance each gives within the horizon.
    """

    customer_id: Any
    item_id: Any
    probability: float
    reason: str
    purchases: Any
    rules: Any

    def __str__(self) -> str:
        return f"{self.customer_id}, {self.item_id}: {self.probability:.1%}. {self.reason}"

    def _repr_html_(self) -> str:
        head = f"<b>{escape(str(self.customer_id))}, {escape(str(self.item_id))}: {self.probability:.1%}</b>"
        parts = [
            head,
            escape(self.reason),
            _html("Running rules", self.rules),
            _html("Bought before", self.purchases),
        ]
        return "<div>" + "".join(f"<p>{part}</p>" for part in parts) + "</div>"


def _html(title: str, frame: Any) -> str:
    import narwhals as nw

    table = nw.from_native(frame, eager_only=True).head(10)
    rows: list[Sequence[Any]] = [table.columns, *table.iter_rows()]
    cells = ("".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows)
    return f"{escape(title)}<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def past_purchases(history: History, item_ids: pa.Array) -> pa.Table:
    """Give what one customer bought: `item_id, first_date, last_date, days`, latest first."""
    by = np.lexsort((history.item, -history.last_day))
    return to_table(
        {
            "item_id": take(item_ids, history.item[by]),
            "first_date": dates(history.first_day[by]),
            "last_date": dates(history.last_day[by]),
            "days": history.count[by],
        }
    )


def running_rules(
    history: History, sources: Sources, item: int, item_ids: pa.Array, category_names: pa.Array
) -> pa.Table:
    """Give the strongest rule of each level that runs for one customer towards `item`."""
    names, rows = [], []
    for links in sources.links:
        fired = running(history, links, horizon_days=sources.horizon_days, category=sources.items.category)
        goal = int(sources.items.category[item]) if links.by_category else item
        ids = category_names if links.by_category else item_ids
        for at in np.flatnonzero(fired.consequent == goal):
            rule = fired.rule[at]
            names.append(
                [str(name) for name in take(ids, np.array([links.antecedent[rule], goal])).to_pylist()]
            )
            rows.append(
                (
                    fired.day[at],
                    links.exposed[rule],
                    links.followed[rule],
                    links.confidence[rule],
                    fired.hazard[at],
                )
            )
    day, exposed, followed, confidence, hazard = np.array(rows, np.float64).reshape(-1, 5).T
    return to_table(
        {
            "antecedent": pa.array([one for one, _ in names], pa.string()),
            "consequent": pa.array([two for _, two in names], pa.string()),
            "bought_on": dates(day),
            "exposed": exposed.astype(np.int64),
            "followed": followed.astype(np.int64),
            "confidence": confidence,
            "chance": -np.expm1(-hazard),
        }
    )
