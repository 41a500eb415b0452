"""What a model learns from: customers in parts, and what all of them say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from nextbuy.mining.exposures import Purchases
    from nextbuy.mining.parts import Parts
    from nextbuy.orders.catalog import Catalog


@dataclass(frozen=True)
class TrainingData:
    """Purchases in the codes of the whole table, wherever their parts lie, and what is known of the whole.

    Attributes
    ----------
    parts : Parts
        Of `Purchases`.
    span : Purchases
        Days, customers and items of all parts; whether it holds their purchases does not matter.
    item_ids : pyarrow.Array
        By code.
    lines : ndarray of int64
        Lines of each item.
    known_before : int or None
        Microseconds since 1970.
    catalog : Catalog or None
    """

    parts: Parts
    span: Purchases
    item_ids: pa.Array
    lines: NDArray[np.int64]
    known_before: int | None
    catalog: Catalog | None
