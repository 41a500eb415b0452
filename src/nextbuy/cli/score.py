"""`nextbuy score`: what each customer buys next, and what to offer, as a directory of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, Output, complain, plain
from nextbuy.cli.source import (
    USUAL,
    Count,
    Directory,
    File,
    Reading,
    Sources,
    facts,
    moment,
    needed,
    note_problems,
    read,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from nextbuy.offers import OfferPolicy
    from nextbuy.orders import Orders
    from nextbuy.storage import Plan

QUIET_DAYS = 45


def score(
    *source: Sources,
    model: Directory,
    as_of: Annotated[str, Parameter(metavar="DATE")],
    out: Directory,
    policy: File = None,
    k: Annotated[Count, Parameter(name=["-k", "--top"])] = 10,
    kind: Literal["all", "new", "repeat"] = "all",
    csv: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    block_customers: Count = 20_000,
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """Predict for every customer and plan the offers, into a directory of files.

    The directory is complete when manifest.json is there. A killed run goes on where it stopped when the same
    command is started again.

    Parameters
    ----------
    source : str
        The histories to answer for: files, quoted globs such as 'orders/*.csv', or one database address with
        --query.
    model : str
        Directory that `nextbuy fit` wrote.
    as_of : str
        Nothing from this date on is used, such as 2026-06-01.
    out : str
        Directory for predictions.parquet, offers.parquet, suppressed.parquet and manifest.json.
    policy : str
        TOML file with the rules of the campaign, such as: max_per_customer = 1
    k : int
        At most so many predictions a customer.
    kind : {"all", "new", "repeat"}
        Items bought for the first time, items bought again, or both ranked together.
    csv : bool
        Write each table as .csv too; customers held out as control are not in offers.csv.
    overwrite : bool
        Replace a finished run that is in the directory.
    block_customers : int
        Customers scored at a time; what is done is kept block by block.
    """
    import nextbuy as nb
    from nextbuy.cli.offers import read_policy
    from nextbuy.storage import read_manifest

    needed(source, "score")
    moment(as_of, "--as-of")
    version = read_manifest(model)["model_version"]
    estimator = nb.load(model)
    rules = read_policy(policy, horizon_days=estimator.horizon_days)
    orders = read(source, reading, output)
    note_problems(orders, output)
    manifest = run(
        estimator,
        orders,
        version=version,
        as_of=as_of,
        out=out,
        policy=rules,
        k=k,
        kind=kind,
        csv=csv,
        overwrite=overwrite,
        block_customers=block_customers,
        output=output,
    )
    counts = ", ".join(f"{count:,} {table}" for table, count in manifest["counts"].items())
    output.show(
        plain(repr(orders)),
        plain(f"{counts} as of {manifest['as_of']} written to {out}."),
        *map(plain, manifest["plan"]["notes"]),
    )
    output.summarise({"out": out, "manifest": manifest, "orders": facts(orders)})
    return OK


def run(
    estimator: Any,
    orders: Orders,
    *,
    version: str,
    as_of: str,
    out: str,
    policy: OfferPolicy | None = None,
    k: int = 10,
    kind: str = "all",
    csv: bool = False,
    overwrite: bool = False,
    block_customers: int = 20_000,
    output: Output = PLAIN,
) -> dict[str, Any]:
    """Score `orders` as known at `as_of` into the directory `out` and give its manifest."""
    import numpy as np

    from nextbuy.cli.frames import digest_of, to_arrow
    from nextbuy.cli.offers import planned, read_policy
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.table import to_us
    from nextbuy.storage import write_run

    at = str(np.datetime64(to_us(as_of), "us")).removesuffix("T00:00:00.000000")
    known = orders.before(as_of)
    if not len(known):
        raise InputError(
            f"There are no orders before --as-of {as_of}; they begin on {orders.start:%Y-%m-%d}."
        )
    if to_us(as_of) < to_us(estimator.as_of_):
        raise InputError(
            f"The model knows orders up to {estimator.as_of_}, which lies after --as-of {as_of}: it has seen what it "
            f"would predict. Fit one as of then: nextbuy fit SOURCE --model DIR --as-of {at}"
        )
    _note_strange(estimator, known, as_of, output)
    # one schema whatever a block holds: pandas has no text column of nothing but unknowns
    known.backend = "pyarrow"
    customers = known.customer_ids.to_pylist()
    rules = policy or read_policy(None, horizon_days=estimator.horizon_days)
    blocks = [customers[i : i + block_customers] for i in range(0, len(customers), block_customers)]
    inputs = {
        "as_of": at,
        "model_version": version,
        "orders": digest_of(known),
        "k": k,
        "kind": kind,
        "block_customers": block_customers,
        "policy": rules.public(),
    }

    def one(block: list[Any]) -> pa.Table:
        return to_arrow(estimator.predict(known, as_of=as_of, customers=block, kind=kind, k=k))

    def plan(predictions: pa.Table, run_id: str) -> Plan:
        return planned(predictions, known, policy=rules, as_of=at, version=version, run_id=run_id)

    with output.progress("Scoring customers", len(blocks)) as done:
        return write_run(
            out,
            inputs=inputs,
            blocks=blocks,
            score=one,
            plan=plan,
            csv=csv,
            overwrite=overwrite,
            on_block=done,
        )


def _note_strange(estimator: Any, known: Orders, as_of: str, output: Output) -> None:
    """Say when the orders hardly fit the model: unknown items, or an as_of long after the last order."""
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.table import codes_of, to_us

    unknown = int((codes_of(estimator.item_ids_, known.item_ids.to_pylist()) < 0).sum())
    example = known.item_ids[0].as_py()
    if unknown == known.n_items:
        raise InputError(
            f"The model knows none of the {unknown:,} items of these orders, such as {example!r}; it was fitted on "
            f"such as {estimator.item_ids_[0].as_py()!r}. Is --item the column it was fitted with?"
        )
    if unknown and not output.quiet:
        complain(f"{unknown:,} of {known.n_items:,} items are not known to the model; they are left out.")
    days = (to_us(as_of) - to_us(known.end)) // 86_400_000_000
    if days > QUIET_DAYS and not output.quiet:
        complain(
            f"--as-of {as_of} lies {days:,} days after the last order: nothing is known of the time between."
        )
