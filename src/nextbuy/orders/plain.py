"""Lines of one customer in which nothing is wrong: read one by one, where a table's checks would find nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from nextbuy.orders.columns import DEFAULTS
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.ids import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_1980 = 3652 * DAY_US
_US = timedelta(microseconds=1)
_MOST = 2.0**53
_WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{3}([0-9]{3})?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
CUSTOMER, TIME, ITEM, QUANTITY = (DEFAULTS[r] for r in ("customer", "time", "item", "quantity"))


class PlainLines(NamedTuple):
    """What one customer bought: the customer's id, and day (since 1970-01-01 UTC) and item of each line."""

    customer: str | int
    day: list[int]
    item: list[str] | list[int]


def read_plain(lines: Sequence[Mapping[str, Any]], before: int) -> PlainLines | None:
    """Read the lines of one customer before a moment (microseconds since 1970-01-01 UTC).

    None wherever `read_orders` would have anything to decide (an id with spaces, a date that is not written
    2026-03-01 or 2026-03-01T10:30:00, a return, two customers, no line left, columns of other names): the lines are for
    `read_orders` then. Otherwise the same is read as there, in a hundredth of the time.
    """
    first: Any = lines[0].get(CUSTOMER) if lines else None
    kind = type(lines[0].get(ITEM)) if lines else None
    if not _is_plain(first) or kind not in {str, int}:
        return None
    days: list[int] = []
    items: list[Any] = []
    moments: dict[Any, int] = {}
    for line in lines:
        customer, item, time = line.get(CUSTOMER), line.get(ITEM), line.get(TIME)
        quantity = line.get(QUANTITY, 1)
        if customer != first or type(customer) is not type(first) or type(item) is not kind:
            return None
        if (
            type(quantity) not in {int, float}
            or not 0 <= quantity < _MOST
            or type(time) not in {str, datetime}
        ):
            return None
        if (moment := moments.get(time)) is None:
            moment = moments[time] = _moment(time)  # type: ignore[arg-type] # its type was just looked at
        if moment < _1980:
            return None
        if moment < before:
            days.append(moment // DAY_US)
            items.append(item)
    if not days or not all(map(_is_plain, set(items))) or len({type(t) for t in moments}) > 1:
        return None
    return PlainLines(first, days, items)


def _is_plain(one_id: Any) -> bool:
    """Say whether an id is kept as it is, whatever the others look like."""
    if type(one_id) is int:
        return abs(one_id) < _MOST
    return (
        type(one_id) is str
        and one_id.isprintable()
        and one_id.strip() == one_id
        and one_id.lower() not in MISSING
        and not (one_id.endswith("0") and "." in one_id)
    )


def _moment(time: str | datetime) -> int:
    """Give microseconds since 1970-01-01 UTC; -1 for whatever is not plainly written."""
    if isinstance(time, str):
        if not _WRITTEN.fullmatch(time):
            return -1
        try:
            found = datetime.fromisoformat(time)
        except ValueError:
            return -1
    elif time.tzinfo is None:
        found = time
    else:
        return -1
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH) // _US
