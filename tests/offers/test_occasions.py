"""Holidays and birthdays: listed right, and one message instead of two."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextbuy as nb
from nextbuy.offers import OfferPlanner, OfferPolicy
from nextbuy.orders import InputError

AS_OF = "2026-06-01"


def row(customer="C1", item="tub", p=0.1, start="2026-06-01", end="2026-06-20", **more):
    return {
        "customer_id": customer, "item_id": item, "probability": p, "window_start": pd.Timestamp(start),
        "best_date": pd.Timestamp(start), "window_end": pd.Timestamp(end), "window_status": "open",
    } | more  # fmt: skip


def plan(rows, occasions, *, contacts=None, consent=None, **policy):
    return OfferPlanner(OfferPolicy(**policy)).plan(
        pd.DataFrame(rows), as_of=AS_OF, occasions=occasions, contacts=contacts, consent=consent
    )


def test_an_offer_carries_the_birthday():
    """A birthday inside the window pulls the offer to its day: one message; one outside is greeted alone."""
    born = [{"customer_id": "C1", "birthday": "1990-06-15"}, {"customer_id": "C2", "birthday": "1980-06-25"}]
    days = nb.occasion_calendar(as_of=AS_OF, birthdays=born)
    got = plan([row("C1"), row("C2")], days)
    assert got.offers[["customer_id", "send_on", "occasion"]].fillna("none").astype(str).values.tolist() == [
        ["C1", "2026-06-15", "birthday"],
        ["C2", "2026-06-01", "none"],
    ]
    assert got.greetings[["customer_id", "outcome"]].values.tolist() == [["C1", "merged"], ["C2", "alone"]]
    assert got.greetings.offer_id[0] == got.offers.offer_id[0]
    assert pd.isna(got.greetings.offer_id[1])


def test_a_holiday_is_everybodys():
    """A holiday without a customer is merged for those with a window, alone for others; two of a day are one."""
    days = [{"date": "2026-06-10", "occasion": "Mid-summer"}, {"date": "2026-06-10", "occasion": "Sale"}]
    got = plan([row("C1"), row("C2", end="2026-06-05")], days)
    assert got.greetings[["customer_id", "occasion", "outcome"]].values.tolist() == [
        ["C1", "Mid-summer + Sale", "merged"],
        ["C2", "Mid-summer + Sale", "alone"],
    ]
    assert got.offers.set_index("customer_id").occasion["C1"] == "Mid-summer + Sale"


@pytest.mark.parametrize(
    ("given_", "outcome"),
    [
        ({"contacts": [{"customer_id": "C1", "sent_on": "2026-06-24"}], "max_per_customer": 9}, "quiet"),
        ({"contacts": [{"customer_id": "C1", "sent_on": "2026-06-08"}], "max_per_customer": 2}, "cap"),
        ({"consent": [{"customer_id": "C9"}]}, "no_consent"),
        ({"holdout": 1.0}, "holdout"),
        ({"global_holdout": 1.0}, "holdout"),
    ],
)
def test_why_a_greeting_is_not_sent(given_, outcome):
    """A greeting keeps the caps, the consent and the holdout like every other message."""
    days = [{"customer_id": "C1", "date": "2026-06-26", "occasion": "birthday"}]
    got = plan([row("C1")], days, **given_)
    assert got.greetings.outcome.tolist() == [outcome]


def test_occasions_of_strangers_are_counted():
    """An occasion of a customer without any candidate is named in the notes."""
    got = plan([row("C1")], [{"customer_id": "C7", "date": "2026-06-26", "occasion": "birthday"}])
    assert len(got.greetings) == 0
    assert any("1 more are of customers without a candidate" in note for note in got.notes)


def test_the_calendar_by_hand():
    """Yearly and single holidays, a leap day's birthday in three years, names in any script."""
    holidays = {"Коледа": "12-25", "Paști": "2026-04-12"}
    found = nb.occasion_calendar(as_of="2025-12-20", days=120, holidays=holidays)
    assert found[["date", "occasion"]].astype(str).values.tolist() == [
        ["2025-12-25", "Коледа"],
        ["2026-04-12", "Paști"],
    ]
    born = [{"customer_id": "Zoé", "birthday": "1988-02-29"}]
    for year, day in ((2023, "2023-02-28"), (2024, "2024-02-29"), (2025, "2025-02-28")):
        found = nb.occasion_calendar(as_of=f"{year}-02-01", birthdays=born)
        assert found[["customer_id", "date"]].astype(str).values.tolist() == [["Zoé", day]]
    for days in (27, 28):
        found = nb.occasion_calendar(as_of="2024-02-01", days=days, birthdays=born)
        assert len(found) == 0
    with pytest.raises(InputError, match="holidays"):
        nb.occasion_calendar(as_of=AS_OF, holidays={"x": "13-45"})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 4), st.integers(1, 20))
def test_never_two_messages(seed, quiet_days, cap, cap_days):
    """Offers and greetings together keep the quiet days and the sliding cap, whatever the occasions."""
    rng = np.random.default_rng(seed)
    rows = []
    for c in range(4):
        for i in rng.permutation(5)[: rng.integers(1, 5)]:
            start = pd.Timestamp(AS_OF) + pd.Timedelta(days=int(rng.integers(-5, 20)))
            rows.append(
                row(
                    f"C{c}",
                    f"I{i}",
                    float(rng.random()),
                    start,
                    start + pd.Timedelta(days=int(rng.integers(0, 15))),
                )
            )
    days = pd.DataFrame({"customer_id": rng.choice(["C0", "C1", "C2", None], 6)})
    days["date"] = pd.Timestamp(AS_OF) + pd.to_timedelta(rng.integers(0, 30, 6), "D")
    days["occasion"] = "x"
    got = plan(rows, days, quiet_days=quiet_days, max_per_customer=cap, cap_days=cap_days, holdout=0.2)
    alone = got.greetings[got.greetings.outcome == "alone"]
    messages = pd.concat([got.offers[["customer_id", "send_on"]], alone.rename(columns={"date": "send_on"})])
    for _, mine in messages.groupby("customer_id"):
        when = sorted(mine.send_on.dt.day_of_year)
        assert all(b - a >= quiet_days for a, b in combinations(when, 2))
        assert all(sum(s <= d < s + cap_days for d in when) <= cap for s in when)
    merged = got.greetings[got.greetings.outcome == "merged"]
    sent = got.offers.set_index("offer_id").send_on
    assert (sent.loc[merged.offer_id].to_numpy() == merged.date.to_numpy()).all()
    held = set(got.offers.customer_id[got.offers.control])
    assert set(got.greetings.customer_id[got.greetings.outcome.isin(["merged", "alone"])]).isdisjoint(held)
