"""Lines of one customer in which nothing is wrong: read one by one, where a table's checks would find nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
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
    try:
        customers, items = [line[CUSTOMER] for line in lines], [line[ITEM] for line in lines]
        times, pieces = [line[TIME] for line in lines], [line.get(QUANTITY, 1) for line in lines]
    except KeyError:
        return None
    kinds = [set(map(type, column)) for column in (customers, items, times)]
    if [len(k) for k in kinds] != [1, 1, 1] or not kinds[1] <= {str, int} or not kinds[2] <= {str, datetime}:
        return None
    if not set(map(type, pieces)) <= {int, float} or not all(0 <= n < _MOST for n in set(pieces)):
        return None
    if len(set(customers)) > 1 or not _is_plain(customers[0]) or not all(map(_is_plain, set(items))):
        return None
    moments = {time: _moment(time) for time in set(times)}
    if min(moments.values()) < _1980:
        return None
    day = {time: moment // DAY_US for time, moment in moments.items() if moment < before}
    if len(day) < len(moments):
        items = [item for item, time in zip(items, times, strict=True) if time in day]
        times = [time for time in times if time in day]
    return PlainLines(customers[0], [day[time] for time in times], items) if times else None


@lru_cache(maxsize=1 << 16, typed=True)
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
