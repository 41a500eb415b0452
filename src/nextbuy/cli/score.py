"""`nextbuy score`: what each customer buys next, and what to offer, as a directory of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from nextbuy.cli.histories import Histories, in_process, on_spark
from nextbuy.cli.output import OK, PLAIN, Output, plain, progress_bar
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
    from nextbuy.storage import Plan


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
    engine: Literal["local", "spark"] = "local",
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
    engine : {"local", "spark"}
        Where it runs: in this process, or on the Spark that PySpark is set up for. SOURCE is then Parquet that every
        machine can read; the predictions are the same (docs/spark.md).
    """
    import nextbuy as nb
    from nextbuy.cli.offers import read_policy
    from nextbuy.storage import read_manifest

    needed(source, "score")
    moment(as_of, "--as-of")
    version = read_manifest(model)["model_version"]
    estimator = nb.load(model)
    rules = read_policy(policy, horizon_days=estimator.horizon_days)
    asked: dict[str, Any] = {"as_of": as_of, "kind": kind, "k": k}
    about: dict[str, Any] = {}
    if engine == "spark":
        histories = on_spark(estimator, source, reading, output=output, **asked)
    else:
        orders = read(source, reading, output)
        note_problems(orders, output)
        histories = in_process(estimator, orders, block_customers=block_customers, output=output, **asked)
        about["orders"] = facts(orders)
        output.show(plain(repr(orders)))
    manifest = run(
        histories,
        version=version,
        out=out,
        policy=rules,
        csv=csv,
        overwrite=overwrite,
        output=output,
        **asked,
    )
    counts = ", ".join(f"{count:,} {table}" for table, count in manifest["counts"].items())
    output.show(
        plain(f"{counts} as of {manifest['as_of']} written to {out}."),
        *map(plain, manifest["plan"]["notes"]),
    )
    output.summarise({"out": out, "manifest": manifest} | about)
    return OK


def run(
    histories: Histories,
    *,
    version: str,
    as_of: str,
    out: str,
    policy: OfferPolicy,
    k: int,
    kind: str,
    csv: bool,
    overwrite: bool,
    output: Output = PLAIN,
) -> dict[str, Any]:
    """Score into the directory `out` and give its manifest."""
    import numpy as np

    from nextbuy.cli.offers import planned
    from nextbuy.orders.table import to_us
    from nextbuy.storage import write_run

    at = str(np.datetime64(to_us(as_of), "us")).removesuffix("T00:00:00.000000")
    inputs = {
        "as_of": at,
        "model_version": version,
        "k": k,
        "kind": kind,
        "policy": policy.public(),
    } | histories.inputs

    def plan(predictions: pa.Table, run_id: str) -> Plan:
        return planned(
            predictions, histories.catalog, policy=policy, as_of=at, version=version, run_id=run_id
        )

    with progress_bar(output, "Scoring customers") as say:
        return write_run(
            out,
            inputs=inputs,
            blocks=histories.blocks,
            score=histories.answer,
            plan=plan,
            csv=csv,
            overwrite=overwrite,
            on_block=lambda done: say(done, len(histories.blocks), ""),
        )
