"""`nextbuy demo`: the whole way, on the shop that comes with the library."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from nextbuy.cli.histories import in_process
from nextbuy.cli.output import OK, PLAIN, Output, plain, table
from nextbuy.cli.rules import of_100
from nextbuy.cli.score import run
from nextbuy.cli.source import facts

if TYPE_CHECKING:
    import pyarrow as pa

    from nextbuy.orders import Orders

_SHOWN = 10
_LINK = ("tiles", "bathtub")


def demo(*, out: Annotated[str, Parameter(metavar="DIR")] = "offers", output: Output = PLAIN) -> int:
    """Show the whole way on a generated home store: check, learn, find what follows what, plan offers.

    Parameters
    ----------
    out : str
        Where the directory of offers goes, named by their date; the model goes beside it.
    """
    import nextbuy as nb
    from nextbuy.cli.frames import to_arrow
    from nextbuy.storage import read_manifest

    started = time.perf_counter()
    sample = nb.datasets.sample_path()
    with output.busy("Reading the orders"):
        orders = nb.read_orders(sample / "orders.parquet", catalog=sample / "items.parquet")
    output.show(*_about(orders))

    with output.busy("Looking for what follows what"):
        links = to_arrow(nb.SequentialRules(level="category").fit(orders).rules_)
    output.show(_followers(links))

    model = nb.NextPurchase()
    with output.busy("Learning who buys what next, from the past of several dates"):
        model.fit(orders)
        nb.save(model, Path(out) / "model")
    version = read_manifest(Path(out) / "model")["model_version"]
    place = Path(out) / model.as_of_
    asked: dict[str, Any] = {"as_of": model.as_of_, "kind": "all", "k": 10}
    manifest = run(
        in_process(model, orders, block_customers=20_000, output=output, **asked),
        version=version,
        out=str(place),
        policy=nb.OfferPolicy(horizon_days=model.horizon_days),
        csv=True,
        overwrite=True,
        output=output,
        **asked,
    )
    offers = _read(place)
    output.show(*_offers(offers, manifest, place), plain(_ending(place, out, started)))
    output.summarise(
        {"out": str(place), "model": str(Path(out) / "model"), "manifest": manifest, "orders": facts(orders)}
    )
    return OK


def _about(orders: Orders) -> list[Any]:
    ledger = orders.ledger
    changed = ledger["merged"] + ledger["set_aside"]
    return [
        plain(
            f"A home store, two years of orders: {orders.n_orders:,} orders of {orders.n_customers:,} customers, "
            f"{orders.n_items:,} items, from {orders.start:%d %B %Y} to {orders.last:%d %B %Y}."
        ),
        plain(
            f"Checked: {ledger['read']:,} lines read, {changed:,} of them returns and what they take back; "
            "nothing was lost."
        ),
        "",
    ]


def _followers(links: pa.Table) -> Any:
    """Lay out the strongest links, the one of the story among them, in the words of a shop."""
    rows = links.to_pylist()
    chosen = rows[:_SHOWN]
    story = [r for r in rows if (r["antecedent"], r["consequent"]) == _LINK]
    if story and story[0] not in chosen:
        chosen = [story[0], *chosen[: _SHOWN - 1]]
    return table(
        f"What follows what: {len(rows)} links found, {len(chosen)} of them",
        (
            "who bought",
            "comes back for",
            "after about",
            "mostly between",
            "how many do",
            "more often than by chance",
        ),
        [
            (
                _name(r["antecedent"]),
                _name(r["consequent"]),
                f"{r['lag_p50']:.0f} days",
                f"{r['lag_p10']:.0f} and {r['lag_p90']:.0f} days",
                of_100(r).replace(" (", " of 100 ("),
                f"at least {r['lift_low']:.0f} times",
            )
            for r in chosen
        ],
        right=("after about", "how many do", "more often than by chance"),
    )


def _offers(offers: pa.Table, manifest: dict[str, Any], place: Path) -> list[Any]:
    counts = manifest["counts"]
    shown = _varied(offers.to_pylist())
    return [
        table(
            f"{counts['offers']:,} offers planned from {manifest['as_of']} on, {len(shown)} of them",
            ("customer", "offer", "send on", "until", "chance in 30 days", "because"),
            [
                (
                    str(r["customer_id"]),
                    str(r["item_name"] or r["item_id"]),
                    f"{r['send_on']:%d %b}",
                    f"{r['expires_on']:%d %b}",
                    f"{100 * r['probability']:.0f} of 100",
                    r["reason"],
                )
                for r in shown
            ],
            right=("chance in 30 days",),
        ),
        plain(
            f"{counts['suppressed']:,} other candidates were held back, each with its reason, in "
            f"{place / 'suppressed.csv'}."
        ),
    ]


def _varied(offers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose ten offers to show: a link's follower before what is bought again, no customer or item twice."""
    chosen: list[dict[str, Any]] = []
    by = sorted(offers, key=lambda r: (r["source"] != "sequence", -r["probability"], str(r["offer_id"])))
    for offer in by:
        if len(chosen) == _SHOWN:
            break
        if all(
            offer["customer_id"] != c["customer_id"] and offer["category"] != c["category"] for c in chosen
        ):
            chosen.append(offer)
    return chosen


def _name(category: str) -> str:
    return str(category).replace("_", " ")


def _read(place: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(place / "offers.parquet")


def _ending(place: Path, out: str, started: float) -> str:
    return (
        f"Done in {time.perf_counter() - started:.0f} seconds. The offers are in {place}/ (offers.csv opens "
        f"in any spreadsheet), the model in {Path(out) / 'model'}/.\n"
        "With your own orders: nextbuy check orders.csv; nextbuy fit orders.csv --model model; "
        "nextbuy score orders.csv --model model --as-of 2026-06-01 --out offers/2026-06-01"
    )
