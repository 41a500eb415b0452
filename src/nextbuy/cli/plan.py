"""`nextbuy plan`: from predictions to files that can be sent."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nextbuy.cli.output import OK, PLAIN, USAGE, Output, Stopped, complain, plain, table
from nextbuy.cli.source import USUAL, Directory, File, Reading, Sources, moment, note_problems, read

if TYPE_CHECKING:
    import pyarrow as pa

    from nextbuy.orders import Orders

Names = Annotated[tuple[str, ...], Parameter(negative="", metavar="NAME", show_default=False)]


def plan(
    *source: Sources,
    predictions: Annotated[str, Parameter(metavar="DIR")],
    out: Directory,
    policy: File = None,
    as_of: Annotated[str | None, Parameter(metavar="DATE")] = None,
    contacts: File = None,
    consent: File = None,
    stock: File = None,
    birthdays: File = None,
    holidays: File = None,
    adapter: Names = (),
    projects: bool = True,
    overwrite: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    reading: Reading = USUAL,
    output: Output = PLAIN,
) -> int:
    """Plan the offers of a campaign, into files for marketing, sales staff and tools.

    The directory is complete when manifest.json is there. A killed run goes on where it stopped when the same
    command is started again. Customers held out are in no file that is sent.

    Parameters
    ----------
    source : str
        The orders, for the call list, the list of customers and what projects still need: files, quoted globs, or one
        database address with --query. May be left out.
    predictions : str
        Directory that `nextbuy score` wrote, or a file of predictions with --as-of.
    out : str
        Directory for the files; docs/offers.md names each of them and its columns.
    policy : str
        TOML file with the rules of the campaign, such as: max_per_customer = 1
    as_of : str
        First day on which something is sent, such as 2026-06-01; default: that of the predictions.
    contacts : str
        What was sent before: customer_id, sent_on, optional item_id, channel, control, bought.
    consent : str
        Who agreed: customer_id, optional channel, consent.
    stock : str
        Pieces in stock today: item_id, stock.
    birthdays : str
        customer_id, birthday.
    holidays : str
        TOML file with lines such as: "Easter" = "2026-04-05" or "Christmas" = "12-25"
    adapter : str
        A tool to write a file for: klaviyo, braze, personalize, dynamic_yield. May be given several times.
    projects : bool
        Find the projects in the orders, for checklists and series; needs a catalog with categories.
    overwrite : bool
        Replace a finished plan that is in the directory.
    """
    import nextbuy as nb
    from nextbuy.cli.frames import digest_of
    from nextbuy.cli.offers import plan_offers, read_policy
    from nextbuy.offers.adapters import check_adapters
    from nextbuy.orders import read_catalog
    from nextbuy.storage import write_run
    from nextbuy.storage.plans import as_files, table_checksum

    check_adapters(adapter)
    rows, at, version, horizon = _predictions(predictions, moment(as_of, "--as-of"))
    rules = read_policy(policy, horizon_days=horizon)
    tables = {
        "contacts": _table(contacts, "contacts", ("customer_id", "sent_on")),
        "consent": _table(consent, "consent", ("customer_id",)),
        "stock": _table(stock, "stock", ("item_id", "stock")),
        "birthdays": _table(birthdays, "birthdays", ("customer_id", "birthday")),
    }
    days = _holidays(holidays)
    orders: Orders | None = None
    catalog = None if reading.catalog is None else read_catalog(reading.catalog)
    if source:
        orders = read(source, reading, output)
        note_problems(orders, output)
        catalog = orders.catalog
        orders = orders.before(at)
    elif catalog is None and not output.quiet:
        complain("without --catalog there are no names, margins and stock: offers are ranked by probability.")
    inputs = {
        "as_of": at,
        "model_version": version,
        "predictions": table_checksum(rows),
        "orders": None if orders is None else digest_of(orders),
        "catalog": None if catalog is None else table_checksum(catalog.table),
        **{name: None if one is None else table_checksum(one) for name, one in tables.items()},
        "holidays": days,
        "adapters": list(adapter),
        "projects": projects,
        "policy": rules.public(),
    }
    born = tables.pop("birthdays")

    def made(given: pa.Table, run_id: str) -> Any:
        occasions = None
        if days or born is not None:
            occasions = nb.occasion_calendar(as_of=at, days=rules.plan_days, holidays=days, birthdays=born)
        plan = plan_offers(
            rules,
            given,
            as_of=at,
            catalog=catalog,
            run_id=run_id,
            model_version=version,
            occasions=occasions,
            **tables,
        )
        links, found = _projects(orders) if projects and orders is not None else (None, None)
        return as_files(plan, orders=orders, projects=found, links=links, adapters=adapter)

    with output.busy("Planning"):
        manifest = write_run(
            out, inputs=inputs, blocks=[None], score=lambda _: rows, plan=made, overwrite=overwrite
        )
    output.show(*_about(manifest, out))
    output.summarise({"out": out, "manifest": manifest})
    return OK


def _predictions(place: str, as_of: str | None) -> tuple[pa.Table, str, str | None, int]:
    """Give predictions, their as_of, the model's version and the horizon."""
    import numpy as np
    import pyarrow.parquet as pq

    from nextbuy.offers.door import open_predictions
    from nextbuy.orders.table import to_us
    from nextbuy.storage import read_run

    def day(given: Any) -> str:
        return str(np.datetime64(to_us(given), "us").astype("datetime64[D]"))

    path = Path(place)
    if path.is_dir():
        manifest = read_run(path)
        rows = pq.read_table(path / "predictions.parquet")
        horizon = (manifest["inputs"].get("policy") or {}).get("horizon_days", 30)
        return rows, day(as_of or manifest["as_of"]), manifest["model_version"], horizon
    if not path.exists() and not set(place) & set("*?["):
        raise Stopped(
            f"--predictions {place}: there is no such directory or file. Make one: nextbuy score --out.",
            USAGE,
        )
    if as_of is None:
        raise Stopped(
            f"--predictions {place} is no directory of `nextbuy score`; a file needs --as-of DATE.", USAGE
        )
    return open_predictions(place).table, day(as_of), None, 30


def _table(path: str | None, what: str, needed: tuple[str, ...]) -> pa.Table | None:
    from nextbuy.offers.door import open_table

    return None if path is None else open_table(path, what=f"--{what} {path}", needed=needed).table


def _holidays(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Stopped(f"--holidays {path} cannot be read: {error.strerror}.", USAGE) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Stopped(
            f'--holidays {path} is no TOML: {error}. Write lines like: "Christmas" = "12-25"', USAGE
        ) from error
    return {name: str(date) for name, date in given.items()}


def _projects(orders: Orders) -> tuple[Any, Any]:
    """Find links and projects, where categories let them be found."""
    import nextbuy as nb

    if orders.catalog is None or "category" not in orders.catalog.columns or not orders.has_customers:
        return None, None
    links = nb.SequentialRules(level="category").fit(orders)
    return links.rules_, nb.Projects().fit(links, orders=orders)


def _about(manifest: dict[str, Any], out: str) -> list[Any]:
    """Say what was planned, in the words of a shop."""
    import pyarrow.parquet as pq

    from nextbuy.offers.ledger import MEANING

    facts = manifest["plan"]
    counts = {name: n for name, n in facts["counts"].items() if n}
    total = counts.pop("total", 0)
    names = {"offered": "Goes out.", "control": "Held out, to measure by."} | MEANING
    offers = pq.read_table(Path(out) / "offers.parquet", columns=["expected_value", "control"]).to_pydict()
    worth = [v for v, held in zip(*offers.values(), strict=True) if v is not None and not held]
    files = [name for name in manifest["files"] if not name.startswith("predictions")]
    said = [
        table(
            f"{total:,} candidates as of {manifest['as_of']}",
            ("what became of them", "how many", "meaning"),
            [(name, f"{n:,}", names[name]) for name, n in counts.items()],
            right=("how many",),
        )
    ]
    if worth:
        said.append(plain(f"Expected value of what goes out: {sum(worth):,.2f}."))
    said += map(plain, facts["notes"])
    said.append(plain(f"Written to {out}: {', '.join(files)}."))
    return said
