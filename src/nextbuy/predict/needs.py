"""Categories as needs: of several items that serve one, any may be bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.predict.history import History


@dataclass(frozen=True)
class Needs:
    """Which categories the customers of a history have bought from.

    Attributes
    ----------
    history : History
    category : (items,) ndarray of int32
        Code of each item's category; -1: none, the item stands for itself.
    """

    history: History
    category: NDArray[np.int32]

    @property
    def some(self) -> bool:
        """Whether there are categories at all."""
        return bool((self.category >= 0).any())

    def met(
        self, customer: NDArray[np.int64], item: NDArray[np.int64], probability: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Give each row's chance that anything of its category is bought, as far as the rows tell.

        Returns
        -------
        ndarray of float64
            1 - the product of (1 - probability) over the customer's rows of the category.
        ndarray of bool
            The rows that stand for their category: the likeliest of each customer and category.
        ndarray of bool
            Whether the customer has bought from the category before.
        """
        none = np.arange(len(self.category)) + self.category.max(initial=-1) + 1
        group = np.where(self.category >= 0, self.category, none).astype(np.int64)
        groups = int(group.max(initial=0)) + 1
        owned = self.history.customer.astype(np.int64) * groups + group[self.history.item]
        key = customer * groups + group[item]
        by = np.lexsort((item, -probability, key))
        new = np.ones(len(by), dtype=bool)
        new[1:] = key[by][1:] != key[by][:-1]
        likeliest = np.zeros(len(by), dtype=bool)
        likeliest[by] = new
        place = np.empty(len(by), np.int64)
        place[by] = np.cumsum(new) - 1
        missed = np.bincount(place, np.log1p(-np.minimum(probability, 1 - 1e-12)))
        return -np.expm1(missed[place]), likeliest, np.isin(key, owned)
