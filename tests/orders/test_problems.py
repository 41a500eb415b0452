"""Every bad input is named with its count, examples, what was done and how to change it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nextbuy.orders import InputError, read_orders

COLUMNS = ["customer_id", "order_id", "timestamp", "item_id", "quantity", "price"]
GOOD = ("ann", "o1", "2026-01-05", "tiles", 10, 2.5)


def line(**changes):
    return dict(zip(COLUMNS, GOOD, strict=True)) | changes


def read(*rows, **options):
    return read_orders(list(rows), **({"as_of": "2026-06-01"} | options))


def the(orders, code):
    """Give the one row of a problem as a dict, its counts checked against its rows."""
    rows = [r for r in orders.problems.to_dict("records") if r["problem"] == code]
    assert len(rows) == 1, orders.problems["problem"].tolist()
    row = rows[0]
    assert row["kept"] + row["merged"] + row["set_aside"] == row["rows"]
    assert row["action"]
    assert row["change"]
    assert 1 <= len(row["examples"]) <= 3
    return row


def total(orders):
    ledger = orders.ledger
    assert ledger["kept"] + ledger["merged"] + ledger["set_aside"] == ledger["read"]
    return ledger


def test_clean_lines_have_no_problem():
    """Nothing is found where nothing is wrong."""
    orders = read(line(), line(order_id="o2", timestamp="2026-02-01"))
    assert len(orders.problems) == 0
    assert total(orders) == {"read": 2, "kept": 2, "merged": 0, "set_aside": 0}


@pytest.mark.parametrize("value", ["", "nan", "None", None, "  ", float("nan")])
@pytest.mark.parametrize(
    ("column", "code"), [("customer_id", "missing_customer"), ("item_id", "missing_item")]
)
def test_missing_ids_are_set_aside(column, code, value):
    """A line without customer or item is set aside, and its place is shown."""
    orders = read(line(), line(**{column: value, "order_id": "o2"}))
    found = the(orders, code)
    assert (found["rows"], found["set_aside"], found["column"]) == (1, 1, column)
    assert found["examples"][0].startswith("row 2: ")
    assert column in found["change"]
    assert total(orders)["set_aside"] == 1


@pytest.mark.parametrize("value", ["", None, "yesterday", "2026-02-30", "31/31/2026", "10"])
def test_bad_times_are_set_aside(value):
    """A time that is missing or none is set aside with the argument that may help."""
    orders = read(line(), line(timestamp=value, order_id="o2"))
    found = the(orders, "bad_time")
    assert (found["rows"], found["set_aside"]) == (1, 1)
    assert "time_format='" in found["change"]
    assert repr(value) in found["examples"][0]


@pytest.mark.parametrize(
    "value", ["0001-01-01", "1899-12-30", "1970-01-01", "30.12.1899 00:00", "01/01/1970"]
)
def test_times_that_mean_empty_are_set_aside(value):
    """The empty dates of spreadsheets and databases are no orders, and do not stretch the span."""
    orders = read(line(timestamp="2026-01-13"), line(timestamp=value, order_id="o2"))
    found = the(orders, "absurd_time")
    assert (found["rows"], found["set_aside"], found["column"]) == (1, 1, "timestamp")
    assert value in found["examples"][0]
    assert orders.start == orders.last == pd.Timestamp("2026-01-13", tz=orders.start.tzinfo)
    assert total(orders) == {"read": 2, "kept": 1, "merged": 0, "set_aside": 1}


def test_epoch_zero_among_seconds_is_set_aside():
    """A zero among epoch seconds says that the time is empty."""
    moment = pd.Timestamp("2026-01-05").value // 10**9
    orders = read(*(line(timestamp=t, order_id=f"o{t}") for t in (moment, moment + 86400, 0)))
    assert the(orders, "absurd_time")["examples"] == ["row 3: timestamp=0"]


@pytest.mark.parametrize("options", [{}, {"time_format": "D"}])
def test_days_counted_from_a_start_of_their_own_stay(options):
    """Small day numbers are no empty dates, but a zero among days of this century is one."""
    orders = read(*(line(timestamp=d, order_id=f"o{d}") for d in range(12)), **options)
    assert "absurd_time" not in list(orders.problems["problem"])
    assert orders.n_orders == 12
    orders = read(*(line(timestamp=d, order_id=f"o{d}") for d in [0, *range(20_000, 20_012)]), **options)
    assert the(orders, "absurd_time")["set_aside"] == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1_767_571_200, " seconds since"),
        (1_767_571_200_000, "milliseconds since"),
        (20_260_105, "written like 20260131"),
        (20_458, "days since"),
    ],
)
@pytest.mark.parametrize("kind", [int, str])
def test_a_guessed_unit_is_named(number, said, kind):
    """Every number that is read as a time is named with the unit it was read in, unless the caller gave it."""
    orders = read(line(timestamp=kind(number)))
    assert f"{orders.start:%Y-%m-%d}" == "2026-01-05"
    assert said in the(orders, "numeric_dates")["action"]
    unit = {"written like 20260131": "%Y%m%d", " seconds since": "s", "days since": "D"}.get(said, "ms")
    assert len(read(line(timestamp=kind(number)), time_format=unit).problems) == 0


def test_a_zero_among_written_numbers_is_no_time():
    """A 0 between 20260105 and 20260106 leaves the others what they are."""
    orders = read(*(line(timestamp=t, order_id=str(t)) for t in (20_260_105, 0, 20_260_106)))
    assert the(orders, "bad_time")["rows"] == 1
    assert f"{orders.last:%Y-%m-%d}" == "2026-01-06"


@pytest.mark.parametrize("value", ["1e400", "-1e400", float("inf")])
@pytest.mark.parametrize("column", ["quantity", "price"])
def test_numbers_beyond_all_bounds_are_none(column, value):
    """What a float cannot hold is no quantity and no price."""
    orders = read(line(), line(**{column: value, "order_id": "o2"}))
    assert the(orders, f"bad_{column}")["rows"] == 1
    assert np.isfinite(orders.frame()["quantity"]).all()


def test_exact_duplicates_are_kept_once():
    """A row equal in every column of the source counts once, also in columns that are not mapped."""
    orders = read(line(till=1), line(till=1), line(till=1), line(till=2))
    found = the(orders, "duplicate")
    assert (found["rows"], found["merged"]) == (2, 2)
    assert "kept once" in found["action"]
    # the row of another till is no duplicate: its 10 pieces are added
    assert the(orders, "repeated_line")["rows"] == 1
    assert orders.quantity.tolist() == [20.0]
    assert total(orders) == {"read": 4, "kept": 1, "merged": 3, "set_aside": 0}


def test_duplicates_count_over_lines_set_aside_too():
    """Copies of a line without customer are counted as duplicates, and stay set aside."""
    orders = read(line(), line(customer_id=None), line(customer_id=None))
    found = the(orders, "duplicate")
    assert (found["rows"], found["set_aside"], found["merged"]) == (1, 1, 0)
    assert total(orders)["set_aside"] == 2


def test_repeated_lines_are_merged():
    """Two lines of one item in one order become one: pieces added, price averaged by pieces."""
    orders = read(line(quantity=10, price=2.0), line(quantity=30, price=4.0))
    assert the(orders, "repeated_line")["merged"] == 1
    assert orders.quantity.tolist() == [40.0]
    assert orders.price.tolist() == [pytest.approx(3.5)]


def test_return_is_seen_only_from_its_day_on():
    """A return cancels its purchase, but not for who looks from a moment before it."""
    orders = read(line(), line(order_id="o2", timestamp="2026-02-01", quantity=-10))
    assert the(orders, "return")["merged"] == 1
    gone = the(orders, "returned_purchase")
    assert (gone["rows"], gone["set_aside"]) == (1, 1)
    assert "before" in gone["change"]
    assert len(orders) == 0
    assert orders.before("2026-02-01").quantity.tolist() == [10.0]
    assert len(orders.before("2026-02-02")) == 0
    assert total(orders) == {"read": 2, "kept": 0, "merged": 1, "set_aside": 1}


def test_return_without_purchase_is_set_aside():
    """A return without purchase is set aside: another customer's or a later one does not count."""
    orders = read(
        line(),
        line(customer_id="bob", order_id="o2", timestamp="2026-02-01", quantity=-1),
        line(order_id="o0", timestamp="2026-01-01", quantity=-1),
    )
    found = the(orders, "return")
    assert (found["rows"], found["set_aside"], found["merged"]) == (2, 2, 0)
    assert orders.quantity.tolist() == [10.0]


def test_more_returned_than_bought_is_named():
    """What is returned beyond what was bought is ignored, and named."""
    orders = read(line(), line(order_id="o2", timestamp="2026-02-01", quantity=-12))
    assert the(orders, "over_returned")["rows"] == 1
    assert len(orders) == 0


def test_cancelled_orders_have_their_own_name():
    """Negative lines of orders marked by a letter are counted apart from other returns."""
    orders = read(
        line(order_id="101"),
        line(order_id="102", timestamp="2026-01-06"),
        line(order_id="C103", timestamp="2026-02-01", quantity=-4),
        line(order_id="104", timestamp="2026-02-02", quantity=-1),
    )
    assert the(orders, "cancellation")["rows"] == 1
    assert "C103" in the(orders, "cancellation")["examples"][0]
    assert the(orders, "return")["rows"] == 1
    assert orders.quantity.sum() == 15.0


@pytest.mark.parametrize(
    ("price", "code"),
    [(0.0, "zero_price"), (-3.0, "negative_price"), (251.0, "absurd_price"), ("free", "bad_price")],
)
def test_impossible_prices_become_unknown(price, code):
    """A price of zero, below, absurdly high or none at all: the line stays, its price does not."""
    usual = [line(order_id=f"u{k}", timestamp=f"2026-01-1{k}") for k in range(3)]
    orders = read(*usual, line(order_id="o2", timestamp="2026-02-01", price=price))
    found = the(orders, code)
    assert (found["rows"], found["kept"], found["column"]) == (1, 1, "price")
    assert "price unknown" in found["action"]
    assert np.isnan(orders.price).sum() == 1
    assert np.nanmax(orders.price) == 2.5


def test_a_high_price_within_reason_stays():
    """A hundred times the usual price is still believed."""
    usual = [line(order_id=f"u{k}", timestamp=f"2026-01-1{k}") for k in range(3)]
    orders = read(*usual, line(order_id="o2", price=250.0))
    assert len(orders.problems) == 0
    assert orders.price.max() == 250.0


def test_times_from_as_of_on_are_set_aside():
    """A line at as_of itself has not happened yet, and without as_of the present moment is meant."""
    orders = read(line(), line(order_id="o2", timestamp="2026-06-01"))
    found = the(orders, "future")
    assert (found["rows"], found["set_aside"]) == (1, 1)
    assert "2026-06-01" in found["action"]
    assert "as_of='" in found["change"]
    assert the(read_orders([line(timestamp="2999-01-01"), line()]), "future")["rows"] == 1


def test_mixed_id_types_meet_as_text():
    """1 and "1" are one customer, and the column is named."""
    orders = read(
        line(customer_id=1), line(customer_id="1", order_id="o2"), line(customer_id=1.0, order_id="o3")
    )
    found = the(orders, "mixed_ids")
    assert found["column"] == "customer_id"
    assert orders.customer_ids.to_pylist() == ["1"]
    assert found["rows"] == 1  # the one text among numbers


def test_spaces_around_ids_are_taken_off():
    """Leading and trailing spaces make no new customer or item, and inner ones stay."""
    orders = read(line(customer_id=" ann"), line(customer_id="ann ", item_id="bath tub "), line())
    assert orders.customer_ids.to_pylist() == ["ann"]
    assert set(orders.item_ids.to_pylist()) == {"tiles", "bath tub"}
    spaces = orders.problems[orders.problems["problem"] == "spaces"]
    assert dict(zip(spaces["column"], spaces["rows"], strict=True)) == {"customer_id": 2, "item_id": 1}


def test_an_order_of_two_customers_is_split():
    """An order id that two customers share becomes an order of each."""
    orders = read(line(), line(customer_id="bob", item_id="tap"))
    found = the(orders, "shared_order")
    assert (found["rows"], found["kept"]) == (2, 2)
    assert "split" in found["action"]
    assert (orders.n_orders, orders.n_customers) == (2, 2)


def test_an_order_over_days_is_split():
    """An order id that stands on two days becomes an order a day."""
    orders = read(line(), line(timestamp="2026-01-06", item_id="tap"))
    assert the(orders, "order_over_days")["rows"] == 2
    assert orders.n_orders == 2


@pytest.mark.parametrize(("size", "named"), [(99, False), (100, True)])
def test_baskets_of_hundreds_are_named(size, named):
    """A basket of a hundred items stays, and is named as perhaps no household's."""
    orders = read(*(line(item_id=f"i{k}") for k in range(size)))
    assert ("large_basket" in set(orders.problems["problem"])) == named
    assert len(orders) == size
    if named:
        assert "wholesale" in the(orders, "large_basket")["action"]


def test_quantities_of_zero_and_none():
    """Zero pieces stay zero and are named; what is no number counts as one piece, and is named."""
    orders = read(line(quantity=0), line(order_id="o2", item_id="tap", quantity="many"))
    assert the(orders, "zero_quantity")["kept"] == 1
    found = the(orders, "bad_quantity")
    assert "1 piece" in found["action"]
    assert "'many'" in found["examples"][0]
    assert sorted(orders.quantity) == [0.0, 1.0]


def test_dates_that_read_both_ways_are_named():
    """Where day-first and month-first both fit, the reading is named with the argument that settles it."""
    orders = read(line(timestamp="03/04/2026"), line(order_id="o2", timestamp="05/02/2026"))
    found = the(orders, "ambiguous_dates")
    assert found["rows"] == 2
    assert "day-first" in found["action"]
    assert "time_format='%m/%d/%Y'" in found["change"]
    settled = read(line(timestamp="03/04/2026"), time_format="%m/%d/%Y")
    assert len(settled.problems) == 0
    assert settled.day[0] == (pd.Timestamp("2026-03-04") - pd.Timestamp(0)).days


def test_missing_order_ids_make_orders_by_moment():
    """Lines without order id are an order of their customer and moment."""
    orders = read(
        line(order_id=None), line(order_id=None, item_id="tap"), line(order_id=None, timestamp="2026-01-07")
    )
    assert the(orders, "missing_order")["kept"] == 3
    assert orders.n_orders == 2


def test_a_likely_column_left_out_is_named():
    """Where the customer column has another name, the argument to read it is offered."""
    row = {("CustomerID" if k == "customer_id" else k): v for k, v in line().items()}
    found = the(read(row), "unmapped_column")
    assert found["column"] == "CustomerID"
    assert "customer='CustomerID'" in found["change"]


def test_without_customers_each_order_stands_alone():
    """Without a customer column every order is its own customer, and it is said."""
    row = {k: v for k, v in line().items() if k != "customer_id"}
    orders = read(row, row | {"item_id": "tap"}, row | {"order_id": "o2"})
    assert not orders.has_customers
    assert (orders.n_orders, orders.n_customers) == (2, 2)
    assert the(orders, "no_customers")["kept"] == 3


def test_items_the_catalog_does_not_know_are_named():
    """Items sold but absent from the catalog are named and stay."""
    orders = read(line(), line(item_id="tap"), catalog=[{"item_id": "tiles", "category": "floor"}])
    found = the(orders, "not_in_catalog")
    assert (found["rows"], found["kept"]) == (1, 1)
    assert "'tap'" in found["examples"][0]


def test_clock_changes_do_not_break():
    """Hours that a zone's clock skips or repeats are read and named."""
    orders = read(
        line(timestamp="2026-03-29 02:30:00"),
        line(order_id="o2", timestamp="2025-10-26 02:30:00"),
        line(order_id="o3", timestamp="2026-01-01 12:00:00"),
        timezone="Europe/Berlin",
    )
    assert the(orders, "clock_change")["rows"] == 2
    assert str(orders.start) == "2025-10-26 00:30:00"


def test_raise_lists_every_problem_at_once():
    """on_problem="raise" gives one error with each problem, its count and its remedy."""
    with pytest.raises(InputError) as caught:
        read(line(), line(customer_id=None), line(order_id="o2", price=0), on_problem="raise")
    message = str(caught.value)
    assert "2 problems in 3 lines" in message
    assert "missing_customer in customer_id: 1 rows, like row 2" in message
    assert "zero_price in price: 1 rows" in message
    assert "on_problem='keep'" in message
    read(line(), on_problem="raise")


def test_at_most_three_examples_and_the_count_of_all():
    """Three examples stand for all, in the order of the source."""
    orders = read(line(), *(line(customer_id=None, item_id=f"i{k}") for k in range(9)))
    found = the(orders, "missing_customer")
    assert found["rows"] == 9
    assert [e.split(":")[0] for e in found["examples"]] == ["row 2", "row 3", "row 4"]
