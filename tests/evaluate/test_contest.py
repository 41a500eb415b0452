"""Backtests in parallel, stopped and gone on with; the figures of probabilities and windows."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity, metrics
from nextbuy.evaluate.contest import SCHEMA, Job, Kept
from nextbuy.evaluate.figures import TIMED, _windows
from nextbuy.evaluate.splits import as_of
from nextbuy.mining.exposures import purchases

FRAMES = ("scores", "summary", "calibration", "gains")


def _same(one, other):
    assert one.verdict == other.verdict
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


@pytest.fixture(scope="module")
def report(small_orders):
    return nb.backtest(PersonalFrequency(), small_orders, cutoffs=2)


def test_processes_change_nothing(report, small_orders):
    """Two processes give the report of one."""
    _same(nb.backtest(PersonalFrequency(), small_orders, cutoffs=2, n_jobs=2), report)


class Counting(PersonalFrequency):
    """Counts its fits, and can break down."""

    fits = 0
    breaks_at = None

    def fit(self, orders, y=None, *, as_of=None):
        """Fit, or break down."""
        if type(self).fits == type(self).breaks_at:
            raise KeyboardInterrupt
        type(self).fits += 1
        return super().fit(orders, y, as_of=as_of)


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)
    monkeypatch.setattr(Counting, "breaks_at", None)
    monkeypatch.setattr(
        Counting, "probability_of", None
    )  # asked for what the model listed, it is fitted again
    return Counting


def _run(model, orders, tmp_path, **options):
    return nb.backtest(
        Popularity(),
        orders,
        cutoffs=3,
        baselines={"counting": model},
        resume_dir=tmp_path / "kept",
        **options,
    )


def test_a_killed_run_goes_on(counting, small_orders, tmp_path):
    """Finished fits are read back, the report is that of a run that was not killed, and every step is told."""
    whole = nb.backtest(Popularity(), small_orders, cutoffs=3, baselines={"counting": counting()})
    counting.fits, counting.breaks_at = 0, 2
    with pytest.raises(KeyboardInterrupt):
        _run(counting(), small_orders, tmp_path)
    counting.fits, counting.breaks_at = 0, None
    steps = []
    _same(_run(counting(), small_orders, tmp_path, progress=lambda *step: steps.append(step)), whole)
    assert counting.fits == 1
    assert [done for done, _, _ in steps] == [5, 6]
    assert steps[-1][1:] == (6, f"{whole.scores['cutoff'].max()}: counting")
    _same(_run(counting(), small_orders, tmp_path), whole)
    assert counting.fits == 1


def test_what_changes_an_answer_asks_again(counting, small_world, small_orders, tmp_path):
    """Another parameter, other orders, or a damaged file: the fit is done again; a new order changes the checksum."""
    _run(counting(), small_orders, tmp_path)
    assert counting.fits == 3
    _run(counting(half_life_days=30), small_orders, tmp_path)
    assert counting.fits == 6
    fewer = nb.read_orders(small_world.orders.iloc[1:], catalog=small_world.catalog)
    assert fewer.checksum() != small_orders.checksum()
    _run(counting(), fewer, tmp_path)
    assert counting.fits == 9
    again = nb.read_orders(small_world.orders, catalog=small_world.catalog)
    assert again.checksum() == small_orders.checksum()
    _run(counting(), again, tmp_path)
    assert counting.fits == 9


def _halved(old):
    return old[: len(old) // 2]


def _flipped(old):
    middle = len(old) // 3
    return old[:middle] + bytes([old[middle] ^ 255]) + old[middle + 1 :]


def test_a_damaged_file_is_none(counting, small_orders, tmp_path):
    """Cut short, emptied, or with one byte changed: the fit is done again, and the file is whole again."""
    whole = _run(counting(), small_orders, tmp_path)
    damages = (_halved, lambda _: b"", _flipped)
    for path, damage in zip(sorted((tmp_path / "kept").glob("*counting*")), damages, strict=True):
        path.write_bytes(damage(path.read_bytes()))
    _same(_run(counting(), small_orders, tmp_path), whole)
    assert counting.fits == 6
    _run(counting(), small_orders, tmp_path)
    assert counting.fits == 6
    assert not list((tmp_path / "kept").glob("*.tmp"))


def test_answers_come_back_as_they_were(small_orders, tmp_path):
    """What is read back equals what was written, empty windows included."""
    import pyarrow as pa

    kept = Kept(tmp_path, small_orders)
    fold = as_of(purchases(small_orders), 1, horizon_days=30).folds[0]
    rows = [[0, 0], ["all", "new"], [3, 4], [1, -1], [1, 2], [0.5, None], [20_000, None], [20_030, None]]
    table = pa.table([pa.array(r, t) for r, t in zip(rows, SCHEMA.types, strict=True)], schema=SCHEMA)
    job = Job("a model / with signs", Popularity(), fold, 10)
    assert kept.read(job) is None
    kept.write(job, table)
    assert kept.read(job).equals(table)
    assert kept.read(Job("a model / with signs", Popularity(), fold, 9)) is None


def test_losses_are_of_the_same_rows(report, small_orders):
    """Log-loss of a baseline is over what the model listed, recounted from its own probabilities."""
    cutoff = report.scores["cutoff"].min()
    model = PersonalFrequency().fit(small_orders, as_of=cutoff)
    listed = model.predict(kind="repeat", k=10)
    lines = small_orders.frame()
    after = lines[
        (lines["timestamp"] >= cutoff) & (lines["timestamp"] < pd.Timestamp(cutoff) + pd.Timedelta(days=30))
    ]
    bought = set(zip(after["customer_id"], after["item_id"], strict=True))
    true = np.array([pair in bought for pair in zip(listed["customer_id"], listed["item_id"], strict=True)])
    chance = Popularity().fit(small_orders, as_of=cutoff).predict(k=small_orders.n_items)
    of = chance.drop_duplicates("item_id").set_index("item_id")["probability"]
    losses = report.scores.query("cutoff == @cutoff and kind == 'repeat' and metric == 'log_loss'")
    said = {"model": listed["probability"], "popularity": of.reindex(listed["item_id"])}
    for name, p in said.items():
        row = losses[losses["model"] == name].iloc[0]
        assert row["value"] == pytest.approx(metrics.log_loss(p.to_numpy(), true))
        assert row["low"] < row["value"] < row["high"]


def test_pairs_get_the_probability_of_the_list(small_orders):
    """Asked for a pair, a baseline says what it says in its lists; items that it never saw get nothing."""
    for baseline in (Popularity().fit(small_orders), PersonalFrequency().fit(small_orders)):
        rows = pd.concat([baseline.predict(kind=kind, k=20) for kind in ("new", "repeat")])
        said = baseline.probability_of(rows["customer_id"].tolist(), rows["item_id"].tolist())
        np.testing.assert_allclose(said, rows["probability"])
        assert baseline.probability_of(["nobody"], ["nothing"]).tolist() == [0.0]


def test_personal_probabilities_hold(small_orders):
    """The gamma-Poisson chance of a repeat is about the share that comes, over all that was bought before."""
    cutoff = str(small_orders.end - pd.Timedelta(days=60))[:10]
    rows = PersonalFrequency(horizon_days=60).fit(small_orders, as_of=cutoff).predict(kind="repeat", k=500)
    lines = small_orders.frame()
    after = lines[lines["timestamp"] >= cutoff]
    bought = set(zip(after["customer_id"], after["item_id"], strict=True))
    came = sum(pair in bought for pair in zip(rows["customer_id"], rows["item_id"], strict=True))
    assert rows["probability"].sum() == pytest.approx(came, rel=0.25)


def test_windows_are_judged_by_hand():
    """Hits of the window, of now and of a fixed delay; who was watched for too short does not count."""
    first = np.datetime64("2025-01-01")
    days = {"a": 5, "b": 20, "c": 33, "d": 50}
    rows = [("start", 0, "x"), *((c, 1, "y") for c in days), *((c, 10 + d, "x") for c, d in days.items())]
    rows.append(("start", 80, "x"))
    orders = nb.read_orders(
        pd.DataFrame(
            [(c, str(first + d), i) for c, d, i in rows], columns=["customer_id", "timestamp", "item_id"]
        )
    )
    events, cut = purchases(orders), int((first + 10).astype("datetime64[D]").astype(int))
    customer = orders.codes([*days, "start"], of="customer")
    item = np.full(5, orders.codes(["x"])[0])
    start = np.array([0.0, 15.0, 0.0, 40.0, 60.0]) + cut
    end = start + np.array([9, 9, 9, 9, 40])
    made = _windows(
        {"customer": customer, "item": item, "window_start": start, "window_end": end}, events, cut
    )
    hit, now, late, covered = (made[name] for name in TIMED)
    # 71 days were watched; the last window of 14 days from day 60 was not
    assert hit[0].tolist() == [1, 1, 0, 1]
    assert now[0].tolist() == [1, 0, 0, 0]
    assert late[0].tolist() == [0, 0, 1, 0]
    assert covered[0].tolist() == [1, 1, 0, 0]
    assert hit[1].tolist() == customer[:4].tolist()
