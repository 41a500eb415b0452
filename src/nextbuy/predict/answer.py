"""What a fitted model answers from, and how: all that a process needs which answers some of the customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.orders.table import codes_of
from nextbuy.predict.candidates import new_candidates, repeat_candidates
from nextbuy.predict.evidence import gather_evidence
from nextbuy.predict.history import Timeline
from nextbuy.predict.needs import Needs
from nextbuy.predict.table import Ranking, as_rows, as_table, prediction_columns, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from nextbuy.mining.exposures import Purchases
    from nextbuy.predict.crowd import Crowd
    from nextbuy.predict.history import History
    from nextbuy.predict.labels import Labels
    from nextbuy.predict.learning import Learned


@dataclass(frozen=True)
class Answers:
    """Answers for histories that are handed over: what was learned, without the purchases it was learned from."""

    learned: Learned
    crowd: Crowd
    labels: Labels
    window_days: int
    language: str

    def block(
        self, events: Purchases, customer_ids: pa.Array, *, cut: int, as_dicts: bool, **asked: Any
    ) -> Any:
        """Answer what was asked (see `rank`) for a block of customers: an arrow table, or a list of dicts."""
        history = Timeline.of(events).before(cut)
        columns = self.columns(history, customer_ids, self.rank(history, **asked))
        if as_dicts:
            return as_rows(columns)
        return as_table(columns, customer_ids=customer_ids, item_ids=self.labels.item_ids)

    def rank(
        self,
        history: History,
        *,
        items: Sequence[Any] | None,
        exclude: Sequence[Any] | None,
        kind: str,
        level: str,
        k: int,
    ) -> Ranking:
        """Rank the candidates of every customer; see `NextPurchase.predict` for what is asked."""
        ids = self.labels.item_ids
        allowed = np.ones(len(ids), dtype=bool)
        asked = np.zeros(0, np.int64)
        if items is not None:
            asked = codes_of(ids, list(items))
            asked = np.unique(asked[asked >= 0])
            allowed[:] = False
            allowed[asked] = True
        if exclude is not None:
            allowed[(codes := codes_of(ids, list(exclude)))[codes >= 0]] = False
        learned, made = self.learned, []
        if kind != "new":
            made.append((repeat_candidates(history, learned.sources), learned.repeat))
        if kind != "repeat" or level == "category":
            made.append((new_candidates(history, learned.sources, also=asked), learned.new))
        needs = Needs(history, learned.sources.items.category)
        return rank([(c, head.probability(c)) for c, head in made], allowed, needs, k, kind=kind, level=level)

    def columns(self, history: History, customer_ids: pa.Array, ranking: Ranking) -> dict[str, Any]:
        """Put evidence, windows and reasons to the rows of a ranking."""
        return prediction_columns(
            ranking,
            gather_evidence(history, self.learned.sources, self.crowd, ranking),
            customers=customer_ids.to_pylist(),
            labels=self.labels,
            window_days=self.window_days,
            language=self.language,
        )
