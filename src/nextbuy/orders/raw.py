"""The mapped columns as they came, for reading, for comparing, and for the examples of a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.parquet import Column
    from nextbuy.orders.sources import Part


class Raw:
    """Columns by role over all parts, loaded whenever they are asked for: none stays in memory."""

    def __init__(self, parts: Sequence[Part], mapping: Mapping[str, str | None]) -> None:
        self.parts, self.mapping = parts, mapping
        self.starts = np.concatenate([[0], np.cumsum([p.rows for p in parts])]).astype(np.int64)

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.starts[-1])

    def has(self, role: str) -> bool:
        """Say whether the source has a column for `role`."""
        return self.mapping[role] is not None

    def name(self, role: str) -> str:
        """Give the source's own name of a role's column, or "" where it has none."""
        return self.mapping[role] or ""

    def columns(self, role: str) -> list[Column | pa.ChunkedArray]:
        """Give a role's column, one a part."""
        return [p.column(self.name(role)) for p in self.parts]

    def ids(self, role: str) -> tuple[list[Column | pa.ChunkedArray], list[NDArray[np.int64]]]:
        """Give a role's column and the rows whose type differs from the rest of their part."""
        columns, name = self.columns(role), self.name(role)
        odd = [p.mixed[name] + self.starts[k] for k, p in enumerate(self.parts) if name in p.mixed]
        return columns, odd

    def show(self, *roles: str) -> Callable[[NDArray[np.int64]], list[str]]:
        """Give a function that words the values of `roles` in some rows."""

        def words(rows: NDArray[np.int64]) -> list[str]:
            shown = [(self.name(r), self._values(r, rows)) for r in roles if self.has(r)]
            return [", ".join(f"{name}={values[k]!r}" for name, values in shown) for k in range(len(rows))]

        return words

    def _values(self, role: str, rows: NDArray[np.int64]) -> list[object]:
        """Give the values of a few rows."""
        name, found = self.name(role), []
        for row in rows:
            k = int(np.searchsorted(self.starts, row, side="right")) - 1
            part = self.parts[k]
            value = part.value(name, int(row) - int(self.starts[k])) if name in part.names else None
            found.append(str(value) if hasattr(value, "isoformat") else value)
        return found

    def all_columns(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Give codes of the values of some rows, in rising order, column after column of the source."""
        part_of = np.searchsorted(self.starts, rows, side="right") - 1
        for name in dict.fromkeys(n for p in self.parts for n in p.names):
            pieces = []
            for k, part in enumerate(self.parts):
                inside = rows[part_of == k] - self.starts[k]
                if not len(inside):
                    continue
                if name not in part.names:
                    pieces.append(pa.nulls(len(inside), pa.string()))
                    continue
                start, found = 0, []
                for chunk in part.column(name).chunks:
                    low, high = np.searchsorted(inside, (start, start + len(chunk)))
                    if low < high:
                        found.append(chunk.take(pa.array(inside[low:high] - start)))
                    start += len(chunk)
                pieces += [_words(chunk) for chunk in found]
            kinds = {p.type for p in pieces}
            if len(kinds) > 1:
                pieces = [p.cast(pa.string()) for p in pieces]
            coded = pa.concat_arrays(pieces).dictionary_encode(null_encoding="encode")
            yield coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _words(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values
