"""From predictions to offers: who gets what, when, over which channel, until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.offers.candidates import Candidates, gather
from nextbuy.offers.coupons import coupon_codes
from nextbuy.offers.door import open_predictions
from nextbuy.offers.expiry import expiry, mass_day
from nextbuy.offers.keys import hashes
from nextbuy.offers.log import may_contact, read_log
from nextbuy.offers.notes import plan_notes
from nextbuy.offers.plan import OFFER_COLUMNS, SUPPRESSED_COLUMNS, OfferPlan, floats
from nextbuy.offers.policy import OfferPolicy
from nextbuy.offers.rounds import Rounds
from nextbuy.offers.rules import hard_rules, rescue_silent, sentences
from nextbuy.offers.value import Uplift, Value, offer_value
from nextbuy.orders.catalog import read_catalog
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import DAY_US, dates
from nextbuy.orders.table import to_us

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
            `item_id` and any of `name, category, price, unit_margin, stock, durable`.
        contacts : frame, path or list of dict, optional
            The contact log: `customer_id, sent_on`, optional `item_id`, `channel`, `control` (true: held out, nothing
            was sent) and `bought` (bought within the horizon). Contacts planned for days to come count as well.
        consent : frame, path or list of dict, optional
            `customer_id`, optional `channel` (missing: all channels) and `consent` (missing: true). Who is not in the
            table has not agreed.
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
        table = open_predictions(predictions)
        known = read_catalog(catalog) if catalog is not None else None
        run_id = run_id or f"{policy.campaign}-{np.datetime64(int(first), 'D')}"
        c = gather(table, known, policy, first)
        log = read_log(contacts, c, policy, first)
        uplift = (
            Uplift(
                policy.relative_uplift, f"relative uplift {policy.relative_uplift:+.1%} given by the policy"
            )
            if policy.relative_uplift is not None
            else log.uplift
        )
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
        rounds = Rounds(
            c.customer,
            c.category if policy.one_per_category else np.full(len(c), -1),
            c.pools,
            c.quota.copy(),
            value.worth,
            value.spend,
            c.low,
            c.high,
            c.target,
            *log.barred(c, policy.item_cooldown_days),
            log.calendar,
            np.inf if policy.budget is None else float(policy.budget),
        )
        rounds.run(np.flatnonzero(code == ""))
        rescue_silent(rounds, code, c, log, policy, value)
        asked = rounds.refused != ""
        code = np.where(rounds.send >= 0, "", np.where(asked, rounds.refused, code))
        return self._tables(
            c,
            code,
            rounds.send,
            value,
            channel,
            cost,
            uplift,
            run_id,
            as_of_day=first,
            model_version=model_version,
        )

    def _tables(
        self,
        c: Candidates,
        code: NDArray[np.str_],
        send: NDArray[np.int64],
        value: Value,
        channel: NDArray[np.int64],
        cost: NDArray[np.float64],
        uplift: Uplift,
        run_id: str,
        *,
        as_of_day: int,
        model_version: str | None,
    ) -> OfferPlan:
        policy = self.policy
        kept = np.flatnonzero(send >= 0)
        order = np.nan_to_num(value.expected[kept], nan=-np.inf)
        kept = kept[np.lexsort((kept, -value.worth[kept], -order, c.customer[kept]))]
        rank = np.arange(len(kept)) - np.searchsorted(c.customer[kept], c.customer[kept]) + 1
        out = np.flatnonzero(send < 0)
        names = pa.array([*policy.channels, None], pa.string())
        everything = {
            **{
                name: c.table.column(name, pa.string())
                for name in (
                    "customer_id",
                    "item_id",
                    "kind",
                    "trigger_item_id",
                    "window_status",
                    "reason_code",
                    "reason",
                    "source",
                )
            },
            **{
                name: dates(c.table.days(name))
                for name in ("trigger_date", "window_start", "best_date", "window_end")
            },
            "evidence_exposed": c.table.column("evidence_exposed", pa.int64()),
            "evidence_followed": c.table.column("evidence_followed", pa.int64()),
            "model_version": c.table.column("model_version", pa.string())
            if c.table.has("model_version")
            else pa.array([model_version] * len(c), pa.string()),
            "item_name": c.item_name,
            "category": c.category_name,
            "channel": names.take(pa.array(channel)),
            "probability": pa.array(c.probability),
            "uplift": floats(value.uplift),
            "unit_margin": floats(c.unit_margin),
            "discount": floats(c.discount),
            "contact_cost": floats(cost),
            "expected_value": floats(value.expected),
        }
        control = c.control[c.customer]
        day = send[kept].astype(np.float64)
        number = {name: c.table.numbers(name)[kept] for name in ("lag_p10", "lag_p50", "lag_p90")}
        mass = mass_day(
            day,
            trigger=c.table.days("trigger_date")[kept],
            window_end=c.high[kept].astype(np.float64),
            **number,
        )
        last = np.inf if policy.deadline is None else float(to_us(policy.deadline) // DAY_US)
        pairs = [
            f"{a}\x1f{b}"
            for a, b in zip(
                c.customer_ids.take(pa.array(c.customer[kept])).to_pylist(),
                c.item_ids.take(pa.array(c.item[kept])).to_pylist(),
                strict=True,
            )
        ]
        codes = pa.nulls(len(kept), pa.string())
        if policy.coupons:
            codes = pa.array(
                coupon_codes(pairs, run_id=f"{policy.salt} {run_id}").tolist(),
                pa.string(),
                mask=control[kept],
            )
        mine = {name: column.take(pa.array(kept)) for name, column in everything.items()} | {
            "offer_id": pa.array(
                [f"{run_id}-{h:016x}" for h in hashes(pairs, key=run_id, purpose="offer").tolist()],
                pa.string(),
            ),
            "offer_rank": pa.array(rank, pa.int64()),
            "send_on": dates(day),
            "expires_on": dates(expiry(day, mass=mass, ttl_days=policy.ttl_days, deadline=last)),
            "coupon_code": codes,
            "control": pa.array(control[kept]),
            "arm": pa.array(np.where(control[kept], "control", "treatment").tolist(), pa.string()),
        }
        theirs = {name: column.take(pa.array(out)) for name, column in everything.items()} | {
            "reason_code": pa.array(code[out].tolist(), pa.string()),
            "reason": pa.array(sentences(code[out], c, out), pa.string()),
        }
        notes, facts = plan_notes(policy, value, uplift, c, kept)
        facts = {
            "as_of": str(np.datetime64(int(as_of_day), "D")),
            "model_version": model_version,
            "policy": policy.to_dict(),
            **facts,
        }
        return OfferPlan(
            pa.table({n: mine[n] for n in OFFER_COLUMNS}),
            pa.table({n: theirs[n] for n in SUPPRESSED_COLUMNS}),
            c.table.backend,
            run_id,
            notes,
            facts,
        )
