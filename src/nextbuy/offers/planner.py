"""From predictions to offers: who gets what, when, over which channel, until when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from nextbuy.offers.candidates import gather
from nextbuy.offers.door import open_predictions
from nextbuy.offers.log import may_contact, read_log
from nextbuy.offers.notes import plan_notes
from nextbuy.offers.occasions import Occasions
from nextbuy.offers.plan import OfferPlan
from nextbuy.offers.policy import OfferPolicy
from nextbuy.offers.rounds import Rounds
from nextbuy.offers.rules import hard_rules, rescue_silent
from nextbuy.offers.tables import Decisions, both_tables
from nextbuy.offers.value import Uplift, offer_value
from nextbuy.orders.catalog import read_catalog
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.table import to_us


class OfferPlanner:
    """Turn predictions into offers by the rules of a policy.

    Parameters
    ----------
    policy : OfferPolicy, default OfferPolicy()

    Examples
    --------
    >>> predictions = [
    ...     {"customer_id": "C-1", "item_id": "bathtub", "probability": 0.2},
    ...     {"customer_id": "C-1", "item_id": "tap", "probability": 0.1},
    ...     {"customer_id": "C-2", "item_id": "tap", "probability": 0.3},
    ... ]
    >>> planner = OfferPlanner(OfferPolicy(max_per_customer=1))
    >>> plan = planner.plan(predictions, as_of="2026-06-01")
    >>> plan.offers[["customer_id", "item_id", "send_on"]]
      customer_id  item_id    send_on
    0         C-1  bathtub 2026-06-01
    1         C-2      tap 2026-06-01
    >>> plan.suppressed[["customer_id", "item_id", "reason_code"]]
      customer_id item_id reason_code
    0         C-1     tap         cap
    """

    def __init__(self, policy: OfferPolicy | None = None) -> None:
        if policy is not None and not isinstance(policy, OfferPolicy):
            raise InputError(
                f"policy must be an OfferPolicy, not {type(policy).__name__}. "
                "Try OfferPolicy(...), OfferPolicy.from_dict(...) or OfferPolicy.from_toml('policy.toml')."
            )
        self.policy = policy or OfferPolicy()

    def __repr__(self) -> str:
        return f"OfferPlanner({self.policy!r})"

    def plan(
        self,
        predictions: Any,
        *,
        as_of: Any = None,
        catalog: Any = None,
        contacts: Any = None,
        consent: Any = None,
        stock: Any = None,
        occasions: Any = None,
        run_id: str | None = None,
        model_version: str | None = None,
    ) -> OfferPlan:
        """Plan the offers of one run.

        Parameters
        ----------
        predictions : frame, path or list of dict
            As `NextPurchase.predict` gives them; `customer_id`, `item_id` and `probability` are needed.
        as_of : date, datetime or str
            First day on which something can be sent, UTC. May be left out when the frame carries
            `attrs["as_of"]`; the clock on the wall is never asked.
        catalog : Catalog, frame, path or list of dict, optional
            `item_id` and any of `name, category, price, unit_margin, stock, durable, commission` (share of the price
            that a partner pays for what it sells; such items get no discount).
        contacts : frame, path or list of dict, optional
            The contact log: `customer_id, sent_on`, optional `item_id`, `channel`, `control` (true: held out, nothing
            was sent) and `bought` (bought within the horizon). Contacts planned for days to come count as well.
        consent : frame, path or list of dict, optional
            `customer_id`, optional `channel` (missing: all channels) and `consent` (missing: true). Who is not in the
            table has not agreed.
        stock : frame, path or list of dict, optional
            `item_id, stock`: pieces today; items that are not in it keep the catalog's.
        occasions : frame, path or list of dict, optional
            Holidays and birthdays, see `occasion_calendar`: `date, occasion`, optional `customer_id` (missing:
            everybody). An offer whose window holds the day is sent on it and carries the greeting: one message, never
            two. `greetings` of the plan says what becomes of each.
        run_id : str, optional
            Name of the run; by default the campaign and as_of.
        model_version : str, optional
            Goes into the column of that name where predictions have none.

        Returns
        -------
        OfferPlan
            `offers`, `suppressed`, `summary` in the predictions' kind of frame. Every candidate is in exactly one of
            the first two.

        Raises
        ------
        InputError
            When a table lacks a column or holds what cannot be used; the message says where.
        """
        policy = self.policy
        if as_of is None:
            as_of = getattr(predictions, "attrs", {}).get("as_of")
        if as_of is None:
            raise InputError(
                "plan needs as_of, the first day on which something can be sent. Try as_of='2026-06-01'."
            )
        first = to_us(as_of) // DAY_US
        day = str(np.datetime64(int(first), "D"))
        table = open_predictions(predictions)
        known = read_catalog(catalog) if catalog is not None else None
        run_id = run_id or f"{policy.campaign}-{day}"
        c = gather(table, known, policy, first, stock=stock)
        days = Occasions(occasions, c, first=first, days=policy.plan_days)
        if len(days):
            c = replace(c, target=days.pull(c))
        log = read_log(contacts, c, policy, first)
        uplift = log.uplift
        if policy.relative_uplift is not None:
            said = f"relative uplift {policy.relative_uplift:+.1%} is given by the policy"
            uplift = Uplift(policy.relative_uplift, said)
        channel = may_contact(consent, c, policy)
        cost = np.append(list(policy.channels.values()), 0.0)[channel]
        value = offer_value(
            probability=c.probability,
            unit_margin=c.unit_margin,
            discount=c.discount,
            contact_cost=cost,
            relative_uplift=uplift.relative,
            value=policy.value,
            why_not=uplift.text,
        )
        code = hard_rules(c, policy, channel=channel, value=value)
        barred, barred_from, barred_to = log.barred(c, policy.item_cooldown_days)
        rounds = Rounds(
            customer=c.customer,
            category=c.category if policy.one_per_category else np.full(len(c), -1),
            pools=c.pools,
            left=c.quota.copy(),
            worth=value.worth,
            spend=value.spend,
            low=c.low,
            high=c.high,
            target=c.target,
            barred=barred,
            barred_from=barred_from,
            barred_to=barred_to,
            calendar=log.calendar,
            budget=np.inf if policy.budget is None else float(policy.budget),
        )
        rounds.run(np.flatnonzero(code == ""))
        rescue_silent(rounds, code, c, log, policy)
        code = np.where(rounds.refused != "", rounds.refused, code)
        code = np.where(rounds.send >= 0, "", code)
        decided = Decisions(rounds.send, code, channel, cost, value)
        kept = decided.kept(c)
        offers, suppressed = both_tables(c, decided, policy, run_id=run_id, model_version=model_version)
        greetings, carrier = days.greet(
            c, log.calendar, send=rounds.send, channel=channel, channels=tuple(policy.channels)
        )
        offers = offers.append_column("occasion", days.names(c.customer[kept], rounds.send[kept]))
        place = np.full(len(c) + 1, -1)
        place[kept] = np.arange(len(kept))
        greetings = greetings.append_column(
            "offer_id",
            offers.column("offer_id").combine_chunks().take(pa.array(place[carrier], mask=carrier < 0)),
        )
        notes, facts = plan_notes(policy, value, uplift, c, kept)
        notes += days.notes(greetings)
        facts = {"as_of": day, "model_version": model_version, "policy": policy.public()} | facts
        return OfferPlan(offers, suppressed, table.backend, run_id, notes, facts, greetings)
