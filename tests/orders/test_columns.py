"""Missing columns are told with what is there, what is near, and the call that works."""

from __future__ import annotations

import pytest

from nextbuy.orders import InputError, read_orders
from nextbuy.orders.columns import likely, meaning, working_call

RETAIL = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]


def test_the_call_in_the_error_works(tmp_path):
    """The call that the error shows can be pasted, and reads the file."""
    path = tmp_path / "retail.csv"
    path.write_text(
        ",".join(RETAIL) + "\n536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
    )
    with pytest.raises(InputError) as caught:
        read_orders(path)
    message = str(caught.value)
    assert "Columns seen: InvoiceNo, StockCode, Description" in message
    assert "Did you mean 'InvoiceDate'?" in message
    assert "Did you mean 'StockCode'?" in message
    call = message.rsplit("Try ", maxsplit=1)[-1].removesuffix(".")
    orders = eval(call, {"read_orders": read_orders})
    assert orders.customer_ids.to_pylist() == ["17850"]
    assert orders.frame().iloc[0, 1:].tolist()[2:] == ["85123A", 6.0, 2.55]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("CustomerID", "customer"),
        ("user_id", "customer"),
        ("household_key", "customer"),
        ("client", "customer"),
        ("InvoiceNo", "order"),
        ("BASKET_ID", "order"),
        ("transaction_id", "order"),
        ("InvoiceDate", "time"),
        ("order_date", "time"),
        ("created_at", "time"),
        ("date", "time"),
        ("day", "time"),
        ("StockCode", "item"),
        ("sku", "item"),
        ("product_id", "item"),
        ("article_id", "item"),
        ("qty", "quantity"),
        ("UnitPrice", "price"),
        ("Country", None),
        ("product_name", None),
        ("Description", None),
    ],
)
def test_meaning_of_names(name, role):
    """Usual names of shop systems are known by meaning."""
    assert meaning(name) == role


def test_the_nearest_comes_first():
    """An id comes before other columns of its meaning; typing errors are found by spelling."""
    assert likely("customer", ["customer_segment", "cust_id"])[0] == "cust_id"
    assert likely("item", ["itm_id", "x"]) == ["itm_id"]


def test_a_named_column_that_is_absent_is_an_error():
    """Optional or not: whoever names a column gets it or an error."""
    row = [{"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": 1, "qty": 2}]
    for role in ("customer", "order", "quantity", "price"):
        with pytest.raises(InputError, match=f"No column 'nope' for {role}="):
            read_orders(row, **{role: "nope"})
    with pytest.raises(InputError, match=r"quantity='qty'"):
        read_orders(row, quantity="quantitty")


def test_neither_customer_nor_order_is_an_error():
    """Without any key that joins lines there are no baskets."""
    with pytest.raises(InputError, match="nothing says which lines belong together"):
        read_orders([{"timestamp": "2026-01-01", "item_id": 1}])


def test_no_call_is_advised_that_fails_again():
    """Where no column comes near, the needed columns are told, not the call that was just made."""
    for row, absent in (
        ({"foo": 1, "bar": 2}, "No column 'timestamp' for time="),
        ({"timestamp": "2026-01-01", "item_id": 1, "foo": 2}, "nothing says which lines"),
    ):
        with pytest.raises(InputError, match=absent) as caught:
            read_orders([row])
        message = str(caught.value)
        assert f"Columns seen: {', '.join(row)}." in message
        assert "Needed are a column of times (time=), one of items (item=)" in message
        assert "Try" not in message
    good = {"customer_id": 1, "order_id": 1, "timestamp": "2026-01-01", "item_id": 1}
    with pytest.raises(
        InputError, match=r"Name one of these\. Leave quantity= out if there is none\."
    ) as caught:
        read_orders([good], quantity="foo")
    assert "Try" not in str(caught.value)


def test_a_column_twice_is_an_error(tmp_path):
    """Two columns of one name cannot be told apart."""
    path = tmp_path / "a.csv"
    path.write_text("customer_id,order_id,timestamp,item_id,item_id\n1,1,2026-01-01,a,b\n")
    with pytest.raises(InputError, match="more than once"):
        read_orders(path)


def test_a_file_without_a_key_that_others_have_is_named(tmp_path):
    """In a glob, the file that differs is named."""
    (tmp_path / "a.csv").write_text("customer_id,order_id,timestamp,item_id\n1,1,2026-01-01,a\n")
    (tmp_path / "b.csv").write_text("customer_id,timestamp,item_id\n1,2026-01-01,a\n")
    with pytest.raises(InputError, match=r"b\.csv has no column 'order_id'"):
        read_orders(tmp_path / "*.csv")


def test_secrets_stay_out_of_the_call():
    """The call shown for a database address does not repeat it."""
    assert working_call(["a"], {}, "postgresql://me:secret@db/shop").startswith(
        "read_orders(source, query=query"
    )
