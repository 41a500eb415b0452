"""A backtest gives back the caller's own kind of frame, and is drawn and written from any of them."""

import narwhals as nw
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
@pytest.mark.parametrize("split", ["as_of", "last_basket"])
def test_every_kind_of_frame_holds_the_same(backend, split, tmp_path):
    """Figures as polars or arrow frames are those of pandas; the page comes out the same."""
    options = {"split": split, "cutoffs": 1, "min_baskets": 25, "refits": 1, "k": 3}
    reports = []
    for kind in ("pandas", backend):
        world = nb.datasets.make_orders(customers=150, days=300, seed=2, backend=kind)
        reports.append(nb.backtest(PersonalFrequency(), nb.read_orders(world.orders), **options))
    pages = [nb.write_report(r, tmp_path / f"{n}.html").read_bytes() for n, r in enumerate(reports)]
    assert pages[0] == pages[1]
    for name in ("scores", "summary", "gains", "calibration"):
        frame = getattr(reports[1], name)
        assert nw.get_native_namespace(frame).__name__ == backend
        found = nw.from_native(frame, eager_only=True).to_arrow().to_pandas()
        pd.testing.assert_frame_equal(found, getattr(reports[0], name), check_dtype=False)
