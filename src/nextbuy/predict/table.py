"""From probabilities to the rows a user reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.orders.frames import dates, take, to_table
from nextbuy.predict.reasons import reason_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.candidates import Candidates
    from nextbuy.predict.evidence import Evidence

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


@dataclass(frozen=True)
class Ranked:
    """Rows of one head that made it: where they stand in `candidates`, their probability and rank (from 1)."""

    candidates: Candidates
    rows: NDArray[np.int64]
    probability: NDArray[np.float64]
    rank: NDArray[np.int64]

    @property
    def customer(self) -> NDArray[np.int64]:
        """Code of each row's customer."""
        return self.candidates.customer[self.rows]


def rank(
    heads: list[tuple[Candidates, NDArray[np.float64]]], allowed: NDArray[np.bool_], k: int
) -> list[Ranked]:
    """Rank the allowed candidates of all heads together, highest probability first, and keep `k` a customer.

    Ties go to the repeat, then to the item sold more (the lower code).
    """
    head = np.concatenate([np.full(len(p), number) for number, (_, p) in enumerate(heads)])
    row = np.concatenate([np.arange(len(p)) for _, p in heads])
    customer, item, probability = (
        np.concatenate(parts) for parts in zip(*((c.customer, c.item, p) for c, p in heads), strict=True)
    )
    use = np.flatnonzero(allowed[item]) if len(item) else np.zeros(0, np.int64)
    by = use[np.lexsort((item[use], head[use], -probability[use], customer[use]))]
    new = np.ones(len(by), dtype=bool)
    new[1:] = customer[by][1:] != customer[by][:-1]
    starts = np.flatnonzero(new)
    place = np.arange(len(by)) - np.repeat(starts, np.diff(np.append(starts, len(by)))) + 1
    by, place = by[place <= k], place[place <= k]
    out = []
    for number, (candidates, p) in enumerate(heads):
        mine = head[by] == number
        rows = row[by[mine]]
        out.append(Ranked(candidates, rows, p[rows], place[mine]))
    return out


def prediction_columns(
    part: Ranked,
    e: Evidence,
    *,
    customer_ids: pa.Array,
    item_ids: pa.Array,
    item_names: pa.Array,
    category_names: pa.Array,
    window_days: int,
    language: str,
) -> pa.Table:
    """Put the columns of a prediction together, ids and texts included."""
    item = part.candidates.item[part.rows]
    repeat = part.candidates.pair[part.rows] >= 0
    as_item = np.where(e.trigger_is_category, -1, e.trigger)
    as_category = np.where(e.trigger_is_category, e.trigger, -1)
    # both heads give one type, whatever their rows: ids as they are, text where a trigger can be a category
    own_ids = item_ids.cast(pa.string()) if len(category_names) else item_ids
    trigger_id = _either(take(own_ids, as_item), take(category_names, as_category), e.trigger_is_category)
    trigger_name = _either(
        take(item_names, as_item), take(category_names, as_category), e.trigger_is_category
    )
    follower = _either(take(item_names, item), take(category_names, e.consequent), e.trigger_is_category)
    trigger_date = dates(e.trigger_day)
    facts = [
        {
            "trigger": trigger,
            "date": day.date() if day is not None else None,
            "followed": followed,
            "exposed": exposed,
            "share": share,
            "item": name,
            "follower": next_name,
            "window": window_days,
            "lag_p50": lag,
        }
        for trigger, day, followed, exposed, share, name, next_name, lag in zip(
            trigger_name.to_pylist(),
            trigger_date.to_pylist(),
            e.followed.tolist(),
            e.exposed.tolist(),
            e.confidence.tolist(),
            take(item_names, item).to_pylist(),
            follower.to_pylist(),
            e.lag_p50.tolist(),
            strict=True,
        )
    ]
    return to_table(
        {
            "customer_id": take(customer_ids, part.customer),
            "item_id": take(item_ids, item),
            "kind": pa.array(np.where(repeat, "repeat", "new").tolist(), pa.string()),
            "rank": part.rank,
            "probability": part.probability,
            "window_start": dates(e.window_start),
            "best_date": dates(e.best_date),
            "window_end": dates(e.window_end),
            "window_status": pa.array(e.window_status.tolist(), pa.string()),
            "timing_signal": pa.array(e.timing_signal.tolist(), pa.string()),
            "source": pa.array(e.source.tolist(), pa.string()),
            "trigger_item_id": trigger_id,
            "trigger_date": trigger_date,
            "evidence_exposed": e.exposed,
            "evidence_followed": e.followed,
            "confidence": e.confidence,
            "confidence_low": e.confidence_low,
            "confidence_high": e.confidence_high,
            "lag_p10": pa.array(e.lag_p10, from_pandas=True),
            "lag_p50": pa.array(e.lag_p50, from_pandas=True),
            "lag_p90": pa.array(e.lag_p90, from_pandas=True),
            "reason_code": pa.array(e.reason_code.tolist(), pa.string()),
            "reason": pa.array(reason_texts(e.reason_code.tolist(), facts, language=language), pa.string()),
        }
    )


def _either(items: pa.Array, categories: pa.Array, is_category: NDArray[np.bool_]) -> pa.Array:
    """Item ids where a category is not meant; all as text, since the names of categories are."""
    return pc.if_else(pa.array(is_category), categories.cast(pa.string()), items.cast(pa.string()))
