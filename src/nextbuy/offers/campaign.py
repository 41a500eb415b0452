"""Did the campaign help: the arms of a plan, compared on what was bought afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.mining.measures import wilson_interval
from nextbuy.offers.door import open_table
from nextbuy.offers.effect import Difference, difference_of_means, newcombe
from nextbuy.offers.plan import OfferPlan
from nextbuy.offers.value import Uplift, measured_uplift
from nextbuy.offers.watched import Watched, discounts_paid, reached
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import to_frame
from nextbuy.orders.table import Orders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LEVELS = ("category", "item")
ARMS = ("treatment", "control")


@dataclass(frozen=True, eq=False)
class CampaignReport:
    """What became of a plan. Made by `campaign_report`.

    Attributes
    ----------
    arms_table, log_table : pyarrow.Table
        What `arms` and `log` show.
    facts : dict
        Figures as plain values; null where not identified: `identified, response_days, level, difference,
        difference_low, difference_high, relative_uplift, incremental_buyers(_low, _high),
        incremental_contribution(_low, _high), contact_cost, discounts, roi(_low, _high), young_offers,
        contacted_controls`.
    notes : tuple of str
        The same in sentences.
    backend : {"pandas", "polars", "pyarrow"}
    """

    arms_table: pa.Table
    log_table: pa.Table
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
    backend: str = "pandas"
    uplift: Uplift = field(default_factory=lambda: Uplift(None, ""))

    @property
    def arms(self) -> Any:
        """Give one row an arm.

        Columns: arm, customers, contacted, buyers, rate, rate_low, rate_high (Wilson), revenue, contribution,
        contribution_per_customer (margin of what answered, less discounts; null without margins).
        """
        return to_frame(self.arms_table, self.backend)

    @property
    def log(self) -> Any:
        """Give the offers as the next plan's contact log.

        Columns: customer_id, item_id, sent_on, channel, control, bought.
        """
        return to_frame(self.log_table, self.backend)

    @property
    def identified(self) -> bool:
        """Whether there are two arms, so that the effect can be told from what would have happened anyway."""
        return bool(self.facts["identified"])

    def __repr__(self) -> str:
        return "\n".join(["CampaignReport", *self.notes])


def campaign_report(
    plan: Any,
    orders: Orders,
    contacts: Any = None,
    *,
    response_days: int = 30,
    level: str = "category",
) -> CampaignReport:
    """Compare those who got offers with those held out, on what they bought afterwards.

    Customers count in the arm that the lot gave them, whether or not their message arrived (intention to treat);
    those held out have planned days too, so both arms are watched alike.

    Parameters
    ----------
    plan : OfferPlan, frame or path
        The plan, the directory that `write_plan` or `nextbuy plan` wrote, or offers with customer_id, item_id, send_on,
        control and what else they have.
    orders : Orders
        What happened, before and after, read with the catalog.
    contacts : frame, path or list of dict, optional
        What was really sent: `customer_id, sent_on`, optional `cost` (money; else the plan's contact_cost). Without
        it everything is taken as sent.
    response_days : int, default 30
        A purchase within so many days from send_on on answers the offer.
    level : {"category", "item"}, default "category"
        What answers: the same category (where the catalog has one), or the very item.

    Returns
    -------
    CampaignReport

    Raises
    ------
    InputError
        When a table lacks a column, no offer has been watched long enough, or a parameter makes no sense.

    References
    ----------
    Newcombe (1998) for the difference; Katz et al. (1978) for the relative uplift.

    Examples
    --------
    >>> import nextbuy as nb
    >>> from nextbuy.offers import draw_holdout
    >>> people = [f"C{i}" for i in range(1000)]
    >>> held = draw_holdout(people, share=0.5, salt="shop")
    >>> plan = [
    ...     {"customer_id": c, "item_id": "tap", "send_on": "2026-06-01", "control": bool(h)}
    ...     for c, h in zip(people, held)
    ... ]
    >>> buyers = [c for i, (c, h) in enumerate(zip(people, held)) if i % (10 if h else 5) == 0] + ["somebody"]
    >>> lines = [{"customer_id": c, "timestamp": "2026-06-09", "item_id": "tap"} for c in buyers]
    >>> lines += [{"customer_id": "somebody", "timestamp": "2026-07-05", "item_id": "tap"}]
    >>> report = nb.campaign_report(plan, nb.read_orders(lines))
    >>> report.arms[["arm", "customers", "buyers"]]
             arm  customers  buyers
    0  treatment        509     108
    1    control        491      44
    >>> print(report.notes[0])
    Of 509 treated customers 108 bought (21.22%), of 491 held out 44 (8.96%): +12.26 points, 95 % interval +7.87
    to +16.62.
    """
    _check(orders, response_days, level)
    if isinstance(plan, OfferPlan):
        plan = plan.offers_table
    elif isinstance(plan, (str, Path)) and Path(plan).is_dir():
        plan = Path(plan) / "offers.parquet"
    offers = open_table(plan, what="plan", needed=("customer_id", "item_id", "send_on", "control"))
    found = Watched.of(offers, orders, response_days, level)
    sent, cost = reached(contacts, found)
    arms, parts = _arms(found, orders, sent)
    facts, uplift = _effect(parts, cost)
    facts |= {
        "response_days": response_days,
        "level": level,
        "young_offers": found.young,
        "contacted_controls": int(np.sum(sent[found.control])) if contacts is not None else 0,
    }
    return CampaignReport(
        arms, found.log(), facts, tuple(_notes(parts, facts, uplift)), orders.backend, uplift
    )


def _check(orders: Any, response_days: Any, level: str) -> None:
    if not isinstance(orders, Orders):
        raise InputError(
            f"campaign_report needs Orders, not {type(orders).__name__}. "
            "Try campaign_report(plan, read_orders(source))."
        )
    if not orders.has_customers:
        raise InputError(
            "The orders have no customer column, so nobody's answer can be seen. Try read_orders(..., customer='...')."
        )
    if isinstance(response_days, bool) or not isinstance(response_days, int) or response_days < 1:
        raise InputError(f"response_days={response_days!r} must be a whole number, at least 1.")
    if level not in LEVELS:
        raise InputError(f"level={level!r} is not known. Try level='category' or 'item'.")


@dataclass(frozen=True, eq=False)
class _Arm:
    customers: int
    buyers: int
    contribution: NDArray[np.float64]  # by customer
    discounts: float
    margins: bool


def _arms(found: Watched, orders: Orders, sent: NDArray[np.bool_]) -> tuple[pa.Table, dict[str, _Arm]]:
    unit = np.full(orders.n_items, np.nan)
    if orders.catalog is not None and "unit_margin" in orders.catalog.columns:
        column = orders.catalog.column("unit_margin", orders.item_ids)
        unit = np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
    line = found.line
    quantity = np.nan_to_num(orders.quantity[line], nan=1.0)
    margin = np.nan_to_num(quantity * unit[orders.item[line]])
    revenue = np.nan_to_num(quantity * orders.price[line])
    off = discounts_paid(found, orders)
    n = orders.n_customers
    by_code = [np.bincount(orders.customer[line], values, n) for values in (margin, revenue)]
    parts, rows = {}, []
    for arm, mine in (("treatment", ~found.control), ("control", found.control)):
        people, first = np.unique(found.person[mine], return_index=True)
        code = found.code[mine][first]
        bought, reached = np.zeros(len(found.people), bool), np.zeros(len(found.people), bool)
        bought[found.person[mine & found.bought]] = True
        reached[found.person[mine & sent]] = True
        won, taken = (np.append(total, 0.0)[code] for total in by_code)
        given = np.bincount(found.person[mine], off[mine], len(found.people))[people]
        margins = bool(np.isfinite(unit).any())
        part = _Arm(len(people), int(bought.sum()), won - given, float(given.sum()), margins)
        parts[arm] = part
        some = part.customers > 0
        low, high = wilson_interval(np.array([part.buyers], float), np.array([max(part.customers, 1)], float))
        worth = float(part.contribution.sum())
        rows.append(
            {
                "arm": arm,
                "customers": part.customers,
                "contacted": int(reached.sum()),
                "buyers": part.buyers,
                "rate": part.buyers / part.customers if some else None,
                "rate_low": float(low[0]) if some else None,
                "rate_high": float(high[0]) if some else None,
                "revenue": float(taken.sum()) if np.isfinite(orders.price).any() else None,
                "contribution": worth if margins else None,
                "contribution_per_customer": worth / part.customers if margins and some else None,
            }
        )
    kinds = [pa.string(), *[pa.int64()] * 3, *[pa.float64()] * 6]
    schema = pa.schema(list(zip(rows[0], kinds, strict=True)))
    return pa.Table.from_pylist(rows, schema=schema), parts


def _effect(parts: Mapping[str, _Arm], cost: float) -> tuple[dict[str, Any], Uplift]:
    t, c = (parts[arm] for arm in ARMS)
    names = ("difference", "incremental_buyers", "incremental_contribution", "roi")
    facts: dict[str, Any] = {"identified": bool(t.customers and c.customers)}
    facts |= {f"{name}{end}": None for name in names for end in ("", "_low", "_high")}
    facts |= {"relative_uplift": None, "contact_cost": cost, "discounts": t.discounts}
    if not facts["identified"]:
        return facts, Uplift(None, "uplift not identified: the plan held nobody out")
    uplift = measured_uplift(
        treated=t.customers, treated_bought=t.buyers, control=c.customers, control_bought=c.buyers
    )
    facts["relative_uplift"] = uplift.relative
    gap = newcombe(t.buyers, t.customers, c.buyers, c.customers)
    _put(facts, "difference", gap)
    _put(facts, "incremental_buyers", gap, times=t.customers)
    if t.margins:
        worth = difference_of_means(t.contribution, c.contribution)
        _put(facts, "incremental_contribution", worth, times=t.customers)
        if cost > 0:
            total = Difference(*(v * t.customers / cost - 1 for v in (worth.value, worth.low, worth.high)))
            _put(facts, "roi", total)
    return facts, uplift


def _put(facts: dict[str, Any], name: str, gap: Difference, *, times: float = 1.0) -> None:
    for end, value in (("", gap.value), ("_low", gap.low), ("_high", gap.high)):
        facts[name + end] = float(value * times) if np.isfinite(value) else None


def _notes(parts: Mapping[str, _Arm], facts: Mapping[str, Any], uplift: Uplift) -> list[str]:
    t, c = (parts[arm] for arm in ARMS)
    notes: list[str] = []
    if facts["identified"]:
        points = [100 * facts[f"difference{end}"] for end in ("", "_low", "_high")]
        notes.append(
            f"Of {t.customers:,} treated customers {t.buyers:,} bought ({t.buyers / t.customers:.2%}), of "
            f"{c.customers:,} held out {c.buyers:,} ({c.buyers / c.customers:.2%}): {points[0]:+.2f} points, 95 % "
            f"interval {points[1]:+.2f} to {points[2]:+.2f}."
        )
        if points[1] <= 0 <= points[2]:
            notes.append("The interval holds zero: the campaign may have changed nothing.")
        notes.append(uplift.text[:1].upper() + uplift.text[1:] + ".")
        notes += _money(facts)
    else:
        some, other = ("treated", "held out") if t.customers else ("held out", "treated")
        n, bought = (t.customers, t.buyers) if t.customers else (c.customers, c.buyers)
        notes.append(
            f"Not identified: all {n:,} customers of the plan were {some}, nobody was {other}. {bought:,} of them "
            "bought, and nothing tells how many would have bought anyway. Plan with holdout=0.1."
        )
    if facts["contacted_controls"]:
        notes.append(
            f"{facts['contacted_controls']:,} offers of held-out customers were contacted all the same; they stay in "
            "their arm, so the difference is too small."
        )
    if facts["young_offers"]:
        notes.append(
            f"{facts['young_offers']:,} offers were left out: their {facts['response_days']} days have not passed."
        )
    return notes


def _money(facts: Mapping[str, Any]) -> list[str]:
    if facts["incremental_contribution"] is None:
        return ["What it earned is not known: the catalog has no unit_margin."]

    def span(name: str, form: str) -> str:
        low, high = facts[f"{name}_low"], facts[f"{name}_high"]
        known = low is not None and high is not None
        return f"{facts[name]:{form}}" + (f", 95 % interval {low:{form}} to {high:{form}}" if known else "")

    earned = span("incremental_contribution", ",.2f")
    costs = (
        f"after discounts of {facts['discounts']:,.2f}, before contact costs of {facts['contact_cost']:,.2f}"
    )
    notes = [f"Incremental contribution {earned}, {costs}."]
    if facts["roi"] is not None:
        notes.append(f"Return on contact costs {span('roi', '+.2f')} per unit of money spent.")
    return notes
