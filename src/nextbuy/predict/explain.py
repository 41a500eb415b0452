"""Why one customer is, or is not, expected to buy one item."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders.frames import dates, take, to_frame, to_table
from nextbuy.predict.candidates import new_candidates, repeat_candidates
from nextbuy.predict.history import Timeline
from nextbuy.predict.learning import every_nth
from nextbuy.predict.reasons import Words
from nextbuy.predict.shares import AVERAGE, source_shares
from nextbuy.predict.triggers import running

if TYPE_CHECKING:
    from nextbuy.mining.exposures import Purchases
    from nextbuy.predict.candidates import Sources
    from nextbuy.predict.history import History
    from nextbuy.predict.learning import Learned
    from nextbuy.predict.table import Ranking

SHOWN = 5
OTHERS = 50  # customers whose candidates an explanation is compared with


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
        source adds to that or takes from it (repurchase, sequence, similar_customers, popular, activity; order: the
        place among the customer's candidates), largest first; the `adds` sum to the probability, `share` is the part
        of it.
    rules : frame
        `antecedent, consequent, bought_on, exposed, followed, confidence, chance`: sequential rules that are running
        for this customer towards the item or its category, with the chance each gives within the horizon.
    purchases : frame
        `item_id, first_date, last_date, days`: what the customer bought before as_of, latest first.
    language : str
        Of the text and the HTML.
    """

    customer_id: Any
    item_id: Any
    probability: float
    horizon_days: int
    reason: str
    sources: Any
    rules: Any
    purchases: Any

    language: str = "en"

    def __str__(self) -> str:
        words = Words(self.language)
        points = (f"  {words('adds', points=p)}  {name}" for name, p in self._points(words))
        rules = self._rules(words) or [words("none")]
        bought = ", ".join(self._bought(words)) or words("none")
        lines = [
            f"{self._head(words)} {self.reason}",
            f"{words('sources')}:",
            *points,
            f"{words('rules')}:",
            *(f"  {rule}" for rule in rules),
            f"{words('purchases')}: {bought}",
        ]
        return "\n".join(lines)

    def _head(self, words: Words) -> str:
        chance = words.share(self.probability)
        return words(
            "head", customer=self.customer_id, item=self.item_id, chance=chance, horizon=self.horizon_days
        )

    def _points(self, words: Words) -> list[tuple[str, str]]:
        return [(words.source(row["source"]), f"{100 * row['adds']:+6.1f}") for row in _rows(self.sources)]

    def _rules(self, words: Words) -> list[str]:
        return [
            words(
                "rule",
                antecedent=row["antecedent"],
                date=f"{row['bought_on']:%Y-%m-%d}",
                consequent=row["consequent"],
                followed=words.whole(row["followed"]),
                exposed=words.whole(row["exposed"]),
                chance=words.share(row["chance"]),
                horizon=self.horizon_days,
            )
            for row in _rows(self.rules)
        ]

    def _bought(self, words: Words) -> list[str]:
        rows = _rows(self.purchases)
        shown = [
            words(
                "days" if r["days"] > 1 else "day",
                item=r["item_id"],
                date=f"{r['last_date']:%Y-%m-%d}",
                days=r["days"],
            )
            for r in rows[:SHOWN]
        ]
        return shown + ([words("more", more=words.whole(len(rows) - SHOWN))] if len(rows) > SHOWN else [])

    def _repr_html_(self) -> str:
        words = Words(self.language)
        most = max((abs(row["adds"]) for row in _rows(self.sources)), default=1) or 1
        bars = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{words('adds', points=points)}</td>"
            f"<td style='text-align:left'><div style='height:.7em;width:{9 * abs(row['adds']) / most:.2f}em;"
            f"background:{'#1f5f8b' if row['adds'] >= 0 else '#b03a2e'}'></div></td></tr>"
            for (name, points), row in zip(self._points(words), _rows(self.sources), strict=True)
        )
        parts = [
            f"<b>{escape(self._head(words))}</b>",
            escape(self.reason),
            f"{words('sources')}<table>{bars}</table>",
            _list(words("rules"), self._rules(words) or [words("none")]),
            _list(words("purchases"), self._bought(words) or [words("none")]),
        ]
        return "<div>" + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def _rows(frame: Any) -> list[dict[str, Any]]:
    import narwhals as nw

    rows: list[dict[str, Any]] = nw.from_native(frame, eager_only=True).rows(named=True)
    return rows


def _list(title: str, lines: list[str]) -> str:
    return f"{title}<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def explanation(
    ids: tuple[Any, Any],
    row: dict[str, Any],
    ranking: Ranking,
    learned: Learned,
    known: tuple[History, Purchases],
    names: tuple[pa.Array, pa.Array],
    *,
    backend: str,
    language: str,
) -> Explanation:
    """Explain the only row of `ranking`, which became `row` of the table.

    `known` is the customer's own history, and everybody's events; `names` the ids of items and the
    names of categories.
    """
    (history, events), (item_ids, category_names) = known, names
    part = next(part for part in ranking.parts if len(part.rows))
    item = int(part.candidates.item[part.rows[0]])
    few = Timeline.of(events.of_customers(every_nth(events.n_customers, OTHERS)))
    others = few.before(history.cut)
    sources = learned.sources
    repeat = part.candidates.pair[part.rows[0]] >= 0
    head, made = (learned.repeat, repeat_candidates) if repeat else (learned.new, new_candidates)
    chance, average = row["probability"], made(others, sources)
    adds = source_shares(head, part.candidates, int(part.rows[0]), average, probability=chance)
    order = sorted(adds, key=lambda name: (name != AVERAGE, -abs(adds[name])))
    shares = to_table(
        {
            "source": pa.array(order, pa.string()),
            "adds": np.array([adds[name] for name in order]),
            "share": np.array([adds[name] / max(row["probability"], 1e-12) for name in order]),
        }
    )
    rules = running_rules(history, sources, item, item_ids, category_names)
    return Explanation(
        *ids,
        row["probability"],
        sources.horizon_days,
        row["reason"],
        sources=to_frame(shares, backend),
        rules=to_frame(rules, backend),
        purchases=to_frame(past_purchases(history, item_ids), backend),
        language=language,
    )


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
