"""Text files as they come from shops: odd delimiters, encodings, broken lines."""

from __future__ import annotations

import gzip

import pytest

from nextbuy.orders import InputError, read_orders

HEAD = "customer_id,order_id,timestamp,item_id,quantity,price,note\n"


def write(tmp_path, body, *, head=HEAD, name="shop.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes((head + body).encode(encoding))
    return path


def problems(orders):
    return {r["problem"]: r for r in orders.problems.to_dict("records")}


def test_malformed_lines_are_set_aside_with_their_line(tmp_path):
    """Lines with too few or too many fields are counted, shown with their place, and cost nothing else."""
    path = write(
        tmp_path, "ann,o1,2026-01-01,a,1,1,\nann,o2\nann,o3,2026-01-02,b,1,1,x,y,z\nann,o4,2026-01-03,,1,1,\n"
    )
    orders = read_orders(path)
    found = problems(orders)
    assert found["malformed_line"]["rows"] == found["malformed_line"]["set_aside"] == 2
    assert found["malformed_line"]["examples"] == [
        "shop.csv line 3: ann,o2",
        "shop.csv line 4: ann,o3,2026-01-02,b,1,1,x,y,z",
    ]
    assert "header" in found["malformed_line"]["action"]
    # the place of a later row counts the malformed ones
    assert found["missing_item"]["examples"][0].startswith("shop.csv row 4: ")
    assert orders.ledger == {"read": 4, "kept": 1, "merged": 0, "set_aside": 3}


def test_quoted_delimiters_and_line_breaks_are_values(tmp_path):
    """A quoted comma or line break is part of its value."""
    path = write(tmp_path, 'ann,o1,2026-01-01,"a,b",1,1,"two\nlines"\nann,o2,2026-01-02,c,1,1,""\n')
    orders = read_orders(path)
    assert set(orders.item_ids.to_pylist()) == {"a,b", "c"}
    assert len(orders.problems) == 0


def test_a_stray_quote_does_not_swallow_the_file(tmp_path):
    """An inch mark at the start of a value leaves all other lines as they are."""
    rest = "".join(f"ann,o{k},2026-01-02,i{k},1,1,\n" for k in range(50))
    orders = read_orders(write(tmp_path, 'ann,oo,2026-01-01,a,1,1,"12 inch\n' + rest))
    assert orders.n_items == 51


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_delimiters_are_found_out(tmp_path, mark):
    """Semicolons, tabs and bars separate as commas do, and decimal commas are read."""
    path = write(
        tmp_path,
        f"ann;o1;2026-01-01;a;1;1{mark and ',5'};\n".replace(";", mark),
        head=HEAD.replace(",", mark),
    )
    orders = read_orders(path)
    assert orders.price.tolist() == [1.5]
    assert problems(orders)["decimal_comma"]["rows"] == 1


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("cp1252", "cp1252"), ("latin-1", "cp1252"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")],
)
def test_other_encodings_are_read_and_named(tmp_path, encoding, said):
    """Text that is not UTF-8 is read, with the encoding taken, an example and the argument to change it."""
    path = write(tmp_path, "José,o1,2026-01-01,café,1,1,\nann,o2,2026-01-02,b,1,1,\n", encoding=encoding)
    orders = read_orders(path)
    assert set(orders.customer_ids.to_pylist()) == {"José", "ann"}
    found = problems(orders)["encoding"]
    assert found["action"].startswith(f"read as {said}" if "utf" in said else f"guessed as {said}: look")
    assert "José" in found["examples"][0]
    assert "encoding='cp1250'" in found["change"]
    assert found["kept"] == found["rows"] == (2 if "16" in encoding else 1)
    if "16" not in encoding:
        assert len(read_orders(path, encoding=encoding).customer_ids) == 2


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    """UTF-8 with a mark, as spreadsheets write it, is just UTF-8."""
    orders = read_orders(write(tmp_path, "José,o1,2026-01-01,a,1,1,\n", encoding="utf-8-sig"))
    assert orders.customer_ids.to_pylist() == ["José"]
    assert len(orders.problems) == 0


def test_cyrillic_is_guessed_and_the_guess_is_named(tmp_path):
    """Words of Cyrillic letters are read as such; names with an accent or two stay Western."""
    body = "Ольга,o1,2026-01-01,плитка,1,1,\nЮлий,o2,2026-01-02,ванна,1,1,\n"
    path = write(tmp_path, body, encoding="cp1251")
    orders = read_orders(path)
    assert sorted(orders.item_ids.to_pylist()) == ["ванна", "плитка"]
    found = problems(orders)["encoding"]
    assert found["action"].startswith("guessed as cp1251")
    assert "encoding='cp1250' (Central European)" in found["change"]
    assert "encoding" not in problems(read_orders(path, encoding="cp1251"))
    western = write(tmp_path, "Zoë,o1,2026-01-01,Käse,1,1,\nRenée,o2,2026-01-02,b,1,1,\n", encoding="cp1252")
    orders = read_orders(western)
    assert sorted(orders.customer_ids.to_pylist()) == ["Renée", "Zoë"]
    assert "encoding='cp1251' (Cyrillic)" in problems(orders)["encoding"]["change"]


def test_a_wrong_encoding_is_refused_with_a_way_out(tmp_path):
    """An encoding that does not fit, or that does not exist, says what to try."""
    path = write(tmp_path, "José,o1,2026-01-01,a,1,1,\n", encoding="cp1252")
    for wrong in ("utf-8", "klingon"):
        with pytest.raises(InputError, match="Leave encoding= out"):
            read_orders(path, encoding=wrong)


@pytest.mark.parametrize("max_memory", [None, "1GB"])
def test_what_is_no_utf8_is_named_by_its_line(tmp_path, max_memory):
    """The first byte that is none is said with the line that an editor shows, however the file is read."""
    lines = [f"c{k},o{k},2026-01-01,a,1,1,\n" for k in range(60_000)]
    path = write(tmp_path, "".join(lines[:50_000]))
    path.write_bytes(path.read_bytes() + b"Jos\xe9,o,2026-01-01,a,1,1,\n" + "".join(lines[50_000:]).encode())
    with pytest.raises(InputError, match="line 50002 is not UTF-8: byte 0xe9"):
        read_orders(path, encoding="utf-8", max_memory=max_memory)


@pytest.mark.parametrize("max_memory", [None, "1GB"])
def test_an_archive_cut_far_behind_its_head_is_named(tmp_path, max_memory):
    """A download that broke off is refused with the file's name, also where its first lines are whole."""
    body = "".join(f"c{k % 97},o{k},2026-01-01,i{k * k % 1009},1,1,\n" for k in range(50_000))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress((HEAD + body).encode())[:-2000])
    with pytest.raises(InputError, match=r"cut\.csv\.gz cannot be read: .*Check that the file is complete"):
        read_orders(tmp_path / "cut.csv.gz", max_memory=max_memory)


def test_empty_binary_and_broken_files_are_refused(tmp_path):
    """Nothing, junk and cut archives are each named for what they are."""
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "junk.csv").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(HEAD.encode() * 999)[:60])
    (tmp_path / "notgz.csv.gz").write_bytes(HEAD.encode())
    for name, words in {
        "empty": "is empty",
        "junk": "is binary",
        "cut": "cut.csv.gz",
        "notgz": "notgz.csv.gz",
    }.items():
        with pytest.raises(InputError, match=words):
            read_orders(str(tmp_path / f"{name}.csv*"))


def test_a_header_alone_is_no_lines(tmp_path):
    """A file with a header and nothing below gives no lines and no crash."""
    orders = read_orders(write(tmp_path, ""))
    assert orders.ledger == {"read": 0, "kept": 0, "merged": 0, "set_aside": 0}
    found = orders.problems.iloc[0]
    assert (found["problem"], found["rows"]) == ("no_lines", 0)
    assert "customer_id" in found["examples"][0]
    with pytest.raises(InputError, match="no_lines"):
        read_orders(write(tmp_path, ""), on_problem="raise")


def test_spaces_around_header_names(tmp_path):
    """Spaces and quotes around a column's name are no part of it."""
    head = HEAD.replace("order_id", ' "order_id" ').replace("item_id", " item_id")
    assert read_orders(write(tmp_path, "ann,o1,2026-01-01,a,1,1,\n", head=head)).order_ids.to_pylist() == [
        "o1"
    ]


def test_a_short_line_in_another_encoding_is_set_aside_there(tmp_path):
    """A line with too many fields whose letters are no UTF-8 is refused as a line of the encoding that fits."""
    text = "customer_id,timestamp,item_id\nZoé,2026-03-01,café\nZoé,2026-03-02,thé,à la menthe\n"
    (tmp_path / "orders.csv").write_bytes(text.encode("cp1252"))
    orders = read_orders(tmp_path / "orders.csv")
    assert orders.customer_ids.to_pylist() == ["Zoé"]
    assert orders.ledger == {"read": 2, "kept": 1, "merged": 0, "set_aside": 1}
    assert "thé" in str(orders.problems.set_index("problem").loc["malformed_line", "examples"])


def test_a_short_line_that_names_an_encoding_is_a_short_line(tmp_path):
    """A malformed line that holds the word utf-8 is no problem of encodings."""
    (tmp_path / "orders.csv").write_text(
        "customer_id,timestamp,item_id\na,2026-03-01,x\na,utf-8\n", encoding="utf-8"
    )
    assert read_orders(tmp_path / "orders.csv").ledger["set_aside"] == 1


def test_every_column_is_text_whatever_its_header_holds(tmp_path):
    """A form feed or a line break in a header does not make numbers of a column: 007 stays 007."""
    for name in ("item\x0cid", '"item\nid"'):
        (tmp_path / "orders.csv").write_text(f"customer_id,timestamp,{name}\na,2026-03-01,007\n")
        orders = read_orders(tmp_path / "orders.csv", item=name.strip('"'))
        assert orders.item_ids.to_pylist() == ["007"]


def test_two_columns_of_one_name_that_nobody_asks_for(tmp_path):
    """Columns that are not mapped may share a name."""
    (tmp_path / "orders.csv").write_bytes(
        "customer_id,timestamp,item_id,n,n\na,2026-03-01,é,1,2\n".encode("cp1252")
    )
    assert len(read_orders(tmp_path / "orders.csv")) == 1


@pytest.mark.parametrize("max_memory", [None, "1GB"])
def test_a_stray_quote_in_a_large_file_loses_nothing(tmp_path, monkeypatch, max_memory):
    """Lines behind a quote that never closes are kept, also where the file is read in several blocks."""
    monkeypatch.setattr("nextbuy.orders.delimited.BLOCK", 5_000)
    lines = [f"c{k % 90},o{k},2026-01-01,i{k},1,1,\n" for k in range(1_000)]
    lines[20] = 'c20,o20,2026-01-01,"20,1,1,\n'
    orders = read_orders(write(tmp_path, "".join(lines)), max_memory=max_memory)
    assert orders.ledger == {"read": 1_000, "kept": 1_000, "merged": 0, "set_aside": 0}
    assert '"20' in orders.item_ids.to_pylist()


@pytest.mark.parametrize("max_memory", [None, "1GB"])
def test_an_odd_header_leaves_later_text_readable(tmp_path, monkeypatch, max_memory):
    """A column whose name holds a line break is text from the first block on, whatever the first block holds."""
    monkeypatch.setattr("nextbuy.orders.delimited.BLOCK", 5_000)
    head = 'customer_id,order_id,timestamp,item_id,quantity,price,"no\nte"\n'
    body = [f"c{k % 90},o{k},2026-01-01,i{k},1,1,{k if k < 900 else 'gift'}\n" for k in range(1_000)]
    orders = read_orders(write(tmp_path, "".join(body), head=head), max_memory=max_memory)
    assert orders.ledger["kept"] == 1_000


def test_one_quote_that_never_closes_leaves_other_values_as_they_are(tmp_path):
    """Where all values are quoted and one quote is missing, only that value keeps a quote."""
    lines = [f'"c{k % 9}","o{k}","2026-01-01","i{k % 7}","1","1","a ""b"" c"\n' for k in range(50)]
    lines[20] = '"c-stray,"o20","2026-01-01","i6","1","1",""\n'
    orders = read_orders(write(tmp_path, "".join(lines), head='"' + HEAD.strip().replace(",", '","') + '"\n'))
    assert orders.ledger["kept"] == 50
    assert sorted(orders.customer_ids.to_pylist()) == ['"c-stray', *(f"c{k}" for k in range(9))]
    assert sorted(orders.item_ids.to_pylist()) == [f"i{k}" for k in range(7)]
