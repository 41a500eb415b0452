"""`nextbuy rules` lists what the library finds."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

import nextbuy as nb


@pytest.fixture
def source(shop):
    return [shop / "orders.parquet", "--catalog", shop / "items.parquet"]


def test_sequences_are_those_of_the_library(nextbuy, source, orders):
    """--json gives all rules of SequentialRules, in their order, with their figures."""
    code, said, _ = nextbuy("rules", *source, "--level", "category", "--json")
    expected = nb.SequentialRules(level="category").fit(orders).rules_
    assert code == 0
    assert [(r["antecedent"], r["consequent"]) for r in said["rules"]] == list(
        zip(expected["antecedent"], expected["consequent"], strict=True)
    )
    assert [r["lift_low"] for r in said["rules"]] == expected["lift_low"].tolist()


def test_baskets_go_to_a_file(nextbuy, source, orders, tmp_path):
    """--out writes all basket rules as Parquet and as CSV."""
    expected = nb.AssociationRules(level="category").fit(orders).rules_
    for name in ("rules.parquet", "rules.csv"):
        code, out, _ = nextbuy(
            "rules", *source, "--kind", "basket", "--level", "category", "--out", tmp_path / name, "-k", 3
        )
        assert code == 0
        assert f"{len(expected):,} rules of what is bought together" in out
    table = pq.read_table(tmp_path / "rules.parquet")
    assert [tuple(a) for a in table["antecedent"].to_pylist()] == expected["antecedent"].tolist()
    assert len((tmp_path / "rules.csv").read_text().splitlines()) == len(expected) + 1


def test_an_out_of_no_known_kind_is_wrong_usage(nextbuy, tmp_path):
    """A file that is neither .parquet nor .csv is refused before anything is read."""
    code, _, err = nextbuy("rules", "nowhere.parquet", "--out", tmp_path / "rules.xlsx")
    assert code == 2
    assert ".parquet or .csv" in err


def test_an_unknown_level_says_what_there_is(nextbuy, source):
    """A level that is no column of the catalog is answered with those there are."""
    code, _, err = nextbuy("rules", *source, "--level", "categry")
    assert code == 3
    assert "category" in err


def test_ids_are_no_markup(nextbuy, tmp_path):
    """An item called [red] is shown as [red]."""
    rows = "\n".join(
        f"c{i},o{i},2026-01-0{1 + i % 9},{item}" for i in range(40) for item in ("[red] tap", "[/b] sink")
    )
    (tmp_path / "o.csv").write_text(f"customer_id,order_id,timestamp,item_id\n{rows}\n")
    code, out, _ = nextbuy("rules", tmp_path / "o.csv", "--kind", "basket")
    assert code == 0
    assert "[red] tap" in out
    assert "[/b] sink" in out


@pytest.mark.parametrize("kind", ["basket", "sequence"])
def test_without_any_order_there_are_no_rules_to_look_for(nextbuy, tmp_path, kind):
    """A source with nothing but its header fails whatever is looked for, and says where to look."""
    (tmp_path / "none.csv").write_text("customer_id,order_id,timestamp,item_id\n", encoding="utf-8")
    code, out, err = nextbuy("rules", tmp_path / "none.csv", "--kind", kind)
    assert (code, out) == (3, "")
    assert "There are no orders: the source has no lines. `nextbuy check` says more." in err


def test_no_rule_says_what_would_show_more(nextbuy, tmp_path):
    """Where nothing stands out from chance, the answer is no failure, and says what to try."""
    few = tmp_path / "few.csv"
    few.write_text(
        "customer_id,order_id,timestamp,item_id\na,1,2026-01-05,tap\nb,2,2026-01-06,tub\n", encoding="utf-8"
    )
    code, out, _ = nextbuy("rules", few)
    assert code == 0
    assert "0 rules of what is bought one after the other: too few customers" in out
    assert "--level category" in out
