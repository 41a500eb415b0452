"""The caller's own ids and names by code, as Python objects: made once a model, when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Labels:
    """What items and categories are called.

    Attributes
    ----------
    item_ids, item_names, category_names : pyarrow.Array
    """

    item_ids: pa.Array
    item_names: pa.Array
    category_names: pa.Array

    @cached_property
    def items(self) -> list[Any]:
        """Ids of items."""
        return list(self.item_ids.to_pylist())

    @cached_property
    def texts(self) -> list[str]:
        """Ids of items, written."""
        return [str(one) for one in self.items]

    @cached_property
    def names(self) -> list[str]:
        """Names of items."""
        return list(self.item_names.to_pylist())

    @cached_property
    def categories(self) -> list[str]:
        """Names of categories."""
        return list(self.category_names.to_pylist())

    @cached_property
    def code_of(self) -> dict[str, int]:
        """Code of each item by its written id."""
        return {text: code for code, text in enumerate(self.texts)}
