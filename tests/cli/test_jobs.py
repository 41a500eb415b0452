"""Fit, score, inspect: the nightly job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest

import nextbuy as nb
from nextbuy.storage import read_run

AS_OF = "2025-07-10"


@pytest.fixture(scope="session")
def source(shop):
    return [str(shop / "orders.parquet"), "--catalog", str(shop / "items.parquet")]


@pytest.fixture(scope="session")
def finished(source, model, tmp_path_factory):
    """Give the directory of one finished run."""
    from nextbuy.cli.app import run

    out = tmp_path_factory.mktemp("runs") / "out"
    assert (
        run(
            ["score", *source, "--model", str(model), "--as-of", AS_OF, "--out", str(out), "--csv", "--quiet"]
        )
        == 0
    )
    return out


def _bytes(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def test_score_gives_what_the_library_predicts(finished, model, orders):
    """predictions.parquet is NextPurchase.predict of all customers, row for row, to the bit."""
    expected = nb.load(model).predict(orders, as_of=AS_OF)
    found = pq.read_table(finished / "predictions.parquet").to_pandas()
    pd.testing.assert_frame_equal(found, expected.astype(found.dtypes), check_exact=True)


def test_every_prediction_is_offered_or_suppressed(finished):
    """Offers and suppressed together are the predictions, each once; windows hold and value falls with rank."""
    predictions, offers, suppressed = (
        pq.read_table(finished / f"{name}.parquet").to_pandas()
        for name in ("predictions", "offers", "suppressed")
    )
    pairs = [
        list(zip(f["customer_id"], f["item_id"], strict=True)) for f in (predictions, offers, suppressed)
    ]
    assert sorted(pairs[0]) == sorted(pairs[1] + pairs[2])
    assert len(offers) > 0
    assert offers["offer_id"].is_unique
    assert (offers["send_on"] >= pd.Timestamp(AS_OF)).all()
    assert (offers["send_on"] <= offers["expires_on"]).all()
    assert set(offers["model_version"]) == {read_run(finished)["model_version"]}


def test_the_csv_says_the_same(finished):
    """offers.csv has the rows of offers.parquet, with days as days."""
    table = pq.read_table(finished / "offers.parquet").to_pandas()
    text = pd.read_csv(finished / "offers.csv", dtype=str, keep_default_na=False)
    assert list(text.columns) == list(table.columns)
    assert text["offer_id"].tolist() == table["offer_id"].tolist()
    assert text["send_on"].tolist() == table["send_on"].dt.strftime("%Y-%m-%d").tolist()
    assert text["probability"].astype(float).tolist() == table["probability"].tolist()


def test_blocks_change_nothing(nextbuy, source, model, finished, tmp_path):
    """Scored a hundred customers at a time the tables hold the same rows."""
    out = tmp_path / "out"
    words = ["score", *source, "--model", model, "--as-of", AS_OF, "--out", out, "--block-customers", 100]
    assert nextbuy(*words, "--quiet")[0] == 0
    for name in ("predictions", "suppressed"):
        assert pq.read_table(out / f"{name}.parquet").equals(pq.read_table(finished / f"{name}.parquet"))


def test_a_killed_job_resumes_to_the_same_bytes(source, model, tmp_path):
    """`nextbuy score` killed between two blocks and started again writes what an undisturbed one writes."""
    words = [
        sys.executable,
        "-c",
        "from nextbuy.cli import main; main()",
        "score",
        *source,
        "--model",
        str(model),
    ]
    words += ["--as-of", AS_OF, "--block-customers", "60", "--quiet", "--out"]
    subprocess.run([*words, str(tmp_path / "whole")], check=True)
    job = subprocess.Popen([*words, str(tmp_path / "out")])
    done = tmp_path / "out" / ".work" / "part-000001.done"
    while not done.exists():
        assert job.poll() is None
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    assert not (tmp_path / "out" / "manifest.json").exists()
    before = done.stat().st_mtime_ns
    second = subprocess.Popen([*words, str(tmp_path / "out")])
    while second.poll() is None and done.exists():
        # what was done is not done again
        assert not done.exists() or _age(done) in {before, None}
        time.sleep(0.005)
    assert second.wait() == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def _age(file):
    try:
        return os.stat(file).st_mtime_ns  # noqa: PTH116 - the file may go at any moment
    except FileNotFoundError:
        return None


def test_a_finished_run_stays(nextbuy, source, model, finished):
    """Scoring into it again is refused with what to do; with --overwrite the bytes come out the same."""
    words = ["score", *source, "--model", model, "--as-of", AS_OF, "--out", finished, "--csv"]
    code, _, err = nextbuy(*words)
    assert code == 3
    assert "already holds a finished run" in err
    before = _bytes(finished)
    code, said, _ = nextbuy(*words, "--overwrite", "--json")
    assert code == 0
    assert said["manifest"] == read_run(finished)
    assert _bytes(finished) == before


def test_kind_k_and_policy_arrive(nextbuy, source, model, tmp_path):
    """--kind and -k shape the predictions, --policy the offers; the policy's secret is not in the manifest."""
    (tmp_path / "policy.toml").write_text('max_per_customer = 1\nsalt = "our secret"\nholdout = 0.5\n')
    words = ["score", *source, "--model", model, "--as-of", AS_OF, "--out", tmp_path / "out", "--csv"]
    code, _, _ = nextbuy(*words, "--kind", "new", "-k", 3, "--policy", tmp_path / "policy.toml")
    assert code == 0
    predictions = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pandas()
    assert set(predictions["kind"]) == {"new"}
    assert predictions.groupby("customer_id").size().max() == 3
    offers = pq.read_table(tmp_path / "out" / "offers.parquet").to_pandas()
    assert offers.groupby("customer_id").size().max() == 1
    assert b"our secret" not in (tmp_path / "out" / "manifest.json").read_bytes()
    # customers held out are in the plan, and in no file that is sent
    delivered = pd.read_csv(tmp_path / "out" / "offers.csv", dtype=str)
    assert offers["control"].any()
    assert set(delivered["offer_id"]) == set(offers.loc[~offers["control"], "offer_id"])


def test_a_date_before_the_orders_says_so(nextbuy, source, model, tmp_path):
    """Nothing is known before the first order: a message, no directory left half."""
    code, _, err = nextbuy(
        "score", *source, "--model", model, "--as-of", "1999-01-01", "--out", tmp_path / "out"
    )
    assert code == 3
    assert "There are no orders before --as-of 1999-01-01" in err
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_is_not_used(nextbuy, source, model, tmp_path):
    """A byte flipped in the model ends scoring with one message before anything is written."""
    import shutil

    shutil.copytree(model, tmp_path / "model")
    file = tmp_path / "model" / "events.day.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    code, _, err = nextbuy(
        "score", *source, "--model", tmp_path / "model", "--as-of", AS_OF, "--out", tmp_path / "out"
    )
    assert code == 3
    assert "the content of events.day.npy was changed" in err
    assert not (tmp_path / "out").exists()
    assert nextbuy("inspect", tmp_path / "model")[0] == 3


def test_inspect_says_what_it_is(nextbuy, model, finished, tmp_path):
    """A model gives its class and parameters, a run its date and counts; anything else is refused."""
    code, found, _ = nextbuy("inspect", model, "--json")
    assert code == 0
    assert (found["class"], found["parameters"]["horizon_days"]) == ("NextPurchase", 14)
    code, found, _ = nextbuy("inspect", finished, "--json")
    assert code == 0
    written = json.loads((finished / "manifest.json").read_bytes())
    assert found == {name: value for name, value in written.items() if name != "checksum"}
    assert found["counts"]["predictions"] == pq.read_metadata(finished / "predictions.parquet").num_rows
    assert nextbuy("inspect", tmp_path)[0] == 3


def test_config_and_date_reach_the_model(model):
    """The model was fitted with the parameters of the TOML file, on what was known at --as-of."""
    found = nb.load(model)
    assert found.horizon_days == 14
    assert found.as_of_ == "2025-06-20"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("horizon_day = 14", "Did you mean 'horizon_days'?"),
        ("horizon_days: 14", "is no TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_config_is_wrong_usage(nextbuy, source, tmp_path, text, said):
    """An unknown key is answered with the nearest, a broken file with what it should look like: exit code 2."""
    if text is not None:
        (tmp_path / "fit.toml").write_text(text)
    code, _, err = nextbuy("fit", *source, "--model", tmp_path / "m", "--config", tmp_path / "fit.toml")
    assert code == 2
    assert said in err
    assert not (tmp_path / "m").exists()


def test_a_value_that_makes_no_sense_is_refused(nextbuy, source, tmp_path):
    """horizon_days = -3 is answered by the model's own message; no model is left."""
    (tmp_path / "fit.toml").write_text("horizon_days = -3")
    code, _, err = nextbuy("fit", *source, "--model", tmp_path / "m", "--config", tmp_path / "fit.toml")
    assert code == 3
    assert "horizon_days=-3" in err
    assert not (tmp_path / "m").exists()
