"""What all baselines share that score every item for every customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from nextbuy.evaluate.baselines.baseline import Baseline, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nextbuy.evaluate.baselines.asked import Asked
    from nextbuy.predict.history import History


class Scored(Baseline):
    """Ranks by a score for each customer and item; what scores nothing comes last, by popularity.

    The scores are no probabilities: `probability` is empty.
    """

    def _profile(self, h: History) -> Any:
        """Give what the scores need of the customers' own histories."""
        raise NotImplementedError

    def _scores(self, asked: Asked, profile: Any, start: int, stop: int) -> NDArray[np.float64]:
        """Score the customers from `start` to before `stop`: dense (customers, items)."""
        raise NotImplementedError

    def _ranked(
        self, asked: Asked, allowed: NDArray[np.bool_], kind: str, k: int
    ) -> Iterator[tuple[NDArray, ...]]:
        n = asked.history.n_items
        last = np.empty(n)
        last[self.popular_] = -np.arange(n) - 1.0  # below any score
        most, profile = min(k, n), self._profile(asked.history)
        for start, stop, owned in blocks(asked.history):
            score = self._scores(asked, profile, start, stop)
            score = np.where(score > 0, score, last)
            score[:, ~allowed] = -np.inf
            if kind != "all":
                score[owned == (kind == "new")] = -np.inf
            top = np.argpartition(-score, most - 1, axis=1)[:, :most]
            value = np.take_along_axis(score, top, 1)
            by = np.lexsort((top, -value), axis=1)
            top, value = np.take_along_axis(top, by, 1), np.take_along_axis(value, by, 1)
            line, place = np.nonzero(value > -np.inf)
            item = top[line, place]
            yield line + start, item, owned[line, item], np.full(len(line), np.nan)


def visits(h: History) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many order days the customer of each event has, and the number of each event's day."""
    return h.customers.visits[h.events.customer], h.visit.astype(np.int64)


def by_event(h: History, weight: NDArray[np.float64]) -> sparse.csr_array:
    """Sum a weight of each event: customers by items."""
    return sparse.csr_array((weight, (h.events.customer, h.events.item)), shape=(h.n_customers, h.n_items))
