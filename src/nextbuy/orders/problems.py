"""What the checks found: which rows, with examples, what was done, and how to have it otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.sources import Part

KEPT, MERGED, SET_ASIDE = 0, 1, 2
SCHEMA = pa.schema(
    [
        ("problem", pa.string()),
        ("column", pa.string()),
        ("rows", pa.int64()),
        ("kept", pa.int64()),
        ("merged", pa.int64()),
        ("set_aside", pa.int64()),
        ("examples", pa.list_(pa.string())),
        ("action", pa.string()),
        ("change", pa.string()),
    ]
)
_SHOWN = 3
_LONGEST = 80


@dataclass(eq=False)
class Problem:
    """One check that found something; `rows` counts over all parts, None for lines outside them."""

    code: str
    column: str
    rows: NDArray[np.int64] | None
    action: str
    change: str
    examples: list[str]
    outside: int = 0


@dataclass(eq=False)
class Problems:
    """Collects what the checks find while the rows find their fate: kept, merged or set aside."""

    parts: Sequence[Part]
    fate: NDArray[np.int8] = field(init=False)
    found: list[Problem] = field(default_factory=list)
    of_catalog: pa.Table = field(default_factory=SCHEMA.empty_table)

    def __post_init__(self) -> None:
        self.starts = np.concatenate([[0], np.cumsum([p.rows for p in self.parts])]).astype(np.int64)
        self.fate = np.zeros(int(self.starts[-1]), np.int8)

    def add(
        self,
        code: str,
        column: str,
        rows: NDArray[np.int64],
        *,
        action: str,
        change: str,
        show: Callable[[NDArray[np.int64]], list[str]] | None = None,
    ) -> None:
        """Note that `rows` have a problem, if there are any; `show` gives the words for three of them."""
        if not len(rows):
            return
        some = np.sort(rows)[:_SHOWN] if len(rows) < 1_000_000 else np.partition(rows, _SHOWN)[:_SHOWN]
        words = show(some) if show else [""] * len(some)
        examples = [
            self.where(int(r)) + (f": {clip(w)}" if w else "") for r, w in zip(some, words, strict=True)
        ]
        self.found.append(Problem(code, column, scratch.moved(rows), action, change, examples))

    def add_outside(
        self, code: str, column: str, count: int, examples: list[str], *, action: str, change: str
    ) -> None:
        """Note lines that never became rows; they count as set aside."""
        if count:
            self.found.append(
                Problem(code, column, None, action, change, [clip(e) for e in examples[:_SHOWN]], count)
            )

    def note(self, code: str, examples: list[str], *, action: str, change: str) -> None:
        """Note a problem of the source as a whole, that no row has."""
        self.found.append(Problem(code, "", None, action, change, [clip(e) for e in examples[:_SHOWN]]))

    def set_aside(self, rows: NDArray[np.int64]) -> None:
        """Set rows aside: their final fate unless already decided."""
        self.fate[rows] = SET_ASIDE

    def merge(self, rows: NDArray[np.int64]) -> None:
        """Mark rows as merged into another line; what is set aside stays so."""
        self.fate[rows] = np.where(self.fate[rows] == KEPT, MERGED, self.fate[rows])

    def where(self, row: int) -> str:
        """Name a row's place: "orders.csv row 17"."""
        part = int(np.searchsorted(self.starts, row, side="right")) - 1
        number = self.parts[part].row_number(row - int(self.starts[part]))
        label = self.parts[part].label
        return f"{label} row {number}" if label else f"row {number}"

    def ledger(self) -> dict[str, int]:
        """Count the lines by fate: read, kept, merged, set_aside."""
        kept, merged, aside = _counts(self.fate)
        aside += sum(p.outside for p in self.found)
        return {"read": kept + merged + aside, "kept": kept, "merged": merged, "set_aside": aside}

    def table(self) -> pa.Table:
        """One row a problem, in the order of `SCHEMA`."""
        rows = []
        for p in self.found:
            fates = [0, 0, p.outside] if p.rows is None else _counts(self.fate[p.rows])
            rows.append((p.code, p.column, sum(fates), *fates, p.examples, p.action, p.change))
        columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[] for _ in SCHEMA]
        own = pa.table(
            [pa.array(list(c), f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )
        return pa.concat_tables([own, self.of_catalog])

    def add_catalog(self, found: pa.Table | None) -> None:
        """Add what was found in the catalog; its columns are named catalog.price, its rows are no lines."""
        if found is not None and found.num_rows:
            names = [f"catalog.{c}" if c else "catalog" for c in found.column("column").to_pylist()]
            self.of_catalog = found.set_column(1, SCHEMA.field("column"), pa.array(names, pa.string()))

    def raise_if_any(self) -> None:
        """Raise one error that lists every problem found."""
        if not self.found and not self.of_catalog.num_rows:
            return
        lines = [
            f"- {row['problem']}{row['column'] and ' in ' + row['column']}: {row['rows']:,} rows, "
            f"like {'; '.join(row['examples'])}. To change it: {row['change']}"
            for row in self.table().to_pylist()
        ]
        raise InputError(
            f"{len(lines)} problem{'s' * (len(lines) > 1)} in {self.ledger()['read']:,} lines "
            "(on_problem='raise'):\n"
            + "\n".join(lines)
            + "\nTry on_problem='keep' to have them handled and listed in orders.problems."
        )


def _counts(fate: NDArray[np.int8]) -> list[int]:
    """Count the rows kept, merged and set aside."""
    return [int(np.count_nonzero(fate == one)) for one in (KEPT, MERGED, SET_ASIDE)]


def clip(text: str) -> str:
    """Shorten an example to one line."""
    text = " ".join(str(text).split(" ")).replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
