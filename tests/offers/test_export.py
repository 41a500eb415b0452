"""The files of a plan: what tools import, what people read, and who must be in none of them."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import nextbuy as nb
from nextbuy.offers import OfferPlan, OfferPlanner, OfferPolicy
from nextbuy.offers.adapters import ADAPTERS, KLAVIYO_EVENTS
from nextbuy.offers.customers import last_purchases
from nextbuy.offers.export import plan_files
from nextbuy.offers.plan import OFFER_COLUMNS, SUPPRESSED_COLUMNS
from nextbuy.orders import InputError
from nextbuy.storage.files import write_csv

GOLDEN = Path(__file__).parent / "golden"
FACTS = {"as_of": "2026-06-01", "policy": {"threshold": None}}
PRICES = {"tiles": 30.0, "tub": 500.0, "tap": 50.0, "sink": 100.0}


def day(text):
    return datetime.fromisoformat(text)


def hand_made():
    """Give a plan written by hand: two customers with three offers, one held out."""
    rows = [
        {
            "offer_id": "o-1", "customer_id": "Ана", "offer_rank": 1, "item_id": "tub", "item_name": "Vană, albă",
            "category": "băi", "send_on": day("2026-06-01"), "expires_on": day("2026-06-15"), "channel": "email",
            "probability": 0.25, "discount": 5.0, "expected_value": 12.5, "coupon_code": "ACDEFGHJKMNP",
            "reason": "Bought tiles on 2026-05-01.", "control": False,
        },
        {
            "offer_id": "o-2", "customer_id": "Ана", "offer_rank": 2, "item_id": "+7", "item_name": 'Смесител "Люкс"',
            "send_on": day("2026-06-08"), "expires_on": day("2026-06-22"), "channel": "sms", "probability": 0.125,
            "discount": 0.0, "reason": 'Owns a "bathtub".', "control": False, "occasion": "рожден ден",
        },
        {
            "offer_id": "o-3", "customer_id": "+359 88", "offer_rank": 1, "item_id": "tub", "item_name": "Vană, albă",
            "category": "băi", "send_on": day("2026-06-02"), "expires_on": day("2026-06-16"), "channel": "email",
            "probability": 0.5, "discount": 0.0, "expected_value": -0.5, "reason": "Bought tiles on 2026-05-02.",
            "control": False,
        },
        {
            "offer_id": "o-4", "customer_id": "Zoé", "offer_rank": 1, "item_id": "tub", "send_on": day("2026-06-02"),
            "expires_on": day("2026-06-16"), "channel": "email", "probability": 0.5, "discount": 0.0,
            "reason": "Bought tiles.", "control": True,
        },
    ]  # fmt: skip
    kinds = {"offer_rank": pa.int64(), "control": pa.bool_()}
    kinds |= dict.fromkeys(("send_on", "expires_on"), pa.timestamp("us"))
    kinds |= dict.fromkeys(("probability", "discount", "expected_value", "contact_cost"), pa.float64())
    offers = pa.table(
        {n: pa.array([r.get(n) for r in rows], kinds.get(n, pa.string())) for n in OFFER_COLUMNS}
    )
    kinds |= {"reason_code": pa.string()}
    suppressed = pa.table({n: pa.array([], kinds.get(n, pa.string())) for n in SUPPRESSED_COLUMNS})
    return OfferPlan(offers, suppressed, "pandas", "run", (), FACTS)


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_write_what_the_tools_document(name):
    """Each adapter's file is, byte for byte, the one that was written by hand from the tool's documentation."""
    file = ADAPTERS[name][0]
    assert plan_files(hand_made(), adapters=[name])[file] == (GOLDEN / file).read_bytes()


def test_klaviyo_bodies_hold_a_thousand_events():
    """2,500 offers are three request bodies of at most 1,000 events and 5 MB, each a JSON document of its own."""
    rows = [{"customer_id": f"C{i}", "item_id": "x", "probability": 0.1} for i in range(2500)]
    plan = OfferPlanner().plan(rows, as_of="2026-06-01")
    lines = plan_files(plan, adapters=["klaviyo"])["klaviyo.jsonl"].splitlines()
    sizes = [len(json.loads(one)["data"]["attributes"]["events-bulk-create"]["data"]) for one in lines]
    assert sizes == [KLAVIYO_EVENTS, KLAVIYO_EVENTS, 500]
    assert max(map(len, lines)) < 5_000_000


def test_ids_that_are_email_addresses():
    """Klaviyo gets them as email, Dynamic Yield hashed, so that no address stands in its feed."""
    rows = [{"customer_id": "Ana@Shop.example", "item_id": "x", "probability": 0.1, "reason": "long " * 99}]
    files = plan_files(OfferPlanner().plan(rows, as_of="2026-06-01"), adapters=list(ADAPTERS))
    event = json.loads(files["klaviyo.jsonl"])["data"]["attributes"]["events-bulk-create"]["data"][0]
    assert event["attributes"]["profile"]["data"]["attributes"] == {"email": "Ana@Shop.example"}
    # printf ana@shop.example | sha256sum
    hashed = "9135944786a6b81e95ac94a5690683c3ba90f2d3bb2ca9e83fd103be461fa192"
    assert files["CRM_data.csv"].decode("utf-8-sig").splitlines()[1].startswith(f'"{hashed}","x"')
    (row,) = csv.DictReader(io.StringIO(files["braze.csv"].decode()))
    assert len(row["nextbuy_reason"]) == 255


def test_an_unknown_adapter_is_refused():
    """A misspelt adapter is refused with the nearest name."""
    with pytest.raises(InputError, match=r"no adapter 'klavio'. Did you mean 'klaviyo'"):
        plan_files(hand_made(), adapters=["klavio"])


def test_one_delivery_file_a_channel():
    """Each channel has its file, sorted by day; a control customer is in none; coupons are those that are out."""
    files = plan_files(hand_made())
    assert files["delivery_email.csv"].column("offer_id").to_pylist() == ["o-1", "o-3"]
    assert files["delivery_sms.csv"].column("occasion").to_pylist() == ["рожден ден"]
    assert files["coupons.csv"].column("coupon_code").to_pylist() == ["ACDEFGHJKMNP"]


def test_channels_of_any_name_are_files():
    """Channels in other scripts, or that differ only by what a file name cannot hold, have files of their own."""
    channels = {"Вайбър": 0.0, "a b": 0.0, "a/b": 0.0}
    rows = [{"customer_id": c, "item_id": "x", "probability": 0.1} for c in "123"]
    consent = [{"customer_id": c, "channel": name} for c, name in zip("123", channels, strict=True)]
    plan = OfferPlanner(OfferPolicy(channels=channels)).plan(rows, as_of="2026-06-01", consent=consent)
    names = [name for name in plan_files(plan) if name.startswith("delivery")]
    assert names == ["delivery_channel.csv", "delivery_a_b.csv", "delivery_a_b_2.csv"]


@pytest.fixture(scope="module")
def shop():
    """Give orders with names in three scripts and a plan for them."""
    names = {"tiles": "Плочки", "tub": "Vană", "tap": "Robinet doré", "sink": "Sink"}
    catalog = [
        {
            "item_id": i,
            "name": n,
            "category": i,
            "price": PRICES[i],
            "unit_margin": PRICES[i] / 2,
            "durable": True,
        }
        for i, n in names.items()
    ]
    lines = [
        ("Ана", "2026-01-05", "tiles"), ("Ана", "2026-01-05", "tap"), ("Ана", "2026-02-05", "sink"),
        ("Ана", "2026-03-05", "tiles"), ("Ана", "2026-04-05", "tub"), ("Zoé", "2026-04-07", "tiles"),
        ("Ștefan", "2026-05-30", "tiles"), ("Bo", "2026-05-02", "tap"), ("Ана", "2026-06-20", "sink"),
    ]  # fmt: skip
    orders = nb.read_orders(
        [
            {"customer_id": c, "order_id": c + d, "timestamp": d, "item_id": i, "quantity": 1, "price": PRICES[i]}
            for c, d, i in lines
        ],
        catalog=catalog,
    )  # fmt: skip
    policy = OfferPolicy(holdout=0.3, salt="h", coupons=True, max_per_customer=1)
    rows = [
        {"customer_id": c, "item_id": i, "probability": 0.2, "reason": f"Pour {c}"}
        for c in ("Ана", "Zoé", "Ștefan", "Bo", "New") for i in ("tub", "sink")
    ]  # fmt: skip
    plan = OfferPlanner(policy).plan(rows, as_of="2026-06-01", catalog=catalog)
    return orders, plan


def test_the_call_list_says_why_and_what_was_bought(shop):
    """Who is called has the reason, the last three orders by their dearest line, and nothing from after as_of."""
    orders, plan = shop
    calls = plan_files(plan, orders=orders)["call_list.csv"].to_pandas().set_index("customer_id")
    assert set(calls.index) == set(plan.delivery().customer_id)
    assert calls.why_now["Ана"] == "Pour Ана"
    assert calls.last_purchases["Ана"] == "2026-04-05 Vană; 2026-03-05 Плочки; 2026-02-05 Sink"
    assert (
        last_purchases(orders)[orders.codes(["Ана"], of="customer")[0]]
        .as_py()
        .startswith("2026-06-20 Sink; 2026")
    )
    assert pd.isna(calls.last_purchases["New"])


def test_an_order_is_named_by_its_dearest_line(shop):
    """Two lines of one order are one purchase, named by the dearer."""
    first = shop[0].before("2026-01-06")
    assert last_purchases(first).to_pylist() == ["2026-01-05 Robinet doré and 1 more"]


def test_customers_have_a_day_to_act_before(shop):
    """Treated customers have the day their first offer expires; those held out are listed without."""
    orders, plan = shop
    rows = plan_files(plan, orders=orders)["customers.csv"].to_pandas().set_index("customer_id")
    sent, held = plan.delivery(), plan.offers[plan.offers.control]
    for one in sent[sent.customer_id != "New"].itertuples():
        assert rows.act_before[one.customer_id] == one.expires_on
        assert rows.next_item_id[one.customer_id] == one.item_id
    for customer in set(held.customer_id) & set(rows.index):
        assert rows.arm[customer] == "control"
        assert pd.isna(rows.act_before[customer])
    assert rows.overdue_ratio["Ана"] == pytest.approx(56 / rows.usual_gap_days["Ана"], abs=0.01)
    assert len(rows) == 4


def test_no_control_customer_is_in_a_file_that_goes_out(sample_orders):
    """Of a plan for 1,500 customers of the sample, no name of the holdout stands in any file that is sent."""
    as_of = "2026-03-01"
    known = sample_orders.before(as_of)
    links = nb.SequentialRules(level="category").fit(known)
    projects = nb.Projects().fit(links)
    item = sample_orders.catalog.table.to_pandas().drop_duplicates("category").set_index("category").item_id
    people = known.customer_ids.to_pylist()[:1500]
    rows = pd.DataFrame({"customer_id": people * 2, "item_id": [item["bathtub"]] * len(people)
                         + [item["tap"]] * len(people), "probability": 0.1})  # fmt: skip
    policy = OfferPolicy(
        holdout=0.3, max_per_customer=4, coupons=True, threshold=400, threshold_discount=0.02
    )
    days = nb.occasion_calendar(
        as_of=as_of, holidays={"Paști": "03-20", "Easter": "03-10", "1 mars": "03-01"}
    )
    plan = OfferPlanner(policy).plan(rows, as_of=as_of, catalog=sample_orders.catalog, occasions=days)
    held = set(plan.offers.customer_id[plan.offers.control])
    assert len(held) > 300
    files = plan_files(
        plan, orders=sample_orders, projects=projects, links=links.rules_, adapters=list(ADAPTERS)
    )
    sent = {
        "call_list.csv", "checklists.csv", "series.csv", "coupons.csv", "greetings.csv", "delivery_email.csv",
        "add_ons.csv", *(file for file, _ in ADAPTERS.values()),
    }  # fmt: skip
    assert sent | {"customers.csv", "summary.csv"} == set(files)
    for name in sent:
        content = files[name]
        if isinstance(content, bytes):
            text = content.decode()
            assert not any(f'"{one}"' in text for one in held), name
        else:
            assert held.isdisjoint(content.column("customer_id").to_pylist()), name
            assert content.num_rows > 0, name


def test_names_of_any_script_survive_every_file(shop, tmp_path):
    """Cyrillic, Romanian and French names come back from each CSV as they went in."""
    orders, plan = shop
    files = plan_files(plan, orders=orders, adapters=list(ADAPTERS))
    sent = set(plan.delivery().customer_id)
    assert {"Ана", "Ștefan"} <= sent
    for name, content in files.items():
        if not name.endswith(".csv") or name == "summary.csv":
            continue
        if isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        else:
            write_csv(tmp_path / name, content, bom=True)
        text = (tmp_path / name).read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        key = next(k for k in ("customer_id", "external_id", "cuid") if k in rows[0])
        assert {"Ана", "Ștefan"} <= {row[key] for row in rows}, name


def test_who_is_called_about_a_bathtub_hears_of_the_bathroom(sample_orders):
    """The project on the call list is the one of the item that the call is about, where it is open."""
    known = sample_orders.before("2026-03-01")
    projects = nb.Projects().fit(nb.SequentialRules(level="category").fit(known))
    bathroom = projects.items_.set_index("item_id").project["bathtub"]
    now = projects.of(known)
    several = now.groupby("customer_id").project.agg(set)
    people = [c for c, names in several.items() if bathroom in names and len(names) > 1]
    item = known.catalog.table.to_pandas().query("category == 'bathtub'").item_id.iloc[0]
    rows = [{"customer_id": c, "item_id": item, "probability": 0.1} for c in people]
    plan = OfferPlanner().plan(rows, as_of="2026-03-01", catalog=known.catalog)
    calls = plan_files(plan, orders=known, projects=projects)["call_list.csv"].to_pandas()
    assert len(calls) > 50
    assert set(calls.project) == {bathroom}
    mine = now[now.project == bathroom].set_index("customer_id").missing
    assert all(row.missing == ", ".join(mine[row.customer_id]) for row in calls.itertuples())


@pytest.mark.parametrize("name", ["braze", "dynamic_yield"])
def test_no_adapter_writes_a_formula(name):
    """An item called =HYPERLINK(...), a customer called @SUM(1) and a tab before them are text; numbers stay ids."""
    plan = hand_made()
    offers = plan.offers_table
    for column, values in (
        ("item_name", ["=HYPERLINK(1)", "x", "\t=1", "x"]),
        ("customer_id", ["@SUM(1)", "x", "+359 88", "x"]),
        ("category", ["+1+cmd|' /C calc'!A0", "x", "-5", "x"]),
    ):
        offers = offers.set_column(offers.column_names.index(column), column, pa.array(values))
    made = OfferPlan(offers, plan.suppressed_table, "pandas", "run", (), FACTS)
    text = ADAPTERS[name][1](made).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell]
    assert not [c for c in cells if c[0] in "=@\t\r\n"]
    signed = [c for c in cells if c[0] in "+-"]
    assert {"+359 88"} <= set(signed) or name == "dynamic_yield"
    assert all(set(c[1:]) <= set("0123456789 .e-") for c in signed)
    assert "'=HYPERLINK(1)" in cells
