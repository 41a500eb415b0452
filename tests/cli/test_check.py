"""`nextbuy check` finds what is wrong and says how to change it."""

from __future__ import annotations

import pytest


def test_clean_orders_end_with_zero(nextbuy, shop, orders):
    """Orders without a problem give exit code 0 and the counts of the library."""
    code, found, err = nextbuy("check", shop / "orders.parquet", "--json")
    assert (code, err) == (0, "")
    assert found["problems"] == []
    assert (found["customers"], found["orders"]) == (orders.n_customers, orders.n_orders)
    assert (
        found["ledger"]["read"] == found["lines"] + found["ledger"]["merged"] + found["ledger"]["set_aside"]
    )


def test_a_problem_ends_with_one(nextbuy, names, shop):
    """One planted line without customer is found, named with its place, and gives exit code 1."""
    code, found, _ = nextbuy("check", shop / "raw.csv", *names, "--json")
    assert code == 1
    assert [(p["problem"], p["rows"]) for p in found["problems"]] == [("missing_customer", 1)]
    code, out, _ = nextbuy("check", shop / "raw.csv", *names)
    assert code == 1
    assert "missing_customer" in out
    assert "raw.csv row 401" in out


def test_foreign_column_names_are_answered_with_options(nextbuy, shop):
    """Without the options the message is the options: pasted behind the command, they work."""
    code, out, err = nextbuy("check", shop / "raw.csv")
    assert (code, out) == (3, "")
    assert "No column 'timestamp'" in err
    options = err.split("Try ")[1].rstrip(".\n").replace(",", "").split()
    code, _, _ = nextbuy("check", shop / "raw.csv", *options, "--quiet")
    assert code == 1
    assert "read_orders" not in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--max-memory", "10XB"], 2, "Try --max-memory 2GB."),
        (["--max-memory", "2"], 2, "Try --max-memory 2GB."),
        (["--timezone", "Mars/Phobos"], 3, "Try --timezone Europe/Berlin."),
        (["--encoding", "klingon"], 3, "Leave --encoding out to have it detected, or try --encoding cp1252."),
        (["--time-format", "%Q"], 3, "Try --time-format '%Y-%m-%d %H:%M:%S'."),
        (["--catalog", "nowhere.csv"], 3, "globs are written 'orders/*.csv'."),
        (["--price", "nobody"], 3, "--price UnitPrice."),
    ],
)
def test_advice_is_given_in_options(nextbuy, names, shop, options, code, said):
    """What to do about a wrong option is said as it is typed here, not as it is called in Python."""
    found, out, err = nextbuy("check", shop / "raw.csv", *names[:-2], *options)
    assert (found, out) == (code, "")
    assert err.rstrip("\n").endswith(said)
    assert "=" not in err


def test_changes_are_given_in_options(nextbuy, names, shop):
    """How to have a problem otherwise is said in options; what only Python can do is left out."""
    _, found, _ = nextbuy("check", shop / "raw.csv", *names, "--json")
    assert found["problems"][0]["change"] == "fill CustomerID in the source"
    _, found, _ = nextbuy("check", shop / "raw.csv", *names[4:], "--customer", "CustomerID", "--json")
    changes = {p["column"]: p["change"] for p in found["problems"]}
    assert changes["InvoiceNo"] == "--order InvoiceNo"


def test_globs_and_several_files(nextbuy, names, shop, tmp_path):
    """A quoted glob reads all files that match it, as do several sources."""
    text = (shop / "raw.csv").read_text(encoding="utf-8")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for sources in ([tmp_path / "*.csv"], [tmp_path / "a.csv", tmp_path / "b.csv"]):
        _, found, _ = nextbuy("check", *sources, *names, "--json")
        assert found["ledger"]["read"] == 2 * 401


def test_what_is_no_order_file_says_so(nextbuy, tmp_path):
    """A missing file, a text, an empty file and a directory each give one line and exit code 3."""
    (tmp_path / "notes.csv").write_text("just some words\nand more\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "fake.parquet").write_bytes(b"PAR1 not really")
    for name in ("nowhere.csv", "notes.csv", "empty.csv", "fake.parquet", "."):
        code, out, err = nextbuy("check", tmp_path / name)
        assert (code, out) == (3, ""), name
        assert err.startswith("nextbuy: "), name
        assert err.count("\n") == 1, name
        assert "Traceback" not in err


def test_a_database_is_a_source(nextbuy, tmp_path):
    """A database address with a query is read like a file."""
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("CREATE TABLE sold (customer_id, order_id, timestamp, item_id)")
        shop.executemany(
            "INSERT INTO sold VALUES (?, ?, ?, ?)",
            [("a", 1, "2026-01-05", "tap"), ("b", 2, "2026-01-06", "tap")],
        )
    shop.close()
    pytest.importorskip("adbc_driver_sqlite")
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    code, found, _ = nextbuy("check", address, "--query", "SELECT * FROM sold", "--json")
    assert (code, found["customers"], found["lines"]) == (0, 2, 2)


def test_a_missing_driver_says_how_to_get_it(nextbuy):
    """A database whose driver is not installed is answered with the command that installs it."""
    code, _, err = nextbuy("check", "mariadb://shop", "--query", "SELECT 1")
    assert code == 3
    assert err.count("\n") == 1
