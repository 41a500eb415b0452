"""What came out: the offers, the suppressed candidates, the count of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nextbuy.offers.ledger import CODES, MEANING
from nextbuy.orders.frames import to_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

OFFER_COLUMNS = (
    "offer_id",
    "customer_id",
    "offer_rank",
    "item_id",
    "item_name",
    "category",
    "kind",
    "trigger_item_id",
    "trigger_date",
    "window_start",
    "best_date",
    "window_end",
    "window_status",
    "send_on",
    "expires_on",
    "channel",
    "probability",
    "uplift",
    "unit_margin",
    "discount",
    "contact_cost",
    "expected_value",
    "coupon_code",
    "reason_code",
    "reason",
    "evidence_exposed",
    "evidence_followed",
    "source",
    "control",
    "arm",
    "model_version",
    "occasion",
)
SUPPRESSED_COLUMNS = (
    "customer_id",
    "item_id",
    "item_name",
    "category",
    "kind",
    "reason_code",
    "reason",
    "window_start",
    "best_date",
    "window_end",
    "window_status",
    "channel",
    "probability",
    "uplift",
    "unit_margin",
    "discount",
    "contact_cost",
    "expected_value",
    "source",
    "model_version",
)


GREETINGS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("occasion", pa.string()),
        ("date", pa.timestamp("us")),
        ("outcome", pa.string()),
        ("channel", pa.string()),
        ("offer_id", pa.string()),
    ]
)


@dataclass(frozen=True, eq=False)
class OfferPlan:
    """The plan of one run. Made by `OfferPlanner.plan`.

    Attributes
    ----------
    offers_table, suppressed_table : pyarrow.Table
        What `offers` and `suppressed` show, as arrow tables.
    backend : {"pandas", "polars", "pyarrow"}
        The kind of frame the properties give.
    run_id : str
    notes : tuple of str
        What a reader must know: the ranking, the uplift, the holdout and its power, the budget.
    facts : dict
        The same in numbers, for a manifest.
    greetings_table : pyarrow.Table
        What `greetings` shows.
    """

    offers_table: pa.Table
    suppressed_table: pa.Table
    backend: str
    run_id: str
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    greetings_table: pa.Table = field(default_factory=GREETINGS.empty_table)

    @property
    def greetings(self) -> Any:
        """What becomes of each customer's holidays and birthdays in the plan's days; empty without `occasions`.

        Columns: customer_id, occasion, date, outcome (merged: an offer of that day carries it; alone: it goes out by
        itself; quiet, cap: the day is closed; no_consent, holdout: nothing is sent), channel, offer_id.
        """
        return to_frame(self.greetings_table, self.backend)

    @property
    def offers(self) -> Any:
        """Kept candidates, control rows included, sorted by customer and rank; columns as in `OFFER_COLUMNS`."""
        return to_frame(self.offers_table, self.backend)

    @property
    def suppressed(self) -> Any:
        """Candidates that were not kept, with one reason code each; columns as in `SUPPRESSED_COLUMNS`."""
        return to_frame(self.suppressed_table, self.backend)

    @property
    def summary(self) -> Any:
        """Count what became of the candidates, one row an outcome.

        Columns: outcome (offered, control, then the reason codes, last total), candidates, customers, probability and
        expected_value (sums; null where none is known), contact_cost (sum), meaning.
        """
        return to_frame(self.summary_table, self.backend)

    @property
    def summary_table(self) -> pa.Table:
        """`summary` as an arrow table."""
        control = self.offers_table.column("control")
        parts = [
            ("offered", self.offers_table.filter(pc.invert(control)), "Goes out."),
            (
                "control",
                self.offers_table.filter(control),
                "Planned, but held back: the customer is in the holdout.",
            ),
        ]
        code = self.suppressed_table.column("reason_code")
        parts += [(c, self.suppressed_table.filter(pc.equal(code, c)), MEANING[c]) for c in CODES]
        both = ["customer_id", "probability", "expected_value", "contact_cost"]
        parts.append(
            (
                "total",
                pa.concat_tables([self.offers_table.select(both), self.suppressed_table.select(both)]),
                "All candidates: the sum of the rows above.",
            )
        )
        return pa.table(
            {
                "outcome": [name for name, _, _ in parts],
                "candidates": pa.array([t.num_rows for _, t, _ in parts], pa.int64()),
                "customers": pa.array(
                    [pc.count_distinct(t.column("customer_id")).as_py() for _, t, _ in parts], pa.int64()
                ),
                **{
                    name: pa.array([pc.sum(t.column(name)).as_py() for _, t, _ in parts], pa.float64())
                    for name in both[1:]
                },
                "meaning": [meaning for _, _, meaning in parts],
            }
        )

    @property
    def counts(self) -> dict[str, int]:
        """Give candidates by outcome; all but "total" sum up to it."""
        table = self.summary_table
        return dict(
            zip(table.column("outcome").to_pylist(), table.column("candidates").to_pylist(), strict=True)
        )

    @property
    def manifest(self) -> dict[str, Any]:
        """Plain values for the manifest of a batch: run, counts by outcome, and the facts behind the plan."""
        return {"run_id": self.run_id, "counts": self.counts, **self.facts, "notes": list(self.notes)}

    def delivery(self) -> Any:
        """Give the offers that go out: no row of a control customer."""
        return to_frame(self.delivery_table, self.backend)

    @property
    def delivery_table(self) -> pa.Table:
        """`delivery()` as an arrow table."""
        return self.offers_table.filter(pc.invert(self.offers_table.column("control")))

    def __repr__(self) -> str:
        counts = {k: v for k, v in self.counts.items() if v}
        total = counts.pop("total", 0)
        held = ", ".join(f"{k} {v:,}" for k, v in counts.items())
        return "\n".join([f"OfferPlan {self.run_id}: {total:,} candidates: {held or 'none'}", *self.notes])
