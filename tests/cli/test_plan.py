"""`nextbuy plan` and `nextbuy report-campaign`: a campaign by the command line, and every way it can go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from nextbuy.cli.app import run
from nextbuy.storage import read_run

AS_OF = "2025-06-20"
POLICY = 'campaign = "vară"\nholdout = 0.3\ncoupons = true\n[channels]\nemail = 0.01\nsms = 0.1\n'


@pytest.fixture(scope="session")
def source(shop):
    return [str(shop / "orders.parquet"), "--catalog", str(shop / "items.parquet")]


@pytest.fixture(scope="session")
def scored(source, model, tmp_path_factory):
    """Give the directory of a finished scoring run."""
    out = tmp_path_factory.mktemp("runs") / "scored"
    words = ["score", *source, "--model", str(model), "--as-of", AS_OF, "--out", str(out), "--quiet"]
    assert run(words) == 0
    return out


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Give a directory with a policy, a contact log, consent, stock, birthdays and holidays."""
    place = tmp_path_factory.mktemp("inputs")
    (place / "policy.toml").write_text(POLICY, encoding="utf-8")
    (place / "contacts.csv").write_text("customer_id,sent_on\nC-00001,2025-06-10\n")
    (place / "stock.csv").write_text("item_id,stock\nBTB-0001,0\n")
    (place / "birthdays.csv").write_text("customer_id,birthday\nC-00002,1990-06-25\n")
    (place / "holidays.toml").write_text('"Еньовден" = "06-24"\n', encoding="utf-8")
    return place


@pytest.fixture(scope="session")
def words(source, scored, inputs):
    """Give the whole command line but its --out."""
    return [
        "plan", *source, "--predictions", str(scored), "--policy", str(inputs / "policy.toml"),
        "--contacts", str(inputs / "contacts.csv"), "--stock", str(inputs / "stock.csv"),
        "--birthdays", str(inputs / "birthdays.csv"), "--holidays", str(inputs / "holidays.toml"),
        "--adapter", "klaviyo", "--adapter", "braze",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def finished(words, tmp_path_factory):
    """Give the directory of one finished plan."""
    out = tmp_path_factory.mktemp("plans") / "plan"
    assert run([*words, "--out", str(out), "--quiet"]) == 0
    return out


def _bytes(directory):
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def test_a_plan_is_a_directory_of_files(finished):
    """Every file is there and in the manifest, kept and suppressed are the predictions, the holdout is not sent."""
    manifest = read_run(finished)
    assert {
        "offers.parquet", "offers.csv", "suppressed.parquet", "suppressed.csv", "predictions.parquet", "summary.csv",
        "delivery_email.csv", "coupons.csv", "call_list.csv", "customers.csv", "klaviyo.jsonl", "braze.csv",
    } <= set(manifest["files"])  # fmt: skip
    predictions, offers, suppressed = (
        pq.read_table(finished / f"{name}.parquet").to_pandas()
        for name in ("predictions", "offers", "suppressed")
    )
    pairs = [sorted(zip(f.customer_id, f.item_id, strict=True)) for f in (predictions, offers, suppressed)]
    assert pairs[0] == sorted(pairs[1] + pairs[2])
    counts = dict(manifest["plan"]["counts"])
    assert counts.pop("total") == len(predictions) == sum(counts.values())
    held = set(offers.customer_id[offers.control])
    assert held
    for name in ("offers.csv", "delivery_email.csv", "coupons.csv", "call_list.csv"):
        sent = pd.read_csv(finished / name, encoding="utf-8-sig", dtype=str)
        assert held.isdisjoint(sent.customer_id), name
    assert manifest["as_of"] == AS_OF
    assert "vară" in json.dumps(manifest, ensure_ascii=False)


def test_stock_and_occasions_are_heeded(finished):
    """What ran out is not offered, and an offer of Saint John's day says so."""
    offers = pq.read_table(finished / "offers.parquet").to_pandas()
    assert "BTB-0001" not in set(offers.item_id)
    merged = offers[offers.occasion.notna()]
    assert "Еньовден" in set(merged.occasion)
    assert set(merged[merged.occasion == "Еньовден"].send_on.astype(str)) == {"2025-06-24"}


def test_the_same_command_writes_the_same_bytes(finished, words, tmp_path):
    """Two runs of one command are equal to the byte."""
    assert run([*words, "--out", str(tmp_path / "again"), "--quiet"]) == 0
    assert _bytes(tmp_path / "again") == _bytes(finished)


def test_a_killed_plan_goes_on(finished, words, tmp_path):
    """Killed at any moment and started again, the plan ends equal to one that was not killed."""
    out = tmp_path / "plan"
    command = [sys.executable, "-m", "nextbuy.cli", *words, "--out", str(out), "--quiet"]
    for seconds in (1.5, 3.0):
        process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (out / "manifest.json").exists():
            break
        assert not (out / "delivery_email.csv").exists()
    if not (out / "manifest.json").exists():
        assert run([*words, "--out", str(out), "--quiet"]) == 0
    assert _bytes(out) == _bytes(finished)


def test_what_a_shop_owner_reads(words, tmp_path, nextbuy):
    """The summary names what became of the candidates in plain words, the holdout, and the files."""
    code, out, _ = nextbuy(*words, "--out", tmp_path / "plan")
    assert code == 0
    for said in (
        "candidates as of 2025-06-20",
        "Goes out.",
        "Held out, to measure by.",
        "Written to",
        "delivery_email.csv",
    ):
        assert said in out


def test_predictions_may_be_a_file(scored, tmp_path, nextbuy):
    """A file of predictions needs --as-of, and no orders and no catalog."""
    file = scored / "predictions.parquet"
    code, _, err = nextbuy("plan", "--predictions", file, "--out", tmp_path / "a")
    assert code == 2
    assert "needs --as-of" in err
    code, _, err = nextbuy(
        "plan", "--predictions", file, "--as-of", AS_OF, "--out", tmp_path / "b", "--quiet"
    )
    assert (code, err) == (0, "")
    assert read_run(tmp_path / "b")["plan"]["value"] == "probability"
    assert not (tmp_path / "b" / "call_list.csv").exists()


BAD = {
    "policy": ("quite_days = 3\n", "bad.toml: The policy has no 'quite_days'. Did you mean 'quiet_days'?"),
    "contacts": (
        "customer,sent_on\nA,2025-01-01\n",
        "bad.csv: there is no column 'customer_id'. Did you mean 'customer'?",
    ),
    "consent": ("person\nA\n", "bad.csv: there is no column 'customer_id'"),
    "stock": ("item_id,stock\nBTB-0001,many\n", "stock: column 'stock' holds no numbers"),
    "birthdays": (
        "customer_id,birthday\nA,soon\n",
        "birthdays: 1 rows have a birthday that is no date (row 1: 'soon'). Write days as 2026-06-01.",
    ),
    "holidays": ('"Paști" = "13-45"\n', "holidays['Paști']='2000-13-45' is not a date"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_clear_error_each_and_nothing_written(name, scored, source, tmp_path, nextbuy):
    """A bad policy, log, consent, stock, birthday or holiday file ends with one message; no file is left."""
    content, says = BAD[name]
    bad = tmp_path / ("bad.toml" if name in {"policy", "holidays"} else "bad.csv")
    bad.write_text(content, encoding="utf-8")
    out = tmp_path / "plan"
    code, stdout, err = nextbuy("plan", *source, "--predictions", scored, f"--{name}", bad, "--out", out)
    assert code in {2, 3}
    assert says in err
    assert [line for line in err.splitlines() if "problem" not in line] == [err.splitlines()[-1]]
    assert stdout == ""
    assert not out.exists() or {p.name for p in out.iterdir()} <= {".work"}


def test_a_finished_plan_is_not_overwritten(finished, words, nextbuy):
    """Without --overwrite a finished plan stays as it is."""
    before = _bytes(finished)
    code, _, err = nextbuy(*words, "--out", finished)
    assert code == 3
    assert "--overwrite" in err
    assert _bytes(finished) == before


def test_stdout_is_the_commands_own(tmp_path):
    """With --json stdout is one JSON document, also where the solver of small plans prints lines of its own."""
    rng = np.random.default_rng(5)
    rows = {"customer_id": [f"C{i // 5}" for i in range(40)], "item_id": [f"I{i % 5}" for i in range(40)]}
    pd.DataFrame(rows | {"probability": rng.random(40).round(2)}).to_csv(tmp_path / "p.csv", index=False)
    items = {
        "item_id": [f"I{i}" for i in range(5)],
        "price": [10, 20, 30, 40, 50],
        "unit_margin": [5, 8, 21, 30, 20],
    }
    pd.DataFrame(items).to_csv(tmp_path / "items.csv", index=False)
    rules = ["budget = 3.0", "discount = 0.02", "max_per_item = 4", "quiet_days = 1", "max_per_customer = 3"]
    (tmp_path / "policy.toml").write_text("\n".join([*rules, "[channels]", "e = 0.05"]))
    words = [
        "--predictions",
        "p.csv",
        "--catalog",
        "items.csv",
        "--policy",
        "policy.toml",
        "--as-of",
        "2026-06-01",
    ]
    command = [sys.executable, "-m", "nextbuy.cli", "plan", *words, "--out", "plan", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True)
    assert json.loads(done.stdout)["manifest"]["plan"]["counts"]["total"] == 40


def test_an_unknown_adapter_is_refused_at_once(scored, tmp_path, nextbuy):
    """A misspelt adapter ends the command before anything is read."""
    code, _, err = nextbuy("plan", "--predictions", scored, "--adapter", "klavio", "--out", tmp_path / "x")
    assert (code, "Did you mean 'klaviyo'?" in err) == (3, True)
    assert not (tmp_path / "x").exists()


def test_no_run_no_plan(tmp_path, source, nextbuy):
    """Predictions that are not there, or a directory that is no run, are refused."""
    code, _, err = nextbuy(
        "plan",
        *source,
        "--predictions",
        tmp_path / "nothing.parquet",
        "--as-of",
        AS_OF,
        "--out",
        tmp_path / "x",
    )
    assert (code, "there is no such directory or file" in err) == (2, True)
    code, _, err = nextbuy("plan", *source, "--predictions", tmp_path, "--out", tmp_path / "x")
    assert code == 3
    assert "no nextbuy run" in err


def test_the_report_on_a_campaign(finished, source, tmp_path, nextbuy):
    """The arms, the difference and the notes; the log it writes is one that the next plan reads."""
    log = tmp_path / "log.csv"
    given = ["report-campaign", *source, "--plan", finished, "--response-days", "7", "--log", log]
    code, out, _ = nextbuy(*given)
    assert code == 0
    for said in ("treatment", "control", "held out", "interval", "offers were left out: their 7 days"):
        assert said in out
    code, summary, _ = nextbuy(*given, "--json")
    assert summary["identified"] is True
    assert [arm["arm"] for arm in summary["arms"]] == ["treatment", "control"]
    assert sum(arm["customers"] for arm in summary["arms"]) > 100
    written = pd.read_csv(log)
    assert set(written.columns) == {"customer_id", "item_id", "sent_on", "channel", "control", "bought"}
    code, _, err = nextbuy("report-campaign", "--plan", finished)
    assert (code, "Which orders?" in err) == (2, True)
