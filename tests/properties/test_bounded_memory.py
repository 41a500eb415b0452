"""With memory bounded everything comes out the same, from files that nobody sees and nobody has to remove."""

import errno
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

import nextbuy as nb
from nextbuy.mining import followers
from nextbuy.mining.pair_table import PairTable
from nextbuy.mining.shared import spread, store
from nextbuy.orders import scratch
from nextbuy.predict.candidates import new_candidates
from nextbuy.predict.examples import BYTES_A_CUSTOMER, examples
from nextbuy.predict.history import Timeline

ARRAYS = ("customer", "order", "item", "time", "day", "quantity", "price", "customer_hash")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Give a temporary directory of its own, with every array in files and few rows looked at at once."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(scratch, "SMALL", 1)
    monkeypatch.setattr(scratch, "BLOCK", 1_000)
    monkeypatch.setattr("nextbuy.orders.lines.BLOCK", 1_000)
    return place


def in_file(values):
    """Say whether an array lies in a mapped file."""
    while isinstance(values, np.ndarray) and values.base is not None:
        values = values.base
    return not isinstance(values, np.ndarray)


def dirty(lines):
    """Give lines with a bit of everything that the checks look for."""
    r = np.random.default_rng(5)
    lines = lines.sample(6_000, random_state=1).reset_index(drop=True)
    lines["timestamp"] = lines["timestamp"].astype(str)
    lines["quantity"] = lines["quantity"].astype(object)
    lines["price"] = lines["price"].round(2).map("{:.2f}".format)
    for column, values in (
        ("customer_id", ["", None, " 17 "]),
        ("item_id", ["nan", " tap "]),
        ("timestamp", ["soon", "1900-01-01", "2031-01-01", None]),
        ("quantity", ["-1", "-2", "0", "many"]),
        ("price", ["-3", "0", "1,5", "999999", ""]),
    ):
        for value in values:
            lines.loc[r.integers(0, len(lines), 40), column] = value
    back = lines.iloc[:300].assign(
        quantity="-1", timestamp=lines["timestamp"].iloc[:300].str[:10] + " 23:59:59"
    )
    return pd.concat([lines, lines.iloc[:50], back], ignore_index=True).astype("string")


@pytest.mark.parametrize("kind", ["csv", "parquet", "stream", "latin", "epoch"])
@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_read_is_the_same(small_world, temporary, tmp_path, kind, ordered):
    """Lines, ids, problems and ledger of any kind of source, orders named or not, with every array in a file."""
    lines, columns = dirty(small_world.orders), {} if ordered else {"order": None}
    if kind == "csv":
        source = tmp_path / "lines.csv"
        lines.to_csv(source, index=False)
    elif kind == "latin":
        source = tmp_path / "lines.csv"
        lines.assign(shop="Café").to_csv(source, index=False, encoding="cp1252")
    elif kind == "parquet":
        source = tmp_path / "lines.parquet"
        pq.write_table(pa.Table.from_pandas(lines), source, row_group_size=700)
    elif kind == "stream":
        source = pa.Table.from_pandas(lines)
    else:
        whole = small_world.orders.iloc[:5_000]
        seconds = whole["timestamp"].astype("datetime64[s]").astype("int64")
        source = tmp_path / "lines.parquet"
        pq.write_table(pa.Table.from_pandas(whole.assign(timestamp=seconds)), source, row_group_size=700)

    def read(**options):
        given = source.to_reader(max_chunksize=500) if kind == "stream" else source
        return nb.read_orders(given, as_of="2030-01-01", **columns, **options)

    free, bounded = read(), read(max_memory="1GB")
    for name in ARRAYS:
        assert in_file(getattr(bounded, name)) or name == "customer_hash"
        assert not in_file(getattr(free, name))
        np.testing.assert_array_equal(getattr(bounded, name), getattr(free, name))
    assert bounded.problem_table.equals(free.problem_table)
    assert bounded.ledger == free.ledger
    assert bounded.checksum() == free.checksum()
    assert len(free.problem_table) > (10 if kind != "epoch" else 0)
    cut = str(free.end)[:10]
    assert bounded.before(cut).checksum() == free.before(cut).checksum()
    assert not list(temporary.iterdir())


def test_a_model_is_the_same_file_by_file_and_answers_alike(small_world, temporary, tmp_path, monkeypatch):
    """Learned in many small parts from mapped files: the same bundle, the same answers, and no file stays."""
    monkeypatch.setattr("nextbuy.mining.parts.BYTES_AN_EVENT", 10_000)
    monkeypatch.setattr("nextbuy.predict.examples.BYTES_A_CUSTOMER", 2_000_000)
    monkeypatch.setattr(followers, "ENTRIES", 500)
    found = {}
    for most in (None, "1GB"):
        orders = nb.read_orders(small_world.orders, catalog=small_world.catalog, max_memory=most)
        model = nb.NextPurchase().fit(orders)
        assert in_file(model._events.item) == (most is not None)
        place = nb.save(model, tmp_path / f"model {most}")
        bundle = {f.name: f.read_bytes() for f in place.iterdir()}
        live = nb.load(place).predict(orders, as_of=orders.end, k=3)
        links = nb.SequentialRules(fdr=None).fit(orders)
        assert in_file(links._log.item) == (most is not None)
        found[most] = bundle, model.predict(k=3), live, links.rules_
    (one, *frames), (other, *others) = found[None], found["1GB"]
    assert one == other
    for mine, wanted in zip(others, frames, strict=True):
        assert len(wanted) > 50
        pd.testing.assert_frame_equal(mine, wanted)
    assert not list(temporary.iterdir())


def test_a_rules_promise_counts_without_its_triggers(small_model):
    """Candidates of some customers at a time keep no triggers; their probabilities are the same to the bit."""
    learned = small_model.learned_
    timeline = Timeline.of(small_model._events)
    whole = new_candidates(timeline.before(small_model._cut), learned.sources)
    with scratch.bounded(40 * BYTES_A_CUSTOMER):  # 5 customers at a time
        few = examples(new_candidates, timeline, small_model._cut, learned.sources)
    assert whole.triggers
    assert whole.strength.any()
    assert not few.triggers
    np.testing.assert_array_equal(learned.new.probability(few), learned.new.probability(whole))


def test_other_processes_keep_to_the_bound_too():
    """What is called in a process of its own runs under the bound of its caller, and the result is the same."""
    with scratch.bounded(7_000_000):
        assert list(spread([scratch.bound, scratch.bound], n_jobs=2)) == [7_000_000] * 2
        made = next(spread([partial(scratch.empty, 1 << 20, np.int32)], n_jobs=2))
    assert made.shape == (1 << 20,)
    assert list(spread([scratch.bound], n_jobs=2)) == [None]


def test_no_file_stays_after_an_error(small_world, temporary, monkeypatch):
    """Learning that fails half way leaves the temporary directory empty."""
    orders = nb.read_orders(small_world.orders, max_memory="1GB")
    seen = []

    def fail(*_, **__):
        seen.extend(temporary.iterdir())
        raise RuntimeError("enough")

    monkeypatch.setattr("nextbuy.predict.next_purchase.Crowd.of", fail)
    with pytest.raises(RuntimeError, match="enough"):
        nb.NextPurchase().fit(orders)
    assert seen
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("temporary")
def test_pairs_in_files_are_those_in_memory(monkeypatch):
    """Tables of followers added, turned and paired some rows at a time equal the square tables."""
    monkeypatch.setattr(followers, "ENTRIES", 40)
    monkeypatch.setattr("nextbuy.mining.pair_table.BLOCK", 90)
    r = np.random.default_rng(2)
    one, other = (r.poisson(0.4, (30, 30)).astype(np.int32) for _ in range(2))
    ends, hazard = r.random((30, 4)), r.random((30, 4))
    with scratch.bounded(10**9):
        both = followers.added(sparse.csr_array(one), sparse.csr_array(other))
        pairs = PairTable.from_factors(both, ends, hazard)
    whole = one + other
    np.testing.assert_array_equal(both.toarray(), whole)
    np.testing.assert_array_equal(followers.turned(both).toarray(), np.tril(whole, -1).T)
    low, high = np.nonzero(np.triu(whole + whole.T, 1))
    np.testing.assert_array_equal((pairs.low, pairs.high), (low, high))
    np.testing.assert_array_equal((pairs.forward, pairs.backward), (whole[low, high], whole[high, low]))
    np.testing.assert_array_equal(pairs.rows, whole.sum(1) - whole.diagonal())
    np.testing.assert_array_equal(pairs.columns, whole.sum(0) - whole.diagonal())
    assert all(map(in_file, (pairs.ahead, both.data, both.indices)))  # scipy copies what starts in 64 bits


@pytest.mark.usefixtures("temporary")
def test_a_full_disk_is_said(small_world, monkeypatch):
    """When the temporary directory has no room the error says how much was needed, and where."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"no room for .* MB in .*temporary.* set TMPDIR") as found:
        nb.read_orders(small_world.orders, max_memory="1GB")
    assert found.value.errno == errno.ENOSPC


@dataclass
class Record:
    """What is stored for other processes: any dataclass of arrays."""

    values: np.ndarray


@pytest.fixture
def no_files_beyond_100_kilobytes():
    """Let the operating system refuse larger files, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_while_a_stream_is_read_is_said(small_world, tmp_path, temporary, request):
    """Lines of a text file and counts that find no room are told apart from a file that cannot be read."""
    source = tmp_path / "orders.csv"
    small_world.orders.to_csv(source, index=False)
    assert source.stat().st_size > 500_000
    request.getfixturevalue("no_files_beyond_100_kilobytes")
    with pytest.raises(OSError, match=rf"no room for the lines of the source in {temporary} .* set TMPDIR"):
        nb.read_orders(source, max_memory="1GB")
    with scratch.bounded(1):
        counts = scratch.Growing(np.int64)
    with pytest.raises(OSError, match=rf"no room for 1 MB in {temporary} .* set TMPDIR"):
        counts.add(np.arange(125_000))
    counts._file.close()
    with pytest.raises(OSError, match=rf"no room for parts of the purchases in {temporary} .* set TMPDIR"):
        store(Record(np.arange(125_000)), folder=temporary / "parts")


def test_a_temporary_directory_that_is_not_there_is_said(small_world, temporary, monkeypatch):
    """Files do not go elsewhere without a word when TMPDIR names no directory."""
    monkeypatch.setenv("TMPDIR", str(temporary / "gone"))
    with pytest.raises(OSError, match="gone is no directory that can be written to; set TMPDIR"):
        nb.read_orders(small_world.orders, max_memory="1GB")
    assert len(nb.read_orders(small_world.orders))


@pytest.mark.parametrize("size", ["2", "1KB", 999_999])
def test_a_size_too_small_for_anything_is_refused(size):
    """A bare 2 is two bytes, which nobody means."""
    with pytest.raises(nb.InputError, match=r"bytes, too little memory .*max_memory='2GB'"):
        nb.read_orders([{}], max_memory=size)


@pytest.mark.parametrize("size", ["much", "0", "-1GB", True, 0])
def test_a_size_that_is_none_is_refused(small_world, size):
    """A bound that is no size of memory is named, with one that would be."""
    with pytest.raises(nb.InputError, match=r"is no size of memory. Try .*max_memory='2GB'"):
        nb.read_orders(small_world.orders, max_memory=size)


_READ = """
import resource, sys
import nextbuy as nb
import nextbuy.orders.read, pandas, scipy.sparse
held = int(next(l for l in open("/proc/self/status") if l.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + int(sys.argv[2]),) * 2)
orders = nb.read_orders(sys.argv[1], max_memory=sys.argv[3] or None)
print(orders.checksum())
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured by what Linux counts")
def test_memory_is_bounded(tmp_path):
    """Four million lines are read where twenty bytes a line are left; without the bound these do not do."""
    r, many = np.random.default_rng(0), 4_000_000
    customer = np.sort(r.integers(0, 20_000, many))
    day = np.datetime64("2025-01-01") + r.integers(0, 300, many // 10).repeat(10).astype("timedelta64[D]")
    columns = {
        "customer_id": customer,
        "order_id": np.arange(many) // 10,
        "timestamp": day.astype("datetime64[us]"),
        "item_id": r.integers(0, 5_000, many),
    }
    pq.write_table(pa.table(columns), tmp_path / "lines.parquet", row_group_size=500_000)
    left = resource.getrlimit(resource.RLIMIT_DATA)
    # arrow's own pool reserves more than it takes
    alone = {"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}

    def run(most):
        command = [sys.executable, "-c", _READ, str(tmp_path / "lines.parquet"), str(300_000_000), most]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | alone)

    bounded, free = run("250MB"), run("")
    assert bounded.returncode == 0, bounded.stderr
    assert len(bounded.stdout.strip()) == 64
    assert free.returncode != 0
    assert "MemoryError" in free.stderr or "malloc" in free.stderr
    assert resource.getrlimit(resource.RLIMIT_DATA) == left
