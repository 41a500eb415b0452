"""From probabilities to the rows a user reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders.frames import dates, to_table
from nextbuy.orders.lines import changes, highest_first
from nextbuy.predict.features import place_within
from nextbuy.predict.reasons import reason_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates
    from nextbuy.predict.evidence import Evidence
    from nextbuy.predict.labels import Labels
    from nextbuy.predict.needs import Needs

COLUMNS = [
    "customer_id",
    "item_id",
    "kind",
    "rank",
    "probability",
    "window_start",
    "best_date",
    "window_end",
    "window_status",
    "timing_signal",
    "source",
    "trigger_item_id",
    "trigger_date",
    "evidence_exposed",
    "evidence_followed",
    "confidence",
    "confidence_low",
    "confidence_high",
    "lag_p10",
    "lag_p50",
    "lag_p90",
    "reason_code",
    "reason",
]
DAYS = ("window_start", "best_date", "window_end", "trigger_date")
LAGS = ("lag_p10", "lag_p50", "lag_p90")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Ranked:
    """Rows of one head that made it: where they stand in `candidates`, and at which places of the answer."""

    candidates: Candidates
    rows: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """The rows of an answer, by customer and rank (from 1), and the heads that they come from.

    `probability` is of the item, or of its category where that was asked for; `own` is always of the item.
    """

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    probability: NDArray[np.float64]
    own: NDArray[np.float64]
    rank: NDArray[np.int64]
    repeat: NDArray[np.bool_]
    parts: tuple[Ranked, ...]


def rank(
    heads: list[tuple[Candidates, NDArray[np.float64]]],
    allowed: NDArray[np.bool_],
    needs: Needs,
    k: int,
    *,
    kind: str,
    level: str,
) -> Ranking:
    """Rank the allowed candidates of all heads together and keep `k` a customer.

    The likeliest come first. Among new items, the likeliest of a category that the customer never bought from stands
    where the category's chance puts it: five mirrors are one idea, each with a fifth of its chance. Ties go to the
    repeat, then to the item sold more (the lower code). At level "category" each category has one row.
    """
    head = np.repeat(np.arange(len(heads)), [len(p) for _, p in heads])
    row = np.concatenate([np.arange(len(p)) for _, p in heads])
    customer, item, own = (
        np.concatenate(parts) for parts in zip(*((c.customer, c.item, p) for c, p in heads), strict=True)
    )
    use = np.flatnonzero(allowed[item]) if len(item) else np.zeros(0, np.int64)
    probability = own.copy()
    key = own
    if level == "category" or (kind == "new" and needs.some):
        chance, likeliest, owned = needs.met(customer[use], item[use], own[use])
        if level == "category":
            wanted = {"all": likeliest, "new": likeliest & ~owned, "repeat": likeliest & owned}[kind]
            probability[use] = chance
            use, key = use[wanted], probability
        else:
            key = own.copy()
            key[use] = np.where(likeliest & ~owned, chance, own[use])
    by = use[highest_first(customer[use], key[use], head[use], item[use])]
    place = place_within(changes(customer[by])) + 1
    first = place <= k
    by, place = by[first], place[first]
    parts = []
    for number, (candidates, _) in enumerate(heads):
        mine = np.flatnonzero(head[by] == number)
        parts.append(Ranked(candidates, row[by[mine]], mine))
    repeat = np.zeros(len(by), dtype=bool)
    for part in parts:
        repeat[part.places] = part.candidates.pair[part.rows] >= 0
    return Ranking(customer[by], item[by], probability[by], own[by], place, repeat, tuple(parts))


def prediction_columns(
    ranking: Ranking, e: Evidence, *, customers: list[Any], labels: Labels, window_days: int, language: str
) -> dict[str, Any]:
    """Put the columns of a prediction together, ids and texts included; days are counted since 1970-01-01."""
    item, trigger, consequent = (codes.tolist() for codes in (ranking.item, e.trigger, e.consequent))
    by_category = e.trigger_is_category.tolist()
    names, categories = labels.names, labels.categories
    triggers = list(zip(trigger, by_category, strict=True))
    trigger_day = _dates(e.trigger_day)
    facts = [
        {
            "trigger": None if t < 0 else categories[t] if in_category else names[t],
            "date": day,
            "followed": followed,
            "exposed": exposed,
            "share": share,
            "item": names[i],
            "follower": categories[next_one] if in_category else names[i],
            "window": window_days,
            "lag_p50": lag,
        }
        for (t, in_category), day, followed, exposed, share, i, next_one, lag in zip(
            triggers,
            trigger_day,
            e.followed.tolist(),
            e.exposed.tolist(),
            e.confidence.tolist(),
            item,
            consequent,
            e.lag_p50.tolist(),
            strict=True,
        )
    ]
    codes = e.reason_code.tolist()
    return {
        "customer_id": [customers[c] for c in ranking.customer.tolist()],
        "item_id": [labels.items[i] for i in item],
        "kind": ["repeat" if again else "new" for again in ranking.repeat.tolist()],
        "rank": ranking.rank,
        "probability": ranking.probability,
        "window_start": e.window_start,
        "best_date": e.best_date,
        "window_end": e.window_end,
        "window_status": e.window_status.tolist(),
        "timing_signal": e.timing_signal.tolist(),
        "source": e.source.tolist(),
        # text, whatever the items' ids are: a trigger can be a category
        "trigger_item_id": [
            None if t < 0 else categories[t] if in_category else labels.texts[t]
            for t, in_category in triggers
        ],
        "trigger_date": e.trigger_day,
        "evidence_exposed": e.exposed,
        "evidence_followed": e.followed,
        "confidence": e.confidence,
        "confidence_low": e.confidence_low,
        "confidence_high": e.confidence_high,
        "lag_p10": e.lag_p10,
        "lag_p50": e.lag_p50,
        "lag_p90": e.lag_p90,
        "reason_code": codes,
        "reason": reason_texts(codes, facts, language=language),
    }


def as_table(columns: dict[str, Any], *, customer_ids: pa.Array, item_ids: pa.Array) -> pa.Table:
    """Make a table of columns, the ids of the types that they have there."""
    ids = {"customer_id": customer_ids.type, "item_id": item_ids.type}
    made = dict(columns)
    for name, values in columns.items():
        if name in DAYS:
            made[name] = dates(values)
        elif name in LAGS:
            made[name] = pa.array(values, from_pandas=True)
        elif isinstance(values, list):
            made[name] = pa.array(values, ids.get(name, pa.string()))
    return to_table(made)


def as_rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Make a dict of each row: days are dates, what is unknown is None."""
    made: list[list[Any]] = []
    for name, values in columns.items():
        if name in DAYS:
            made.append(_dates(values))
        elif name in LAGS:
            made.append([None if value != value else value for value in values.tolist()])  # noqa: PLR0124 - NaN
        else:
            made.append(values if isinstance(values, list) else values.tolist())
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*made, strict=True)]


def _dates(days: NDArray[np.float64]) -> list[date | None]:
    """Give days since 1970-01-01 as dates; NaN is none."""
    return [date.fromordinal(_EPOCH + int(day)) if day == day else None for day in days.tolist()]  # noqa: PLR0124 - NaN
