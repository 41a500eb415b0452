"""Why one customer is, or is not, expected to buy one item."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


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
