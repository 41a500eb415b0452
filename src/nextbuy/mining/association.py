"""Association rules: what goes with what in one basket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from nextbuy.mining import baskets as basket_lists
from nextbuy.mining.baskets import Baskets
from nextbuy.mining.completion import Completion
from nextbuy.mining.itemsets import frequent_itemsets
from nextbuy.mining.parameters import check_share, check_whole
from nextbuy.mining.rules import generate
from nextbuy.mining.sets import Limits, Roles
from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.table import Orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


class AssociationRules(Completion):
    """Find what is bought together, and say how sure that is.

    Frequent itemsets over orders, then rules from antecedent to consequent with all measures of mlxtend, a
    shrunk lift with its lower bound, and a test. Evidence is counted in distinct customers: the orders of one
    customer are not independent. Follows scikit-learn's estimator contract without importing scikit-learn.

    Parameters
    ----------
    min_support : float, default 0.002
        Least share of the orders (of their weight, if weighted) that hold the set, above 0, at most 1.
    min_confidence : float, default 0.0
        Least confidence of a rule, 0 to 1.
    min_customers : int, default 5
        Fewest distinct customers who bought the set in one order; orders where the input has no customers.
    max_length : int or None, default 2
        Most items in antecedent and consequent together; None for any number.
    max_consequents : int, default 1
        Most items in the consequent.
    antecedents, consequents : sequence of ids or None
        Only rules of these; restricts the search itself. `itemsets_` then holds only the sets that were
        needed.
    level : str, default "item"
        "item", a column of the catalog such as "category", or "mixed": items and categories together, where
        an item and its own category never meet in a rule.
    prune : bool, default False
        Drop rules that say nothing new: `lift_low` no better than the lift of a rule with the same consequent
        and part of the antecedent.
    fdr : float or None, default None
        Keep rules with `q_value` of at most this.
    weight : {"revenue", "margin"} or None, default None
        Weigh each order by what was paid or earned for it (losses count 0, unknown prices 0): support and
        mlxtend's measures become shares of that money; orders, customers, lift_low, p and q stay counts.
    max_itemsets : int, default 5,000,000
        The search stops with an InputError above this many sets.

    Attributes
    ----------
    rules_ : frame in the orders' backend, strongest `lift_low` first
        antecedent, consequent (tuples of ids), orders, customers, support, confidence, confidence_low,
        confidence_high, lift, lift_low, p_value, q_value, antecedent support, consequent support,
        representativity, leverage, conviction, zhangs_metric, jaccard, certainty, kulczynski, lift_shrunk.
    itemsets_ : frame in the orders' backend, shorter sets first
        itemset (tuple of ids), length, orders, customers, support, closed, maximal (both among the sets
        found).
    n_orders_, n_customers_, n_itemsets_ : int

    Raises
    ------
    InputError
        Parameters out of range, unknown ids, or more itemsets than `max_itemsets`.

    References
    ----------
    See docs/association-rules.md for each column's formula and source.

    Examples
    --------
    >>> baskets = [["tiles", "grout"], ["tiles", "grout", "bucket"], ["tiles", "grout"], ["bucket"], ["nail"]]
    >>> baskets *= 10
    >>> rules = AssociationRules(min_support=0.4, min_customers=1).fit(baskets)
    >>> rules.rules_[["antecedent", "consequent", "orders", "confidence"]]
      antecedent consequent  orders  confidence
    0   (grout,)   (tiles,)      30         1.0
    1   (tiles,)   (grout,)      30         1.0
    >>> rules.complete(["grout"])[["item_id", "because"]]
      item_id   because
    0   tiles  (grout,)
    """

    def __init__(
        self,
        *,
        min_support: float = 0.002,
        min_confidence: float = 0.0,
        min_customers: int = 5,
        max_length: int | None = 2,
        max_consequents: int = 1,
        antecedents: Sequence[Any] | None = None,
        consequents: Sequence[Any] | None = None,
        level: str = "item",
        prune: bool = False,
        fdr: float | None = None,
        weight: str | None = None,
        max_itemsets: int = 5_000_000,
    ) -> None:
        self.min_support, self.min_confidence, self.min_customers = min_support, min_confidence, min_customers
        self.max_length, self.max_consequents = max_length, max_consequents
        self.antecedents, self.consequents = antecedents, consequents
        self.level, self.prune, self.fdr, self.weight = level, prune, fdr, weight
        self.max_itemsets = max_itemsets

    def fit(self, orders: Any, y: object = None) -> Self:  # noqa: ARG002 - scikit-learn passes y
        """Count and keep the frequent itemsets of `orders`.

        Parameters
        ----------
        orders : Orders, one-hot frame, list of baskets, or Baskets
            The one table of `nextbuy.read_orders`; or a frame of True/False as mlxtend takes it (pandas dense
            or sparse, polars, pyarrow, numpy, scipy sparse); or a list of lists of ids;
            or arrays of codes through `nextbuy.mining.baskets.from_codes` (frames then come as
            arrow).
        y : ignored

        Returns
        -------
        self
        """
        self._check_parameters()
        self._baskets, self._backend, self._names = self._read(orders)
        return self._mine()

    def update(self, orders: Any) -> Self:
        """Add more orders; the result is the same as one fit on all of them.

        The item lists are kept (4 bytes a line), since no smaller summary could tell which sets that were too
        rare so far become frequent. An order must come only once; customers may come again.

        Parameters
        ----------
        orders : as in `fit`, of the same kind

        Returns
        -------
        self
        """
        more, _, names = self._read(orders)
        return self._absorb(more, names)

    def merge(self, other: AssociationRules) -> Self:
        """Add what another one was fitted on: fits of parts, put together, equal one fit on the whole."""
        self._fitted()
        other._fitted()
        if other._baskets is None:
            raise InputError("The other rules were stored without their orders. Store them with get_state().")
        return self._absorb(other._baskets, other._names)

    def _absorb(self, more: Baskets, names: pa.Array | None) -> Self:
        self._fitted()
        if self._baskets is None:
            raise InputError(
                "These rules came without their orders (from_mlxtend, or get_state(with_orders=False)), so "
                "nothing can be added. Fit on all orders: AssociationRules(...).fit(orders)."
            )
        before, known = self._baskets, self._names
        self._baskets = before.merged(more)
        if known is not None and names is not None:
            import pyarrow.compute as pc

            ids, both = pa.concat_arrays([before.item_ids, more.item_ids]), pa.concat_arrays([known, names])
            self._names = both.take(pc.index_in(self._baskets.item_ids, ids))
        return self._mine()

    def _check_parameters(self) -> None:
        check_share("min_support", self.min_support, example=0.002, above_zero=True)
        check_share("min_confidence", self.min_confidence, example=0.1)
        if self.fdr is not None:
            check_share("fdr", self.fdr, example=0.05)
        check_whole("min_customers", self.min_customers, least=0)
        check_whole("max_consequents", self.max_consequents, least=1)
        check_whole("max_itemsets", self.max_itemsets, least=1)
        if self.max_length is not None:
            check_whole("max_length", self.max_length, least=1)
        if self.weight not in (None, "revenue", "margin"):
            raise InputError(f"weight={self.weight!r} is none of 'revenue', 'margin' and None.")

    def _read(self, orders: Any) -> tuple[Baskets, str, pa.Array | None]:
        if isinstance(orders, Baskets):
            return orders, "pyarrow", None
        if isinstance(orders, Orders):
            baskets = basket_lists.from_orders(orders, level=self.level, weight=self.weight)
            names = None
            if self.level == "item" and orders.catalog is not None and "name" in orders.catalog.columns:
                names = orders.catalog.column("name", baskets.item_ids)
            return baskets, orders.backend, names
        if self.level != "item" or self.weight is not None:
            raise InputError(
                f"level={self.level!r} and weight={self.weight!r} need a catalog or prices, which a one-hot "
                "frame or a list of baskets has not. Try nextbuy.read_orders(..., catalog=...)."
            )
        if isinstance(orders, (list, tuple)):
            if orders and isinstance(orders[0], str):
                raise InputError(
                    f"A list of baskets is a list of lists; found the text {orders[0]!r}. "
                    "Try fit([['tiles', 'grout'], ['tiles']])."
                )
            return basket_lists.from_lists(orders), "pandas", None
        from nextbuy.mining.mlxtend import from_onehot

        return (*from_onehot(orders), None)

    def _mine(self) -> Self:
        assert self._baskets is not None
        baskets = self._baskets
        self.n_orders_, self.n_customers_ = baskets.n_orders, baskets.n_customers
        self._total_weight = None if baskets.weight is None else float(baskets.weight.sum())
        least = _least_count(self.min_support, baskets.n_orders)
        limits = Limits(
            min_orders=least if baskets.weight is None else 1,
            min_weight=self.min_support * (self._total_weight or 0.0),
            min_customers=int(self.min_customers),
            max_length=self.max_length,
            max_itemsets=int(self.max_itemsets),
            min_support=self.min_support,
        )
        roles = self._roles(baskets.item_ids)
        self._sets = frequent_itemsets(baskets, limits=limits, roles=roles)
        self._rules = generate(
            self._sets, n_items=baskets.n_items, max_consequents=int(self.max_consequents), roles=roles
        )
        self._item_ids, self._least = baskets.item_ids, limits.min_orders
        self._cache: dict[str, Any] = {}
        return self

    def _roles(self, item_ids: pa.Array) -> Roles | None:
        if self.antecedents is None and self.consequents is None:
            return None
        both = []
        for name in ("antecedents", "consequents"):
            asked = getattr(self, name)
            if asked is None:
                both.append(np.ones(len(item_ids), bool))
                continue
            codes = basket_lists.codes(basket_lists.id_array(list(asked)), item_ids)
            unknown = [i for i, c in zip(asked, codes.tolist(), strict=True) if c < 0]
            if unknown:
                hint = nearest(unknown[0], item_ids.to_pylist())
                raise InputError(
                    f"{len(unknown)} of {len(asked)} {name} are in no order, such as {unknown[:3]}."
                    f"{f' Did you mean one of {hint}?' if hint else ''} Leave them out of {name}=[...]."
                )
            allowed = np.zeros(len(item_ids), bool)
            allowed[codes] = True
            both.append(allowed)
        return Roles(both[0], both[1], int(self.max_consequents))

    def to_mlxtend(self, *, itemsets: bool = False) -> pd.DataFrame:
        """Give the rules as mlxtend's frame (antecedents, consequents as frozensets, its twelve measures).

        With `itemsets=True` its frame of itemsets (support, itemsets). Without any rule: the same columns, no
        row.
        """
        from nextbuy.mining.mlxtend import itemsets_frame, rules_frame

        if itemsets:
            self._fitted()
            return itemsets_frame(self._sets, self._item_ids, self.n_orders_)
        table = self._scored()
        return rules_frame(self._sets, table.rules, self._item_ids, table.columns)

    @classmethod
    def from_mlxtend(cls, frame: pd.DataFrame, *, n_orders: int | None = None, **params: Any) -> Self:
        """Make fitted rules of a frame of `association_rules`, or of `fpgrowth(use_colnames=True)`.

        Parameters
        ----------
        frame : pandas.DataFrame
        n_orders : int, optional
            Rows of the one-hot frame behind it. Without it the smallest number that all supports are whole
            shares of, which never overstates the evidence.
        **params
            Parameters of the class; what they filter is filtered.

        Returns
        -------
        AssociationRules
            Without orders: `update` is not possible, customers = orders.
        """
        from nextbuy.mining.mlxtend import read_frame

        new = cls(**({"min_support": 1e-9, "min_customers": 1, "max_length": None} | params))
        new._check_parameters()
        new._sets, rules, new._item_ids, new.n_orders_ = read_frame(frame, n_orders=n_orders)
        new.n_customers_, new._total_weight, new._least = new.n_orders_, None, 1
        new._rules = rules or generate(
            new._sets,
            n_items=len(new._item_ids),
            max_consequents=int(new.max_consequents),
            roles=new._roles(new._item_ids),
        )
        new._baskets, new._backend, new._names, new._cache = None, "pandas", None, {}
        return new


def _least_count(min_support: float, n_orders: int) -> int:
    """Smallest count whose share, computed as mlxtend computes it, reaches `min_support`."""
    count = max(int(np.ceil(min_support * n_orders)) - 1, 1)
    while count / max(n_orders, 1) < min_support:
        count += 1
    return count
