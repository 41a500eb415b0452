"""What was sent before: the contact log, consent, and what both say about a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.calendar import Calendar
from nextbuy.offers.door import Table, open_table, places_of
from nextbuy.offers.value import Uplift, measured_uplift
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.offers.candidates import Candidates
    from nextbuy.offers.policy import OfferPolicy


@dataclass(frozen=True, eq=False)
class Log:
    """Contacts of the customers of a plan.

    Attributes
    ----------
    customer, item, day : ndarray of int64
        One entry a contact that was sent; item -1: unknown. Days since 1970-01-01.
    calendar : Calendar
        The same by customer and day.
    last : ndarray of float64
        Day of the last contact by customer; negative infinity where there was none.
    uplift : Uplift
    """

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    day: NDArray[np.int64]
    calendar: Calendar
    last: NDArray[np.float64]
    uplift: Uplift

    def barred(
        self, c: Candidates, cooldown_days: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Give candidates, by rising number, with the spans of days that the item's cool-down closes to them."""
        none = np.zeros(0, np.int64)
        contact = np.flatnonzero(self.item >= 0)
        if not cooldown_days or not len(contact):
            return none, none, none
        size = len(c.item_ids)
        key = self.customer[contact] * size + self.item[contact]
        wanted = c.customer * size + c.item
        by = np.argsort(wanted, kind="stable")
        at = np.minimum(np.searchsorted(wanted[by], key), len(by) - 1)
        hit = wanted[by][at] == key
        row, day = by[at[hit]], self.day[contact[hit]]
        order = np.argsort(row, kind="stable")
        row, day = row[order], day[order]
        return row, day - cooldown_days + 1, day + cooldown_days - 1


def read_log(contacts: Any, c: Candidates, policy: OfferPolicy, first: int) -> Log:
    """Read the contact log and put it into a calendar."""
    calendar = Calendar(
        len(c.customer_ids),
        first_day=first,
        days=policy.plan_days,
        quiet_days=policy.quiet_days,
        cap=policy.max_per_customer,
        cap_days=policy.cap_days,
    )
    last = np.full(len(c.customer_ids), -np.inf)
    none = np.zeros(0, np.int64)
    if contacts is None:
        missing = Uplift(None, "uplift not identified: there is no contact log")
        return Log(none, none, none, calendar, last, missing)
    table = open_table(contacts, what="contacts", needed=("customer_id", "sent_on"))
    ids = table.ids("customer_id")
    table.refuse(np.asarray(ids.is_null()), "customer_id", "missing", "Give each contact its customer.")
    day = table.days("sent_on")
    table.refuse(np.isnan(day), "sent_on", "missing", "Give each contact its day, as 2026-06-01.")
    control, _ = table.flags("control")
    code = places_of(c.customer_ids, ids)
    item = places_of(c.item_ids, table.ids("item_id")) if table.has("item_id") else np.full(len(table), -1)
    sent = np.flatnonzero((code >= 0) & ~control)
    days = day[sent].astype(np.int64)
    calendar.add(code[sent], days)
    np.maximum.at(last, code[sent], day[sent])
    return Log(
        code[sent],
        item[sent],
        days,
        calendar,
        last,
        _uplift(table, ids, day, control, first - policy.horizon_days),
    )


def _uplift(
    table: Table, ids: pa.Array, day: NDArray[np.float64], control: NDArray[np.bool_], until: int
) -> Uplift:
    """Compare contacted and held-out customers whose horizon has ended."""
    if not table.has("bought") or not table.has("control"):
        return Uplift(None, "uplift not identified: the contact log has no columns control and bought")
    bought, known = table.flags("bought")
    use = np.flatnonzero(known & (day <= until))
    customer = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)[use]
    size = int(customer.max(initial=-1)) + 1
    # a customer is one person, however many messages there were
    held, sent, buys = np.zeros(size, bool), np.zeros(size, bool), np.zeros(size, bool)
    held[customer[control[use]]] = True
    sent[customer[~control[use]]] = True
    buys[customer[bought[use]]] = True
    treated, pure = sent & ~held, held & ~sent
    return measured_uplift(
        treated=int(treated.sum()),
        treated_bought=int((treated & buys).sum()),
        control=int(pure.sum()),
        control_bought=int((pure & buys).sum()),
    )


def may_contact(consent: Any, c: Candidates, policy: OfferPolicy) -> NDArray[np.int64]:
    """Give each candidate's channel, the cheapest agreed to; the number of channels where there is none."""
    names = list(policy.channels)
    if consent is None:
        if policy.require_consent:
            raise InputError(
                "The policy says require_consent, but there is no consent table. Try plan(..., consent=frame) "
                "with the columns customer_id and channel."
            )
        allowed = np.ones((len(c.customer_ids), len(names)), dtype=bool)
    else:
        table = open_table(consent, what="consent", needed=("customer_id",))
        code = places_of(c.customer_ids, table.ids("customer_id"))
        given, known = table.flags("consent")
        yes = given | ~known if not table.has("consent") else given
        channel = table.column("channel", pa.string()).cast(pa.string())
        allowed = np.zeros((len(c.customer_ids), len(names)), dtype=bool)
        refused = np.zeros_like(allowed)
        for place, name in enumerate(names):
            meant = np.asarray(pc.equal(channel, name).fill_null(True)) & (code >= 0)
            allowed[code[meant & yes], place] = True
            refused[code[meant & ~yes], place] = True
        # one no outweighs a yes
        allowed &= ~refused
    cost = np.where(allowed, np.array(list(policy.channels.values()), np.float64), np.inf)
    best = np.argmin(cost, axis=1)
    return np.where(allowed.any(1), best, len(names))[c.customer]
