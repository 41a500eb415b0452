"""The shipped sample is what the generator makes, and an honest estimator finds the bathroom in it."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from nextbuy.datasets import load_sample, make_orders, sample_path, write_orders
from nextbuy.datasets.__main__ import main
from nextbuy.datasets.sample import SAMPLE, _write


def test_the_files_are_what_the_generator_makes():
    """Orders, catalog and truth on disk equal a fresh run with the sample's parameters."""
    shipped, fresh = load_sample(), make_orders(**SAMPLE)
    assert_frame_equal(shipped.orders, fresh.orders)
    assert_frame_equal(shipped.catalog, fresh.catalog)
    assert_frame_equal(shipped.truth, fresh.truth)


def test_the_files_are_small():
    """All together below 2 MB."""
    assert sum(path.stat().st_size for path in sample_path().iterdir()) < 2_000_000


def test_the_bathroom_can_be_found():
    """Plain first-to-first lags: 200 followers or more each, median within 15 % of the truth's."""
    sample = load_sample()
    lines = sample.orders[sample.orders["quantity"] > 0].merge(sample.catalog[["item_id", "category"]])
    day = lines["timestamp"].dt.normalize()
    first = day.groupby([lines["customer_id"], lines["category"]]).min().unstack()
    links = sample.truth[(sample.truth["kind"] == "link") & (sample.truth["antecedent"] == "tiles")]
    assert len(links) == 6
    for link in links.itertuples():
        lag = (first[link.consequent] - first["tiles"]).dt.days
        lag = lag[lag.between(1, 180)]
        assert len(lag) >= 200
        assert lag.median() == pytest.approx(link.lag_p50, rel=0.15)


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_the_sample_comes_in_the_frame_asked_for(backend):
    """Each backend's frame has the same number of lines."""
    orders = load_sample(backend=backend).orders
    assert type(orders).__module__.startswith(backend)
    assert len(orders) == len(load_sample().orders)


def test_files_and_frames_agree(tmp_path):
    """What is written block by block is what is made in memory, over a block's edge too."""
    given = {"customers": 20_300, "days": 40, "seed": 9, "orders_per_customer": 0.4}
    lines = write_orders(tmp_path, **given)
    made = make_orders(**given)
    assert lines == len(made.orders)
    assert_frame_equal(pd.read_parquet(tmp_path / "orders.parquet"), made.orders)
    assert_frame_equal(pd.read_parquet(tmp_path / "items.parquet"), made.catalog)


def test_a_broken_run_leaves_the_old_file(tmp_path):
    """When writing fails half-way, the file is the old one and no temporary file stays."""
    path = tmp_path / "orders.parquet"
    _write([pa.table({"a": [1]})], path)

    def tables():
        yield pa.table({"a": [2]})
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        _write(tables(), path)
    assert pq.read_table(path).to_pydict() == {"a": [1]}
    assert [p.name for p in tmp_path.iterdir()] == ["orders.parquet"]


def test_the_command_writes_the_files(tmp_path, capsys):
    """`python -m nextbuy.datasets` writes three files and says how many lines."""
    assert main([str(tmp_path / "new"), "--customers", "150", "--seed", "2"]) == 0
    assert {p.name for p in (tmp_path / "new").iterdir()} == {
        "orders.parquet",
        "items.parquet",
        "truth.parquet",
    }
    lines = len(pd.read_parquet(tmp_path / "new" / "orders.parquet"))
    assert f"{lines:,} lines" in capsys.readouterr().out


def test_the_command_refuses_nonsense(tmp_path, capsys):
    """A wrong number ends with exit code 2 and the library's own message."""
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), "--customers", "0"])
    assert stop.value.code == 2
    assert "at least 1" in capsys.readouterr().err
