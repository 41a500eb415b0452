"""What a model must beat: rankings that need no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from nextbuy.mining.exposures import purchases
from nextbuy.mining.parameters import check_whole
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import take, to_frame
from nextbuy.orders.table import Orders, check_orders
from nextbuy.predict.history import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History

BLOCK = 512


class Popularity(BaseEstimator):
    """Everybody gets what most customers bought.

    Parameters
    ----------
    horizon_days : int, default 30
        The probability is of buying within so many days.
    recent_days : int or None, default None
        Count only so many last days; None: the whole history.

    Examples
    --------
    >>> import nextbuy as nb
    >>> sample = nb.datasets.load_sample()
    >>> orders = nb.read_orders(sample.orders)
    >>> top = nb.evaluate.Popularity().fit(orders).predict(k=3)
    >>> list(top.columns)
    ['customer_id', 'item_id', 'kind', 'rank', 'probability']
    """

    def __init__(self, *, horizon_days: int = 30, recent_days: int | None = None) -> None:
        self.horizon_days = horizon_days
        self.recent_days = recent_days

    def fit(self, orders: Orders, y: object = None, *, as_of: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Count what was bought before `as_of` (default: ever)."""
        self._check(orders)
        orders = orders if as_of is None else orders.before(as_of)
        if not len(orders):
            raise InputError(f"There is no order to learn from before as_of={str(as_of)!r}.")
        events = purchases(orders)
        self._history = Timeline.of(events).before(events.end)
        self.item_ids_, self.customer_ids_, self.backend_ = (
            orders.item_ids,
            orders.customer_ids,
            orders.backend,
        )
        h = self._history
        days = self.recent_days or h.cut - h.events.start
        bought = h.bought_by(days)
        self.popular_ = np.argsort(-bought, kind="stable")
        self.chance_ = -np.expm1(-bought / max(h.n_customers, 1) * self.horizon_days / days)
        return self

    def _check(self, orders: Orders) -> None:
        check_orders(orders, need="Predictions need to know who bought")
        for name in ("horizon_days", "recent_days"):
            value = getattr(self, name)
            if value is None and name == "recent_days":
                continue
            check_whole(name, value, least=1)

    def predict(self, *, kind: str = "all", k: int = 10) -> Any:
        """Rank for every customer; columns `customer_id, item_id, kind, rank, probability`."""
        check_is_fitted(self, "chance_")
        if kind not in ("all", "new", "repeat"):
            raise InputError(f"kind={kind!r} is not known. Try kind='all', 'new' or 'repeat'.")
        check_whole("k", k, least=1)
        customer, item, repeat, chance = self._ranked(kind, k)
        rank = np.arange(len(customer)) - np.searchsorted(customer, customer) + 1
        keep = rank <= k
        return to_frame(
            {
                "customer_id": take(self.customer_ids_, customer[keep]),
                "item_id": take(self.item_ids_, item[keep]),
                "kind": pa.array(np.where(repeat[keep], "repeat", "new").tolist(), pa.string()),
                "rank": rank[keep],
                "probability": pa.array(chance[keep], from_pandas=True),
            },
            self.backend_,
        )

    def _ranked(self, kind: str, k: int) -> tuple[NDArray, ...]:
        """Customer, item, whether bought before, and chance of what is listed, best first within a customer."""
        h = self._history
        owned, own_key, own_chance = self._own(h)
        parts: list[tuple[NDArray, ...]] = []
        offsets = np.searchsorted(h.customer, np.arange(h.n_customers + 1))
        for start in range(0, h.n_customers, BLOCK):
            stop = min(start + BLOCK, h.n_customers)
            rows = slice(offsets[start], offsets[stop])
            here = np.zeros((stop - start, h.n_items), dtype=bool)
            here[h.customer[rows] - start, h.item[rows]] = True
            if owned or kind == "repeat":  # own items first, then what is popular among the rest
                by = np.lexsort((-own_key[rows], h.customer[rows]))
                parts.append(
                    (
                        h.customer[rows][by],
                        h.item[rows][by],
                        np.ones(len(by), dtype=bool),
                        own_chance[rows][by],
                    )
                )
            if kind != "repeat":
                free = ~here if owned or kind == "new" else np.ones_like(here)
                free = free[:, self.popular_]
                line, place = np.nonzero(free & (np.cumsum(free, axis=1) <= k))
                item = self.popular_[place]
                parts.append((line + start, item, here[line, item], self.chance_[item]))
        customer, item, repeat, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        if kind == "new":
            customer, item, repeat, chance = (c[~repeat] for c in (customer, item, repeat, chance))
        by = np.argsort(customer, kind="stable")
        customer, item, repeat, chance = (c[by] for c in (customer, item, repeat, chance))
        return customer, item, repeat, chance

    def _own(self, h: History) -> tuple[bool, NDArray[np.float64], NDArray[np.float64]]:
        """Whether own items come first, what ranks them, and their probability: here popularity."""
        return False, self.chance_[h.item], self.chance_[h.item]


class PersonalFrequency(Popularity):
    """Everybody gets what they bought on most days, then what is popular; ties go to what was bought last.

    Parameters
    ----------
    horizon_days : int, default 30
    recent_days : int or None, default None
        For the popular items that fill up the list.
    """

    def _own(self, h: History) -> tuple[bool, NDArray[np.float64], NDArray[np.float64]]:
        rate = h.count / np.maximum(h.cut - h.first_day, 30)
        return True, h.count + h.last_day / (h.cut + 1.0), -np.expm1(-rate * self.horizon_days)
