"""Why one customer is, or is not, expected to buy one item."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders.frames import dates, take, to_frame, to_table
from nextbuy.predict.candidates import new_candidates, repeat_candidates
from nextbuy.predict.learning import every_nth
from nextbuy.predict.shares import AVERAGE, source_shares
from nextbuy.predict.triggers import running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.predict.candidates import Sources
    from nextbuy.predict.history import History, Timeline
    from nextbuy.predict.learning import Learned
    from nextbuy.predict.table import Ranked

SHOWN = 5
OTHERS = 50  # customers whose candidates an explanation is compared with
WORDS = {
    AVERAGE: "an average candidate",
    "repurchase": "own purchases of the item",
    "sequence": "rules that run",
    "similar_customers": "similar customers, own taste",
    "popular": "how the item sells",
    "activity": "how active the customer is",
}


@dataclass(frozen=True)
class Explanation:
    """What speaks for one prediction; `print` shows it as text, a notebook as HTML.

    Attributes
    ----------
    customer_id, item_id : the ids asked for
    probability : float
        Of buying within the horizon.
    horizon_days : int
    reason : str
        The sentence of the prediction.
    sources : frame
        `source, adds, share`: what an average candidate of the same kind has (average_candidate), and what each
        source adds to that or takes from it (repurchase, sequence, similar_customers, popular, activity), largest
        first; the `adds` sum to the probability, `share` is the part of it.
    rules : frame
        `antecedent, consequent, bought_on, exposed, followed, confidence, chance`: sequential rules that are running
        for this customer towards the item or its category, with the chance each gives within the horizon.
    purchases : frame
        `item_id, first_date, last_date, days`: what the customer bought before as_of, latest first.
    """

    customer_id: Any
    item_id: Any
    probability: float
    horizon_days: int
    reason: str
    sources: Any
    rules: Any
    purchases: Any

    def __str__(self) -> str:
        head = f"{self.customer_id}, {self.item_id}: {self.probability:.1%} within {self.horizon_days} days."
        head = f"{head} {self.reason}"
        return "\n".join([head, *self._sources(), *self._rules(), *self._purchases()])

    def _sources(self) -> list[str]:
        points = (f"  {100 * r['adds']:+6.1f} points  {WORDS[r['source']]}" for r in _rows(self.sources))
        return ["Where the probability comes from:", *points]

    def _rules(self) -> list[str]:
        return [
            f"Rule: {row['antecedent']} (bought {row['bought_on']:%Y-%m-%d}), then {row['consequent']}: "
            f"{row['followed']:,} of {row['exposed']:,}; {row['chance']:.1%} within {self.horizon_days} days"
            for row in _rows(self.rules)[:SHOWN]
        ] or ["No rule is running towards it."]

    def _purchases(self) -> list[str]:
        rows = _rows(self.purchases)
        shown = [
            f"{r['item_id']} {r['last_date']:%Y-%m-%d}" + (f" ({r['days']} days)" * (r["days"] > 1))
            for r in rows
        ]
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        return ["Bought before: " + (", ".join(shown[:SHOWN]) or "nothing") + more]

    def _repr_html_(self) -> str:
        name = f"{escape(str(self.customer_id))}, {escape(str(self.item_id))}"
        head = f"<b>{name}: {self.probability:.1%} within {self.horizon_days} days</b>"
        most = max((abs(row["adds"]) for row in _rows(self.sources)), default=1) or 1
        bars = "".join(
            f"<tr><td>{WORDS[row['source']]}</td><td style='text-align:right'>{100 * row['adds']:+.1f} points</td>"
            f"<td style='text-align:left'><div style='height:.7em;width:{9 * abs(row['adds']) / most:.2f}em;"
            f"background:{'#1f5f8b' if row['adds'] >= 0 else '#b03a2e'}'></div></td></tr>"
            for row in _rows(self.sources)
        )
        parts = [
            head,
            escape(self.reason),
            f"Where the probability comes from<table>{bars}</table>",
            _html("Rules that run towards it", self.rules),
            _html("Bought before", self.purchases),
        ]
        return "<div>" + "".join(f"<p>{part}</p>" for part in parts) + "</div>"


def _rows(frame: Any) -> list[dict[str, Any]]:
    import narwhals as nw

    rows: list[dict[str, Any]] = nw.from_native(frame, eager_only=True).rows(named=True)
    return rows


def _html(title: str, frame: Any) -> str:
    rows = _rows(frame)
    if not rows:
        return f"{escape(title)}: none"
    lines: list[Sequence[Any]] = [list(rows[0]), *(list(row.values()) for row in rows[:10])]
    cells = ("".join(f"<td>{escape(_plain(value))}</td>" for value in line) for line in lines)
    return f"{escape(title)}<table>" + "".join(f"<tr>{line}</tr>" for line in cells) + "</table>"


def _plain(value: Any) -> str:
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def explanation(
    ids: tuple[Any, Any],
    row: dict[str, Any],
    ranked: Sequence[Ranked],
    learned: Learned,
    known: tuple[History, Timeline],
    names: tuple[pa.Array, pa.Array, str],
) -> Explanation:
    """Explain the only row of `ranked`, which became `row` of the table.

    `known` is the customer's own history, and everybody's timeline; `names` the ids of items, the names of
    categories, and the kind of frame.
    """
    (history, timeline), (item_ids, category_names, backend) = known, names
    part = next(part for part in ranked if len(part.rows))
    item = int(part.candidates.item[part.rows[0]])
    few = timeline.of_customers(every_nth(timeline.events.n_customers, OTHERS))
    others = few.before(history.cut)
    sources = learned.sources
    repeat = part.candidates.pair[part.rows[0]] >= 0
    head, made = (learned.repeat, repeat_candidates) if repeat else (learned.new, new_candidates)
    adds = source_shares(head, part.candidates, int(part.rows[0]), made(others, sources))
    order = sorted(adds, key=lambda name: (name != AVERAGE, -abs(adds[name])))
    shares = to_table(
        {
            "source": pa.array(order, pa.string()),
            "adds": np.array([adds[name] for name in order]),
            "share": np.array([adds[name] / max(row["probability"], 1e-12) for name in order]),
        }
    )
    tables = (
        shares,
        running_rules(history, sources, item, item_ids, category_names),
        past_purchases(history, item_ids),
    )
    frames = (to_frame(table, backend) for table in tables)
    return Explanation(*ids, row["probability"], sources.horizon_days, row["reason"], *frames)


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
