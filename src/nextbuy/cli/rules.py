"""`nextbuy rules`: what goes with what, and what follows what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.source import USUAL, Count, File, Reading, Sources, needed, note_problems, read

if TYPE_CHECKING:
    import pyarrow as pa

_LISTS = {"basket": "bought together", "sequence": "bought one after the other"}
_MORE = ": too few customers to tell any from chance. More of them show more, as does a longer history"


def rules(
    *source: Sources,
    kind: Literal["basket", "sequence"] = "sequence",
    level: str = "item",
    top: Annotated[Count, Parameter(name=["--top", "-k"])] = 20,
    out: File = None,
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """List the strongest rules: items bought together, or one after the other.

    Parameters
    ----------
    source : str
        Files, quoted globs such as 'orders/*.csv', or one database address with --query.
    kind : {"basket", "sequence"}
        basket: what goes together in one order; sequence: what follows, and after how many days.
    level : str
        item, or a column of the catalog such as category.
    top : int
        How many to show; --json and --out give all.
    out : str
        File for all rules: .parquet or .csv.
    """
    import nextbuy as nb
    from nextbuy.cli.frames import check_out, to_arrow, write_frame

    needed(source, "rules")
    check_out(out)
    estimator: Any = nb.AssociationRules(level=level) if kind == "basket" else nb.SequentialRules(level=level)
    orders = read(source, reading, output)
    note_problems(orders, output)
    with output.busy("Looking for rules"):
        found = to_arrow(estimator.fit(orders).rules_)
    if out is not None:
        write_frame(out, found)
    output.show(
        plain(repr(orders)),
        plain(
            f"{found.num_rows:,} rules of what is {_LISTS[kind]}"
            + (
                ", the strongest:"
                if found.num_rows
                else _MORE + (", or --level category." if level == "item" else ".")
            )
        ),
    )
    if found.num_rows:
        output.show(_basket_table(found, top) if kind == "basket" else sequence_table(found, top))
    output.summarise({"kind": kind, "level": level, "rules": found.to_pylist()})
    return OK


def _basket_table(found: pa.Table, top: int) -> Any:
    return table(
        "",
        (
            "in the basket",
            "goes with it",
            "orders",
            "customers",
            "of 100 baskets",
            "times more than by chance",
        ),
        [
            (
                " + ".join(map(str, r["antecedent"])),
                " + ".join(map(str, r["consequent"])),
                f"{r['orders']:,}",
                f"{r['customers']:,}",
                of_100(r),
                f"{r['lift']:.1f} (at least {r['lift_low']:.1f})",
            )
            for r in found.slice(0, top).to_pylist()
        ],
        right=("orders", "customers", "of 100 baskets", "times more than by chance"),
    )


def sequence_table(found: pa.Table, top: int, *, title: str = "") -> Any:
    """Lay out sequential rules for people: who follows whom, how often, after how many days."""
    return table(
        title,
        (
            "first",
            "then",
            "after days (half, 10 to 90 %)",
            "of 100 buyers",
            "customers",
            "times more than by chance",
        ),
        [
            (
                str(r["antecedent"]),
                str(r["consequent"]),
                f"{r['lag_p50']:.0f} ({r['lag_p10']:.0f} to {r['lag_p90']:.0f})",
                of_100(r),
                f"{r['followed']:,} of {r['exposed']:,}",
                f"{r['lift']:.1f} (at least {r['lift_low']:.1f})",
            )
            for r in found.slice(0, top).to_pylist()
        ],
        right=("after days (half, 10 to 90 %)", "of 100 buyers", "customers", "times more than by chance"),
    )


def of_100(rule: dict[str, Any]) -> str:
    """Spell a confidence as people of a hundred, with its interval."""
    share, low, high = (100 * rule[name] for name in ("confidence", "confidence_low", "confidence_high"))
    return f"{share:.0f} ({low:.0f} to {high:.0f})"
