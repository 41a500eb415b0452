"""Files that common tools import, in the formats of their public documentation."""

from __future__ import annotations

import codecs
import io
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from nextbuy.cells import harmless
from nextbuy.orders.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nextbuy.offers.plan import OfferPlan

KLAVIYO_EVENTS = 1000  # in one request
METRIC = "Offer planned"
BRAZE_TEXT = 255  # characters of an attribute
KLAVIYO_PROPERTIES = (
    "offer_id",
    "offer_rank",
    "item_id",
    "item_name",
    "category",
    "channel",
    "coupon_code",
    "reason",
    "expires_on",
    "discount",
    "probability",
    "occasion",
)


def klaviyo(plan: OfferPlan) -> bytes:
    """Write one event for each offer, for Klaviyo's bulk create events: one request body a line.

    At most 1,000 events a request. The profile is named by `email` where the customer's id is one, else by
    `external_id`; the event by `unique_id` (the offer), so that a body that is posted twice counts once. `time` is the
    day to send, `value` the expected value.

    References
    ----------
    https://developers.klaviyo.com/en/reference/bulk_create_events and, for the limits,
    https://developers.klaviyo.com/en/reference/events_api_overview
    """
    rows = _sent(plan).to_pylist()

    def event(row: dict[str, Any]) -> dict[str, Any]:
        properties = {name: row[name] for name in KLAVIYO_PROPERTIES if row[name] is not None}
        attributes: dict[str, Any] = {"properties": properties, "time": f"{row['send_on']}T00:00:00+00:00"}
        if row["expected_value"] is not None:
            attributes["value"] = row["expected_value"]
        attributes["unique_id"] = row["offer_id"]
        attributes["metric"] = {"data": {"type": "metric", "attributes": {"name": METRIC}}}
        name = "email" if "@" in row["customer_id"] else "external_id"
        profile = {"data": {"type": "profile", "attributes": {name: row["customer_id"]}}}
        return {
            "type": "event-bulk-create",
            "attributes": {
                "profile": profile,
                "events": {"data": [{"type": "event", "attributes": attributes}]},
            },
        }

    return _lines(
        {
            "data": {
                "type": "event-bulk-create-job",
                "attributes": {
                    "events-bulk-create": {"data": [event(row) for row in rows[at : at + KLAVIYO_EVENTS]]}
                },
            }
        }
        for at in range(0, len(rows), KLAVIYO_EVENTS)
    )


def braze(plan: OfferPlan) -> bytes:
    """Write each customer's best offer as custom attributes, for Braze's CSV import of users.

    One row a user, named by `external_id`; times in ISO 8601; what is blank overwrites nothing; text is cut after 255
    characters, the most that an attribute holds. UTF-8.

    References
    ----------
    https://www.braze.com/docs/user_guide/data/unification/user_data/import_users/csv/ and
    https://www.braze.com/docs/user_guide/data/activation/custom_data/data_types/
    """
    first = _best(plan)
    columns = {"external_id": first.column("customer_id")}
    names = ("offer_id", "item_id", "item_name", "category", "coupon_code", "reason", "occasion")
    columns |= {
        f"nextbuy_{name}": pc.utf8_slice_codeunits(first.column(name), 0, BRAZE_TEXT) for name in names
    }
    for name in ("send_on", "expires_on"):
        columns[f"nextbuy_{name}"] = pc.binary_join_element_wise(first.column(name), "T00:00:00Z", "")
    return _csv(pa.table(columns))


def personalize(plan: OfferPlan) -> bytes:
    """Write each customer's offers as Amazon Personalize writes its batch recommendations: JSON lines.

    What reads the output of a batch inference job reads this file too; the scores are probabilities.

    References
    ----------
    https://docs.aws.amazon.com/personalize/latest/dg/batch-inference-job-output-examples.html
    """
    people: dict[str, tuple[list[str], list[float]]] = {}
    for row in _sent(plan).to_pylist():
        items, scores = people.setdefault(row["customer_id"], ([], []))
        items.append(row["item_id"])
        scores.append(row["probability"])
    return _lines(
        {
            "input": {"userId": person},
            "output": {"recommendedItems": items, "scores": scores},
            "error": None,
        }
        for person, (items, scores) in people.items()
    )


def dynamic_yield(plan: OfferPlan) -> bytes:
    """Write each customer's best offer as Dynamic Yield's user data feed, the file CRM_data.csv.

    The first column is the identifier (`cuid`), the others are attributes, none of them personal; an id that is an
    email address is written as the SHA-256 of its lower case, as the tool recommends. UTF-8, with a byte order mark, as
    its documentation asks for where other than Latin letters occur.

    References
    ----------
    https://dy.dev/docs/sync-csv
    """
    first = _best(plan)
    names = ("item_id", "item_name", "category", "send_on", "expires_on", "coupon_code", "probability")
    ids = [
        sha256(i.lower().encode()).hexdigest() if "@" in i else i
        for i in first.column("customer_id").to_pylist()
    ]
    columns: dict[str, Any] = {"cuid": pa.array(ids, pa.string())}
    columns |= {f"next_{name}" if name[0] == "i" else name: first.column(name) for name in names}
    return codecs.BOM_UTF8 + _csv(pa.table(columns))


ADAPTERS: dict[str, tuple[str, Callable[[OfferPlan], bytes]]] = {
    "klaviyo": ("klaviyo.jsonl", klaviyo),
    "braze": ("braze.csv", braze),
    "personalize": ("personalize.jsonl", personalize),
    "dynamic_yield": ("CRM_data.csv", dynamic_yield),
}


def check_adapters(names: Sequence[str]) -> None:
    """Refuse a name that is no adapter's, with the nearest one."""
    for name in names:
        if name not in ADAPTERS:
            close = nearest(name, ADAPTERS, most=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise InputError(f"There is no adapter {name!r}.{hint} Known: {', '.join(ADAPTERS)}.")


def adapter_files(plan: OfferPlan, names: Sequence[str]) -> dict[str, bytes]:
    """Give the files of the adapters asked for, by file name.

    Raises
    ------
    InputError
        When there is no such adapter.
    """
    check_adapters(names)
    return {ADAPTERS[name][0]: ADAPTERS[name][1](plan) for name in dict.fromkeys(names)}


def _sent(plan: OfferPlan) -> pa.Table:
    """Give what goes out, ids as text and days as 2026-06-01."""
    sent = plan.delivery_table
    for name in ("customer_id", "item_id"):
        sent = _replaced(sent, name, pc.cast(sent.column(name), pa.string()))
    for name in ("send_on", "expires_on"):
        day = pc.strftime(sent.column(name).cast(pa.timestamp("s")), "%Y-%m-%d")
        sent = _replaced(sent, name, day)
    return sent


def _best(plan: OfferPlan) -> pa.Table:
    sent = _sent(plan)
    return sent.filter(pc.equal(sent.column("offer_rank"), 1))


def _replaced(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def _lines(rows: Iterable[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()


def _csv(table: pa.Table) -> bytes:
    # an id such as +359 88 stays what it is: an apostrophe would make another one of it
    columns = [harmless(c, numbers=True) if pa.types.is_string(c.type) else c for c in table.columns]
    table = pa.table(columns, names=table.column_names)
    sink = io.BytesIO()
    csv.write_csv(table, sink, csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()
