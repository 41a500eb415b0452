"""To and from mlxtend: one-hot frames in, frames of frozensets both ways."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.mining.baskets import Baskets, from_codes, id_array
from nextbuy.mining.measures import MLXTEND
from nextbuy.mining.rules import Rules
from nextbuy.mining.sets import Itemsets
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

MOST_ORDERS = 1_000_000_000


def from_onehot(frame: Any) -> tuple[Baskets, str]:
    """Make baskets from a one-hot frame: a row an order, a column an item, True or 1 where it is held.

    Parameters
    ----------
    frame : pandas (dense or sparse), polars or pyarrow frame, numpy array or scipy sparse matrix
        Values True, False, 1, 0. Sparse ones stay sparse. Without column names items are numbered from 0.

    Returns
    -------
    baskets : Baskets
        Orders without customers; empty rows count as orders.
    backend : str
        The kind of frame that came.

    Raises
    ------
    InputError
        Other values than these, with the first column and row; missing values.
    """
    backend = "pandas"
    if isinstance(frame, np.ndarray):
        names, rows, columns, shape = (
            list(range(frame.shape[1])),
            *_dense(frame, list(range(frame.shape[1]))),
            frame.shape,
        )
    elif hasattr(frame, "tocoo"):
        names, shape = list(range(frame.shape[1])), frame.shape
        rows, columns = _sparse(frame, names)
    elif hasattr(frame, "sparse"):
        names, shape = list(frame.columns), frame.shape
        rows, columns = (
            _sparse(frame.sparse.to_coo(), names) if frame.size else _dense(frame.to_numpy(), names)
        )
    else:
        import narwhals as nw

        known = nw.from_native(frame, eager_only=True)
        backend = {"polars": "polars", "pyarrow": "pyarrow"}.get(known.implementation.value, "pandas")
        names, shape = list(frame.columns if backend == "pandas" else known.columns), known.shape
        rows, columns = _dense(frame.to_numpy() if backend == "pandas" else known.to_numpy(), names)
    ids = id_array([n.item() if isinstance(n, np.generic) else n for n in names])
    return from_codes(rows, columns, item_ids=ids, n_orders=shape[0]), backend


def _dense(values: NDArray, names: Any) -> tuple[NDArray, NDArray]:
    if values.dtype != bool:
        with np.errstate(invalid="ignore"):
            wrong = ~((values == 0) | (values == 1))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            _refuse(list(names)[column], row, values[row, column], int(wrong.sum()))
        values = values == 1
    rows, columns = np.nonzero(values)
    return rows, columns


def _sparse(matrix: Any, names: Any) -> tuple[NDArray, NDArray]:
    coo = matrix.tocoo()
    wrong = (coo.data != 0) & (coo.data != 1)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        _refuse(list(names)[coo.col[at]], coo.row[at], coo.data[at], int(wrong.sum()))
    held = coo.data != 0
    return coo.row[held], coo.col[held]


def _refuse(column: Any, row: int, value: Any, count: int) -> None:
    raise InputError(
        f"A one-hot frame holds only True, False, 1 and 0; {count:,} values are not, the first in column "
        f"{column!r}, row {row}: {value!r}. For missing values use frame.fillna(False); for order lines use "
        "nextbuy.read_orders(frame)."
    )


def _frozensets(sets: Itemsets, numbers: NDArray, ids: list[Any]) -> NDArray:
    """One shared frozenset for each set that is asked for."""
    out = np.empty(len(sets), object)
    for number in np.unique(numbers).tolist():
        codes = sets.codes[sets.offsets[number] : sets.offsets[number + 1]]
        out[number] = frozenset([ids[c] for c in codes.tolist()])
    asked: NDArray = out[numbers]
    return asked


def rules_frame(
    sets: Itemsets, rules: Rules, item_ids: pa.Array, measures: dict[str, NDArray]
) -> pd.DataFrame:
    """Give the rules as mlxtend's `association_rules` does: antecedents, consequents, twelve measures."""
    import pandas as pd

    ids = item_ids.to_pylist()
    frame = pd.DataFrame({name: measures[name] for name in MLXTEND})
    for at, (name, numbers) in enumerate(
        (("antecedents", rules.antecedent), ("consequents", rules.consequent))
    ):
        frame.insert(at, name, pd.Series(_frozensets(sets, numbers, ids), dtype=object, index=frame.index))
    return frame


def itemsets_frame(sets: Itemsets, item_ids: pa.Array, n_orders: int) -> pd.DataFrame:
    """Give the sets as mlxtend's `fpgrowth(use_colnames=True)` does: support, itemsets."""
    import pandas as pd

    held = _frozensets(sets, np.arange(len(sets)), item_ids.to_pylist())
    return pd.DataFrame(
        {"support": sets.orders / max(n_orders, 1), "itemsets": pd.Series(held, dtype=object)}
    )


def read_frame(frame: pd.DataFrame, *, n_orders: int | None) -> tuple[Itemsets, Rules | None, pa.Array, int]:
    """Read a frame of mlxtend's: rules (antecedents, consequents, ...) or itemsets (support, itemsets).

    Returns
    -------
    sets, rules (None for a frame of itemsets), item ids, n_orders
    """
    columns = set(map(str, frame.columns))
    rule_columns = {"antecedents", "consequents", "support", "antecedent support", "consequent support"}
    if rule_columns <= columns:
        before, after = list(frame["antecedents"]), list(frame["consequents"])
        both = [a | c for a, c in zip(before, after, strict=True)]
        known = [*before, *after, *both]
        support = np.concatenate(
            [frame[c].to_numpy(float) for c in ("antecedent support", "consequent support", "support")]
        )
        if np.isnan(support).any():
            raise InputError(
                "The rules have no support of their antecedents or consequents (support_only=True). "
                "Make them with association_rules(..., support_only=False)."
            )
    elif {"support", "itemsets"} <= columns:
        known, before, after, both = list(frame["itemsets"]), [], [], []
        support = frame["support"].to_numpy(float)
    else:
        raise InputError(
            f"Not a frame of mlxtend: it has the columns {sorted(columns)}; expected "
            f"{sorted(rule_columns)} or ['itemsets', 'support']."
        )
    support_of = dict(zip(map(frozenset, known), support.tolist(), strict=True))
    n_orders = _common_denominator(support_of.values()) if n_orders is None else n_orders
    ids = id_array(sorted({i for s in support_of for i in s}))
    code_of = {i: n for n, i in enumerate(ids.to_pylist())}
    coded = sorted((len(s), sorted(code_of[i] for i in s), s) for s in support_of if s)
    number = {s: n for n, (_, _, s) in enumerate(coded)}
    orders = np.rint(np.array([support_of[s] for _, _, s in coded]) * n_orders).astype(np.int64)
    lengths = np.array([k for k, _, _ in coded], np.int64)
    sets = Itemsets(
        np.array([c for _, codes, _ in coded for c in codes], np.int32),
        np.concatenate([[0], np.cumsum(lengths)]),
        orders,
        orders,
        None,
        np.bincount(lengths, minlength=1)[1:].astype(np.int64),
    )
    if not before and "itemsets" in columns:
        return sets, None, ids, n_orders
    rules = Rules(
        *(np.array([number[frozenset(s)] for s in part], np.int32) for part in (before, after, both))
    )
    return sets, rules, ids, n_orders


def _common_denominator(supports: Iterable[float]) -> int:
    """Smallest number of orders that all supports are whole shares of: a lower bound of the evidence."""
    common = 1
    for support in supports:
        common = lcm(common, Fraction(support).limit_denominator(10_000_000).denominator)
        if common > MOST_ORDERS:
            raise InputError(
                "The supports are rounded, so that the number of orders cannot be told from them. "
                "Try from_mlxtend(frame, n_orders=len(onehot))."
            )
    return common
