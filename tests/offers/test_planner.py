"""The planner: each rule with its reason code, the ledger, the tables that come out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import nextbuy as nb
from nextbuy.offers import OfferPlanner, OfferPolicy, draw_holdout
from nextbuy.offers.ledger import CODES
from nextbuy.offers.plan import OFFER_COLUMNS, SUPPRESSED_COLUMNS
from nextbuy.orders import InputError

AS_OF = "2026-06-01"
CATALOG = [
    {
        "item_id": "tub",
        "name": "Bathtub",
        "category": "bath",
        "price": 500.0,
        "unit_margin": 200.0,
        "stock": 5,
        "durable": True,
    },
    {
        "item_id": "sink",
        "name": "Sink",
        "category": "bath",
        "price": 100.0,
        "unit_margin": 70.0,
        "stock": 5,
        "durable": True,
    },
    {
        "item_id": "tap",
        "name": "Tap",
        "category": "taps",
        "price": 50.0,
        "unit_margin": 20.0,
        "stock": 0,
        "durable": True,
    },
    {
        "item_id": "soap",
        "name": "Soap",
        "category": "soap",
        "price": 2.0,
        "unit_margin": 1.0,
        "stock": 99,
        "durable": False,
    },
    {
        "item_id": "mat",
        "name": "Mat",
        "category": "mats",
        "price": 20.0,
        "unit_margin": 8.0,
        "stock": 9,
        "durable": False,
    },
]


def row(customer="C1", item="tub", p=0.1, **more):
    return {
        "customer_id": customer, "item_id": item, "kind": "new", "probability": p,
        "window_start": pd.Timestamp("2026-06-01"), "best_date": pd.Timestamp("2026-06-10"),
        "window_end": pd.Timestamp("2026-06-20"), "window_status": "open", "reason": "because",
    } | more  # fmt: skip


def plan(rows, *, catalog=CATALOG, contacts=None, consent=None, as_of=AS_OF, run_id=None, **policy):
    return OfferPlanner(OfferPolicy(**policy)).plan(
        pd.DataFrame(rows), as_of=as_of, catalog=catalog, contacts=contacts, consent=consent, run_id=run_id
    )


def codes(got):
    return dict(zip(got.suppressed.item_id, got.suppressed.reason_code, strict=True))


@pytest.mark.parametrize(
    ("rows", "given", "expected"),
    [
        ([row()], {"exclude_items": ["tub"]}, "veto"),
        ([row()], {"exclude_categories": ["bath"]}, "veto"),
        ([row()], {"exclude_customers": ["C1"]}, "veto"),
        ([row()], {"consent": [{"customer_id": "C2"}]}, "no_consent"),
        ([row()], {"global_holdout": 1.0}, "holdout"),
        ([row(kind="repeat")], {}, "already_owned"),
        ([row(window_status="closed")], {}, "closed"),
        ([row(window_end=pd.Timestamp("2026-05-31"), window_start=pd.Timestamp("2026-05-01"))], {}, "closed"),
        ([row(window_start=pd.Timestamp("2026-06-10"))], {"deadline": "2026-06-09"}, "past_deadline"),
        (
            [row(window_start=pd.Timestamp("2026-08-01"), window_end=pd.Timestamp("2026-08-14"))],
            {},
            "not_yet",
        ),
        ([row(item="tap")], {}, "out_of_stock"),
        ([row()], {"min_stock": 6}, "out_of_stock"),
        ([row()], {"discount": 0.5}, "margin"),
        ([row()], {"min_margin": 0.41}, "margin"),
        ([row()], {"discounts": {"bath": 0.2}, "max_conversion_factor": 1.9}, "margin"),
        ([row()], {"channels": {"letter": 20.01}}, "negative_value"),
        ([row()], {"min_probability": 0.11}, "negative_value"),
        ([row()], {"max_per_customer": 0}, "cap"),
        ([row()], {"contacts": [{"customer_id": "C1", "sent_on": "2026-05-01", "item_id": "tub"}]}, "cap"),
        (
            [row(window_end=pd.Timestamp("2026-06-03"))],
            {"contacts": [{"customer_id": "C1", "sent_on": "2026-05-28"}]},
            "quiet",
        ),
        ([row()], {"quotas": {"tub": 0}}, "quota"),
        ([row()], {"quotas": {"bath": 0}}, "quota"),
        ([row()], {"budget": 0.0, "channels": {"sms": 0.1}}, "budget"),
    ],
)
def test_each_rule_has_its_code(rows, given, expected):
    """A candidate that breaks one rule is suppressed with that rule's code and a sentence."""
    got = plan(rows, **given)
    assert got.suppressed.reason_code.tolist() == [expected]
    assert len(got.suppressed.reason[0]) > 20
    assert len(got.offers) == 0


def test_all_codes_of_the_issue_exist():
    """The fifteen reason codes are these and no other."""
    wanted = (
        "not_yet closed cap quiet duplicate_category already_owned out_of_stock veto no_consent margin "
        "negative_value quota budget holdout past_deadline"
    )
    assert set(CODES) == set(wanted.split())


def test_the_better_of_a_category_goes():
    """Of two offers of one category the one worth more is kept, the other named as its duplicate."""
    got = plan([row(item="tub", p=0.1), row(item="sink", p=0.2)])
    assert got.offers.item_id.tolist() == ["tub"]
    assert codes(got) == {"sink": "duplicate_category"}
    assert len(plan([row(item="tub"), row(item="sink")], one_per_category=False).offers) == 2


def test_a_cap_moves_before_it_drops():
    """The second offer waits out the quiet days, the third finds no day left under the cap of two."""
    got = plan([row(item="tub"), row(item="mat"), row(item="soap")])
    assert got.offers[["item_id", "send_on"]].astype(str).values.tolist() == [
        ["tub", "2026-06-01"],
        ["mat", "2026-06-08"],
    ]
    assert codes(got) == {"soap": "cap"}


def test_a_contact_to_come_counts():
    """A message that another campaign will send on June 5 moves the offer to its far side or before it."""
    contacts = [{"customer_id": "C1", "sent_on": "2026-06-05"}]
    got = plan([row()], contacts=contacts, send_at="best_date")
    assert str(got.offers.send_on[0].date()) == "2026-06-12"


def test_the_cool_down_ends():
    """An item offered 55 days ago waits until the 60th day, another item does not."""
    contacts = [{"customer_id": "C1", "sent_on": "2026-04-07", "item_id": "tub"}]
    got = plan([row(item="tub", p=0.001), row(item="mat", p=0.9)], contacts=contacts, quiet_days=0)
    sent = dict(zip(got.offers.item_id, got.offers.send_on.astype(str), strict=True))
    assert sent == {"mat": "2026-06-01", "tub": "2026-06-06"}


def test_the_margin_guard_says_what_a_discount_needs():
    """A 25 % discount at 70 % margin says that it needs 1.556 times the conversion."""
    got = plan([row(item="sink", p=0.5)], discount=0.25, max_conversion_factor=1.5)
    assert "A 25% discount at 70% margin needs 1.556 times the conversion." in got.suppressed.reason[0]
    assert len(plan([row(item="sink", p=0.5)], discount=0.25, max_conversion_factor=1.6).offers) == 1


def test_a_discount_without_known_margin_is_not_given():
    """Where price or margin is unknown nothing shows that a discount pays: suppressed as margin."""
    got = plan([row(item="unknown")], discount=0.1)
    assert codes(got) == {"unknown": "margin"}
    assert "unknown" in got.suppressed.reason[0]


def test_the_floor_breaks_a_silence():
    """Who would be silent for too long gets the best offer below the minimum value; who was not, does not."""
    rows = [row(c, i, p) for c in ("C1", "C2", "C3") for i, p in (("mat", 0.1), ("soap", 0.3))]
    contacts = [
        {"customer_id": "C2", "sent_on": "2026-05-20"},
        {"customer_id": "C3", "sent_on": "2026-04-01"},
    ]
    given = {"channels": {"letter": 2.0}, "contacts": contacts}
    assert plan(rows, **given).counts["negative_value"] == 6
    got = plan(rows, floor_days=60, **given)
    assert got.offers[["customer_id", "item_id"]].values.tolist() == [["C1", "mat"], ["C3", "mat"]]
    assert (got.offers.expected_value < 0).all()


def test_the_cheapest_channel_agreed_to():
    """Each customer is reached over the cheapest channel they agreed to; one no outweighs a yes."""
    consent = pd.DataFrame(
        [
            ("C1", "sms", True),
            ("C1", "email", True),
            ("C2", "sms", True),
            ("C3", "email", True),
            ("C3", "email", False),
        ],
        columns=["customer_id", "channel", "consent"],
    )
    got = plan(
        [row(c) for c in ("C1", "C2", "C3", "C4")], consent=consent, channels={"sms": 0.1, "email": 0.0}
    )
    assert got.offers[["customer_id", "channel", "contact_cost"]].values.tolist() == [
        ["C1", "email", 0.0],
        ["C2", "sms", 0.1],
    ]
    assert got.suppressed.customer_id.tolist() == ["C3", "C4"]
    with pytest.raises(InputError, match="require_consent"):
        plan([row()], require_consent=True)


def test_uplift_comes_from_a_log_with_a_holdout():
    """6 % of the contacted against 5 % of the held out is +20 %; young contacts and no holdout tell nothing."""
    n = 10_000
    log = pd.DataFrame({
        "customer_id": [f"X{i}" for i in range(2 * n)], "sent_on": "2026-04-01", "control": np.arange(2 * n) >= n,
        "bought": np.concatenate([np.arange(n) < 600, np.arange(n) < 500]),
    })  # fmt: skip
    got = plan([row(p=0.1)], contacts=log)
    assert got.facts["relative_uplift"] == pytest.approx(0.2)
    assert got.offers.uplift[0] == pytest.approx(0.02)
    assert got.offers.expected_value[0] == pytest.approx(0.02 * 200)
    young = plan([row(p=0.1)], contacts=log.assign(sent_on="2026-05-15"))
    alone = plan([row(p=0.1)], contacts=log[~log.control])
    for other in (young, alone):
        assert other.facts["relative_uplift"] is None
        assert pd.isna(other.offers.uplift[0])
        assert any("not identified" in note for note in other.notes)


def test_control_customers_never_reach_a_delivery():
    """Control customers are planned like all others, marked, without a coupon, and left out of the delivery."""
    people = [f"C{i}" for i in range(400)]
    got = plan([row(c) for c in people], holdout=0.25, coupons=True)
    held = draw_holdout(people, share=0.25, salt="nextbuy", campaign="nextbuy")
    assert len(got.offers) == 400
    assert set(got.offers.customer_id[got.offers.control]) == set(np.array(people)[held])
    assert set(got.delivery().customer_id) == set(np.array(people)[~held])
    assert not got.delivery().control.any()
    assert got.offers.coupon_code[got.offers.control].isna().all()
    assert got.delivery().coupon_code.nunique() == (~held).sum()
    assert any("80 % power" in note for note in got.notes)


def test_the_ledger_adds_up():
    """The rows of the summary add up to its total, which is the number of candidates; the manifest agrees."""
    rows = [row(f"C{i}", item, 0.1) for i in range(50) for item in ("tub", "sink", "tap", "soap", "mat")]
    got = plan(rows, holdout=0.2, quotas={"tub": 10}, run_id="r1")
    counts = got.counts
    assert counts.pop("total") == 250 == sum(counts.values()) == len(got.offers) + len(got.suppressed)
    assert got.manifest["counts"]["total"] == 250
    assert json.loads(json.dumps(got.manifest))["run_id"] == "r1"
    assert "secret" not in json.dumps(plan(rows, salt="secret").manifest)
    both = pd.concat([got.offers[["customer_id", "item_id"]], got.suppressed[["customer_id", "item_id"]]])
    assert sorted(both.values.tolist()) == sorted([r["customer_id"], r["item_id"]] for r in rows)


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_the_callers_kind_of_frame_comes_back(backend):
    """Pandas, polars and arrow go in and come out, with the same rows and the contract's columns in order."""
    table = pa.Table.from_pandas(
        pd.DataFrame([row("C1"), row("C1", "mat"), row("C2", "tap")]), preserve_index=False
    )
    given = {"pandas": table.to_pandas, "polars": lambda: pl.from_arrow(table), "pyarrow": lambda: table}[
        backend
    ]()
    got = OfferPlanner().plan(given, as_of=AS_OF, catalog=CATALOG)
    kind = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.Table}[backend]
    assert all(isinstance(t, kind) for t in (got.offers, got.suppressed, got.summary, got.delivery()))
    assert tuple(got.offers_table.column_names) == OFFER_COLUMNS
    assert tuple(got.suppressed_table.column_names) == SUPPRESSED_COLUMNS
    assert got.offers_table.equals(plan([row("C1"), row("C1", "mat"), row("C2", "tap")]).offers_table)


def test_columns_are_those_of_the_design():
    """The offers have the columns of the batch output, in its order, and the occasion they carry."""
    wanted = (
        "offer_id, customer_id, offer_rank, item_id, item_name, category, kind, trigger_item_id, trigger_date, "
        "window_start, best_date, window_end, window_status, send_on, expires_on, channel, probability, uplift, "
        "unit_margin, discount, contact_cost, expected_value, coupon_code, reason_code, reason, evidence_exposed, "
        "evidence_followed, source, control, arm, model_version, occasion"
    )
    assert ", ".join(OFFER_COLUMNS) == wanted


def test_the_same_run_gives_the_same_plan():
    """Twice the same call gives the same bytes; another run id other offer ids and coupons, and no other offers."""
    rows = [row(f"C{i}", item, 0.1) for i in range(20) for item in ("tub", "mat")]
    one, two, other = (plan(rows, coupons=True, run_id=r) for r in ("a", "a", "b"))
    assert one.offers_table.equals(two.offers_table)
    same = ["customer_id", "item_id", "send_on"]
    assert one.offers[same].equals(other.offers[same])
    assert not set(one.offers.offer_id) & set(other.offers.offer_id)
    assert not set(one.offers.coupon_code) & set(other.offers.coupon_code)


def test_stock_of_today_outweighs_the_catalogs():
    """An item that ran out since the catalog was written is out of stock, one that came in is not."""
    stock = [{"item_id": "tub", "stock": 0}, {"item_id": "tap", "stock": 3}]
    rows = [row(item=item) for item in ("tub", "tap", "soap")]
    got = OfferPlanner().plan(rows, as_of=AS_OF, catalog=CATALOG, stock=stock)
    assert set(got.offers.item_id) == {"tap", "soap"}
    assert codes(got) == {"tub": "out_of_stock"}


def test_partners_items_earn_their_commission():
    """An item sold by a partner is worth 8 % of its price, gets no discount and minds no stock."""
    catalog = [{"item_id": "sofa", "price": 1000.0, "commission": 0.08, "stock": 0}]
    catalog.append({"item_id": "mat", "price": 20.0, "unit_margin": 8.0, "stock": 9})
    got = plan([row(item="sofa"), row(item="mat", p=0.2)], catalog=catalog, discount=0.1)
    assert got.offers[["item_id", "unit_margin", "discount", "expected_value"]].values.tolist() == [
        ["sofa", 80.0, 0.0, 8.0],
        ["mat", 8.0, 2.0, pytest.approx(1.2)],
    ]
    assert any("partners' items" in note for note in got.notes)


def test_nothing_is_planned_from_nothing():
    """No candidate gives empty tables with all columns."""
    got = plan(pd.DataFrame([row()]).iloc[:0])
    assert got.counts["total"] == 0
    assert list(got.offers.columns) == list(OFFER_COLUMNS)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plan([row()], as_of=None), "plan needs as_of"),
        (
            lambda: plan([{"customer": "C1", "item_id": "a", "probability": 0.1}]),
            "predictions: there is no column 'customer_id'. Did you mean 'customer'",
        ),
        (lambda: plan([row(p=1.2)]), "1 rows have a probability that is not between 0 and 1 .row 1: 1.2"),
        (lambda: plan([row(p=None)]), "probability that is not between 0 and 1"),
        (lambda: plan([row(), row()]), "there already for this customer .row 2: 'tub'"),
        (lambda: plan([row(customer=None)]), "customer_id that is missing"),
        (lambda: plan([row()], contacts=[{"customer_id": "C1"}]), "contacts: there is no column 'sent_on'"),
        (
            lambda: plan([row()], contacts=[{"customer_id": "C1", "sent_on": "soon"}]),
            "contacts: 1 rows have a sent_on that is no date .row 1: 'soon'",
        ),
        (lambda: plan([row()], contacts=[{"customer_id": "C1", "sent_on": None}]), "sent_on that is missing"),
        (
            lambda: plan(
                [row()], contacts=[{"customer_id": "C1", "sent_on": "2026-01-01", "control": "maybe"}]
            ),
            "control that is neither true nor false .row 1: 'maybe'",
        ),
        (lambda: plan([row()], consent=[{"customer": "C1"}]), "consent: there is no column 'customer_id'"),
        (
            lambda: OfferPlanner().plan([row()], as_of=AS_OF, stock=[{"item_id": "tub", "stock": -1}]),
            "stock: 1 rows have a stock that is missing or below zero .row 1: -1",
        ),
        (
            lambda: OfferPlanner().plan([row()], as_of=AS_OF, stock=[{"item_id": "tub", "pieces": 1}]),
            "stock: there is no column 'stock'",
        ),
        (
            lambda: OfferPlanner().plan([row()], as_of=AS_OF, stock=[{"item_id": "tub", "stock": 1}] * 2),
            "stock: 1 rows have a item_id that is there already .row 2: 'tub'",
        ),
        (
            lambda: plan([row(item="x")], catalog=[{"item_id": "x", "price": 9.0, "commission": 8}]),
            "1 items have a commission that is no share of the price from 0 to 1 .'x': 8",
        ),
        (
            lambda: OfferPlanner().plan([row()], as_of=AS_OF, occasions=[{"date": None, "occasion": "x"}]),
            "occasions: 1 rows have a date that is missing",
        ),
        (lambda: plan([row()], value="uplift"), "value='uplift' needs a measured uplift"),
    ],
)
def test_one_clear_error_each(call, says):
    """What cannot be planned is refused with the table, the column and the row."""
    with pytest.raises(InputError, match=says):
        call()


def test_as_of_may_come_with_the_predictions():
    """A frame that carries its as_of needs no other."""
    given = pd.DataFrame([row()])
    given.attrs["as_of"] = AS_OF
    assert OfferPlanner().plan(given).facts["as_of"] == AS_OF


@pytest.mark.slow
def test_the_sample_from_end_to_end():
    """Predictions of the sample become a plan whose ledger adds up, with known items, in time."""
    sample = nb.datasets.load_sample()
    orders = nb.read_orders(sample.orders, catalog=sample.catalog)
    predictions = nb.NextPurchase().fit(orders).predict(kind="new", k=5)
    got = OfferPlanner().plan(predictions, as_of=orders.end, catalog=orders.catalog)
    assert got.counts["total"] == len(predictions)
    assert got.offers.item_name.notna().all()
    assert got.facts["value"] == "response"
    assert (got.offers.send_on >= orders.end).all()
