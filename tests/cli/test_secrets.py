"""The password of a database is in nothing that a command says or writes."""

from __future__ import annotations

import importlib

import pytest

import nextbuy as nb
from nextbuy.cli.app import run

SECRET = "s3cret"
QUERY = "SELECT customer_id, order_id, timestamp, item_id, quantity, price FROM lines"


@pytest.fixture(scope="module")
def address(postgresql):
    """Give a database with the lines of a small shop, one of them without a customer."""
    data = nb.datasets.make_orders(customers=300, days=300, seed=3)
    lines = data.orders
    lines.loc[5, "customer_id"] = ""
    nb.write_database(lines, postgresql, table="lines", mode="replace")
    assert SECRET in postgresql
    return postgresql


@pytest.mark.parametrize("output", ["--json", "--quiet", "--strict"])
@pytest.mark.parametrize(
    "words",
    [
        ["check", "{}", "--query", QUERY],
        ["check", "{}", "--query", "SELECT * FROM nowhere"],
        ["check", "{}"],
        ["check", "{}", "--query", QUERY, "--item", "sku"],
        ["check", "{}?password=s3cret&sslmode=nowhere", "--query", QUERY],
        ["rules", "{}", "--query", QUERY, "--kind", "pairs"],
        ["inspect", "{}"],
        ["score", "{}", "--model", "{}", "--as-of", "2026-01-01", "--out", "{}"],
        ["plan", "--predictions", "{}", "--out", "out"],
        ["check", "--no-such-option", "{}"],
        ["{}"],
    ],
)
def test_no_command_tells(address, capsys, monkeypatch, tmp_path, words, output):
    """Right and wrong queries, missing tables, wrong options, an address where a directory belongs: no secret."""
    monkeypatch.chdir(tmp_path)
    run([*(word.format(address) for word in words), output])
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert said.out + said.err or output == "--quiet"


def test_no_file_holds_it(address, capsys, tmp_path):
    """A model fitted from a database, and the run scored from it: the secret is in no byte, no summary and no name."""
    source = [address, "--query", QUERY]
    model, out = str(tmp_path / "model"), str(tmp_path / "out")
    assert run(["fit", *source, "--model", model, "--as-of", "2025-03-20", "--json"]) == 0
    assert (
        run(["score", *source, "--model", model, "--as-of", "2025-03-20", "--out", out, "--csv", "--json"])
        == 0
    )
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 20
    assert not [file for file in written if SECRET.encode() in file.read_bytes() or SECRET in file.name]


@pytest.mark.parametrize(
    "text",
    [
        "{address}",
        "user 'shop' password '{secret}' refused",
        "dsn=postgres%3A//shop:{secret}@host",
        "{secret}",
    ],
)
def test_what_the_driver_says_is_cleaned(address, capsys, monkeypatch, text):
    """A driver whose own error shows the address, in whole or in part, is not believed to keep a secret."""
    driver = importlib.import_module("adbc_driver_postgresql.dbapi")

    def refuse(target, *_args, **_options):
        raise RuntimeError(text.format(address=target, secret=SECRET))

    monkeypatch.setattr(driver, "connect", refuse)
    assert run(["check", address, "--query", QUERY, "--json"]) == 3
    said = capsys.readouterr()
    assert "failed" in said.err
    assert SECRET not in said.out + said.err
