"""Where a command's orders come from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from nextbuy.cli.output import FOUND, USAGE, Output, Stopped, complain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextbuy.orders import Orders


_COLUMN = Parameter(metavar="COLUMN")
Date = Annotated[str | None, Parameter(metavar="DATE")]
Directory = Annotated[str, Parameter(metavar="DIR")]
Count = Annotated[int, Parameter(metavar="N", validator=validators.Number(gte=1))]
File = Annotated[str | None, Parameter(metavar="FILE")]
Sources = Annotated[str, Parameter(metavar="SOURCE...")]


@Parameter(name="*", group="Reading the orders")
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the source names its columns, and how it is read.

    Parameters
    ----------
    catalog : str
        File with a row an item: item_id and any of name, category, price, unit_margin, stock, durable,
        substitutes_group, quantity_per.
    customer : str
        Column of the customer.
    order : str
        Column of the order; without it, a customer's lines of one moment are one order.
    time : str
        Column of the moment of the order.
    item : str
        Column of the item.
    quantity : str
        Column of the pieces; may be absent.
    price : str
        Column of the price of one piece; may be absent.
    time_format : str
        strptime format of a text column such as "%d/%m/%Y %H:%M", or the unit of epoch numbers: s, ms, us,
        ns, D.
    timezone : str
        Zone of times that carry none, such as Europe/Berlin.
    encoding : str
        Of text files; found out where it is not given.
    query : str
        The SELECT for a database address.
    max_memory : str
        What this may take of memory, such as 2GB; the rest lies in files in the temporary directory meanwhile
        (docs/scale.md).
    """

    catalog: Annotated[str | None, Parameter(metavar="FILE")] = None
    customer: Annotated[str, _COLUMN] = "customer_id"
    order: Annotated[str, _COLUMN] = "order_id"
    time: Annotated[str, _COLUMN] = "timestamp"
    item: Annotated[str, _COLUMN] = "item_id"
    quantity: Annotated[str, _COLUMN] = "quantity"
    price: Annotated[str, _COLUMN] = "price"
    time_format: Annotated[str | None, Parameter(metavar="FORMAT")] = None
    timezone: Annotated[str, Parameter(metavar="NAME")] = "UTC"
    encoding: Annotated[str | None, Parameter(metavar="NAME")] = None
    query: Annotated[str | None, Parameter(metavar="SELECT")] = None
    max_memory: Annotated[str | None, Parameter(metavar="SIZE")] = None


USUAL = Reading()


def read(sources: Sequence[str], reading: Reading, output: Output) -> Orders:
    """Read and check the orders; under --strict, anything found ends the command with exit code 1."""
    import nextbuy as nb

    check_size(reading.max_memory)
    with output.busy("Reading the orders"):
        orders = nb.read_orders(
            sources[0] if len(sources) == 1 else list(sources),
            customer=reading.customer,
            order=reading.order,
            time=reading.time,
            item=reading.item,
            quantity=reading.quantity,
            price=reading.price,
            time_format=reading.time_format,
            timezone=reading.timezone,
            encoding=reading.encoding,
            query=reading.query,
            catalog=reading.catalog,
            max_memory=reading.max_memory,
        )
    found = problems(orders)
    if found and output.strict:
        output.summarise(facts(orders) | {"stopped": "--strict"})
        raise Stopped(
            f"{len(found)} problem{'s' * (len(found) > 1)} in {orders.ledger['read']:,} lines (--strict): "
            f"{', '.join(p['problem'] for p in found)}. Look at them with: nextbuy check {' '.join(sources)}",
            FOUND,
        )
    return orders


def note_problems(orders: Orders, output: Output) -> None:
    """Say on stderr that some lines were not kept as they came, once and short; refuse orders without any."""
    from nextbuy.orders.errors import InputError

    found = problems(orders)
    if found and not output.quiet:
        aside = orders.ledger["set_aside"]
        complain(
            f"{len(found)} problem{'s' * (len(found) > 1)} found, {aside:,} of {orders.ledger['read']:,} "
            "lines set aside; `nextbuy check` shows them."
        )
    if not len(orders):
        read = orders.ledger["read"]
        why = f"all {read:,} lines were set aside or taken back" if read else "the source has no lines"
        raise InputError(f"There are no orders: {why}. `nextbuy check` says more.")


def problems(orders: Orders) -> list[dict[str, Any]]:
    """Give what the checks found, one dict a problem."""
    found: list[dict[str, Any]] = orders.problem_table.to_pylist()
    return [p | {"change": as_options(p["change"])} for p in found]


def facts(orders: Orders) -> dict[str, Any]:
    """Give the counts of the orders for the JSON summary."""
    some = len(orders) > 0
    return {
        "customers": orders.n_customers if orders.has_customers else None,
        "orders": orders.n_orders,
        "items": orders.n_items,
        "lines": len(orders),
        "first": f"{orders.start:%Y-%m-%dT%H:%M:%S}" if some else None,
        "last": f"{orders.last:%Y-%m-%dT%H:%M:%S}" if some else None,
        "ledger": orders.ledger,
        "problems": problems(orders),
    }


def as_options(message: str) -> str:
    """Turn hints for Python into ones for here: read_orders(source, item='SKU') -> --item SKU."""
    import re

    names = "|".join(sorted((f.name for f in fields(Reading)), key=len, reverse=True))

    def option(found: re.Match[str]) -> str:
        name, value = found["name"].replace("_", "-"), found["value"]
        return f"--{name} {value if re.fullmatch(r'[A-Za-z0-9_./:-]+', value) else repr(value)}"

    def call(found: re.Match[str]) -> str:
        first, _, rest = found["arguments"].partition(", ")
        return rest if rest and "--" not in first else found["arguments"]

    def bare(found: re.Match[str]) -> str:
        return f"--{found['name'].replace('_', '-')}"

    for pattern, by in (
        (rf",? or (?:{names})=None[^,.;]*", ""),  # a command leaves out a column that is not there by itself
        (rf"\b(?P<name>{names})=(?P<quote>['\"])(?P<value>.*?)(?P=quote)", option),
        (r"(?:nextbuy\.|nb\.)?read_orders\((?P<arguments>[^()]*)\)", call),
        (rf"\b(?P<name>{names})=(?![\w'\"])", bare),
        (r"(?<=without )(?P<name>max_memory)\b", bare),
        (r"Look at orders\.problems\.", "`nextbuy check` shows them."),
    ):
        message = re.sub(pattern, by, message)
    return message


def needed(sources: Sequence[str], command: str) -> Sequence[str]:
    """Refuse a command line without any source."""
    if not sources:
        raise Stopped(
            f"Which orders? Try: nextbuy {command} orders.csv. See: nextbuy {command} --help", USAGE
        )
    return sources


def check_size(max_memory: str | None) -> None:
    """Refuse what is no size of memory; that is wrong usage."""
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.scratch import to_bytes

    try:
        to_bytes(max_memory)
    except InputError as error:
        raise Stopped(as_options(str(error)), USAGE) from error


def moment(date: str | None, option: str) -> str | None:
    """Check a date given as an option; a wrong one is wrong usage."""
    from nextbuy.orders.errors import InputError
    from nextbuy.orders.table import to_us

    if date is None:
        return None
    try:
        to_us(date)
    except InputError as error:
        raise Stopped(f"{option} {date!r} is no date. Try {option} 2026-06-01.", USAGE) from error
    return date
