"""From decisions to the tables a reader gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.coupons import coupon_codes
from nextbuy.offers.expiry import expiry, mass_day
from nextbuy.offers.keys import hashes
from nextbuy.offers.plan import OFFER_COLUMNS, SUPPRESSED_COLUMNS
from nextbuy.offers.rules import sentences
from nextbuy.orders.frames import dates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.candidates import Candidates
    from nextbuy.offers.policy import OfferPolicy
    from nextbuy.offers.value import Value

IDS = ("customer_id", "item_id", "trigger_item_id")  # keep the caller's own type
TEXTS = ("kind", "window_status", "reason_code", "reason", "source", "model_version")
DATES = ("trigger_date", "window_start", "best_date", "window_end")
COUNTS = ("evidence_exposed", "evidence_followed")


@dataclass(frozen=True, eq=False)
class Decisions:
    """What was decided on each candidate.

    Attributes
    ----------
    send : ndarray of int64
        Day since 1970-01-01; -1: suppressed.
    code : ndarray of str
        Why it was suppressed; "" where it was kept.
    channel : ndarray of int64
        Place among the policy's channels; their number where there is none.
    cost : ndarray of float64
        Of one contact over that channel.
    value : Value
    """

    send: NDArray[np.int64]
    code: NDArray[np.str_]
    channel: NDArray[np.int64]
    cost: NDArray[np.float64]
    value: Value

    def kept(self, c: Candidates) -> NDArray[np.int64]:
        """Give the kept candidates by customer and falling value."""
        rows = np.flatnonzero(self.send >= 0)
        expected = np.nan_to_num(self.value.expected[rows], nan=-np.inf)
        return rows[np.lexsort((rows, -self.value.worth[rows], -expected, c.customer[rows]))]


def both_tables(
    c: Candidates, decided: Decisions, policy: OfferPolicy, *, run_id: str, model_version: str | None
) -> tuple[pa.Table, pa.Table]:
    """Give the offers and the suppressed candidates, columns as in `OFFER_COLUMNS` and `SUPPRESSED_COLUMNS`."""
    everything = _shared(c, decided, policy, model_version)
    kept, out = decided.kept(c), np.flatnonzero(decided.send < 0)
    offers = {name: column.take(pa.array(kept)) for name, column in everything.items()}
    offers |= _own(c, decided, kept, policy, run_id)
    suppressed = {name: column.take(pa.array(out)) for name, column in everything.items()} | {
        "reason_code": pa.array(decided.code[out].tolist(), pa.string()),
        "reason": pa.array(sentences(decided.code[out], c, out), pa.string()),
    }
    return pa.table({n: offers[n] for n in OFFER_COLUMNS if n in offers}), pa.table(
        {n: suppressed[n] for n in SUPPRESSED_COLUMNS}
    )


def _shared(
    c: Candidates, decided: Decisions, policy: OfferPolicy, model_version: str | None
) -> dict[str, pa.Array]:
    channels = pa.array([*policy.channels, None], pa.string())
    columns = {name: c.table.column(name, pa.string()) for name in IDS}
    columns |= {name: pc.cast(c.table.column(name, pa.string()), pa.string()) for name in TEXTS}
    if not c.table.has("model_version"):
        columns["model_version"] = pa.array([model_version] * len(c), pa.string())
    columns |= {name: dates(c.table.days(name)) for name in DATES}
    columns |= {name: pc.cast(_floats(c.table.numbers(name)), pa.int64(), safe=False) for name in COUNTS}
    value = decided.value
    numbers = {
        "probability": c.probability,
        "uplift": value.uplift,
        "unit_margin": c.unit_margin,
        "discount": c.discount,
        "contact_cost": np.where(decided.channel < len(policy.channels), decided.cost, np.nan),
        "expected_value": value.expected,
    }
    return columns | {
        "item_name": c.item_name,
        "category": c.category_name,
        "channel": channels.take(pa.array(decided.channel)),
        **{name: _floats(values) for name, values in numbers.items()},
    }


def _own(
    c: Candidates, decided: Decisions, kept: NDArray[np.int64], policy: OfferPolicy, run_id: str
) -> dict[str, pa.Array]:
    """Give the columns that only offers have."""
    customer = c.customer[kept]
    control = c.control[customer]
    day = decided.send[kept].astype(np.float64)
    ends = np.where(np.isnan(c.ends[kept]), day + policy.ttl_days, c.ends[kept])
    mass = mass_day(
        day,
        trigger=c.table.days("trigger_date")[kept],
        lag_p10=c.table.numbers("lag_p10")[kept],
        lag_p50=c.table.numbers("lag_p50")[kept],
        lag_p90=c.table.numbers("lag_p90")[kept],
        window_end=ends,
    )
    # a pair of ids names an offer within its run
    people = c.customer_ids.take(pa.array(customer)).to_pylist()
    items = c.item_ids.take(pa.array(c.item[kept])).to_pylist()
    names = [f"{person}\x1f{item}" for person, item in zip(people, items, strict=True)]
    coupons = pa.nulls(len(kept), pa.string())
    if policy.coupons:
        codes = coupon_codes(names, run_id=f"{policy.salt}\x1f{run_id}")
        coupons = pa.array(codes.tolist(), pa.string(), mask=control)
    numbers = hashes(names, key=run_id, purpose="offer").tolist()
    return {
        "offer_id": pa.array([f"{run_id}-{number:016x}" for number in numbers], pa.string()),
        "offer_rank": pa.array(np.arange(len(kept)) - np.searchsorted(customer, customer) + 1, pa.int64()),
        "send_on": dates(day),
        "expires_on": dates(expiry(day, mass=mass, ttl_days=policy.ttl_days, deadline=policy.deadline_day)),
        "coupon_code": coupons,
        "control": pa.array(control),
        "arm": pa.array(np.where(control, "control", "treatment").tolist(), pa.string()),
    }


def _floats(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(np.asarray(values, np.float64), from_pandas=True)
