"""`nextbuy fit`: learn from orders and store the model."""

from __future__ import annotations

import time
from typing import Any, Literal

from nextbuy.cli.output import OK, PLAIN, Output, plain, progress_bar
from nextbuy.cli.source import (
    USUAL,
    Date,
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


def fit(
    *source: Sources,
    model: Directory,
    config: File = None,
    as_of: Date = None,
    engine: Literal["local", "spark"] = "local",
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """Learn who buys what next, and when, and store the model.

    Parameters
    ----------
    source : str
        Files, quoted globs such as 'orders/*.csv', or one database address with --query.
    model : str
        Directory for the model; a model that is there is replaced when the new one is whole.
    config : str
        TOML file with parameters of NextPurchase, such as: horizon_days = 30
    as_of : str
        Learn only from what was known at this date, such as 2026-06-01; without it from everything.
    engine : {"local", "spark"}
        Where it counts: in this process, or on the Spark that PySpark is set up for. SOURCE is then Parquet that every
        machine can read; what is learned is the same, but the purchases are not stored (docs/spark.md).
    """
    import nextbuy as nb
    from nextbuy.cli.config import read_config

    needed(source, "fit")
    estimator = nb.NextPurchase(**read_config(config, nb.NextPurchase))
    known_at = moment(as_of, "--as-of")
    about: dict[str, Any] = {}
    if engine == "local":
        orders = read(source, reading, output)
        note_problems(orders, output)
        output.show(plain(repr(orders)))
        about["orders"] = facts(orders)
    started = time.perf_counter()
    with progress_bar(output, "Learning") as say:
        if engine == "spark":
            from nextbuy.cli.histories import lines_on_spark
            from nextbuy.engines import spark

            lines, names = lines_on_spark(source, reading, output)
            spark.fit(estimator, lines, as_of=known_at, catalog=reading.catalog, **names)
        else:
            estimator.fit(orders, as_of=known_at, progress=say)
        nb.save(estimator, model)
    seconds = time.perf_counter() - started
    version = nb.storage.read_manifest(model)["model_version"]
    output.show(plain(f"Model {version} stored in {model} after {seconds:.1f} seconds."))
    output.summarise({"model": str(model), "model_version": version, "seconds": round(seconds, 2)} | about)
    return OK
