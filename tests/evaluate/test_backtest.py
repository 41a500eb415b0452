"""Backtests: their report, their verdict, their refusals."""

import re

import numpy as np
import pytest

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity


@pytest.fixture(scope="module")
def report(small_orders):
    return nb.backtest(Popularity(), small_orders, cutoffs=2)


def test_a_report_has_its_columns(report):
    """Scores, calibration and summary have the documented columns."""
    assert list(report.scores.columns) == [
        "cutoff",
        "model",
        "kind",
        "metric",
        "value",
        "low",
        "high",
        "customers",
    ]
    assert list(report.calibration.columns) == [
        "model",
        "kind",
        "bin",
        "predicted",
        "observed",
        "low",
        "high",
        "rows",
    ]
    assert list(report.summary.columns) == [
        "kind",
        "model",
        "recall",
        "recall_low",
        "recall_high",
        "ndcg",
        "ndcg_low",
        "ndcg_high",
        "precision",
        "hit_rate",
        "log_loss",
        "auc",
        "calibration_error",
        "customers",
    ]
    assert report.scores["cutoff"].nunique() == 2
    assert set(report.summary["model"]) == {"model", "popularity", "personal_frequency"}
    ranked = report.scores.dropna(subset="low")
    assert ((ranked["low"] <= ranked["value"]) & (ranked["value"] <= ranked["high"])).all()


def test_a_model_that_loses_may_not_be_deployed(report):
    """Popularity does not beat itself, and the verdict says not to deploy."""
    assert "does not beat popularity" in report.verdict
    assert "Do not deploy" in report.verdict


def test_recall_can_be_recounted(report, small_orders):
    """Recall of popularity is what plain pandas finds in the lines."""
    lines = small_orders.frame()
    lines = lines.assign(day=lines["timestamp"].dt.normalize())
    cutoff = report.scores["cutoff"].max()
    before = lines[lines["day"] < cutoff]
    after = lines[
        (lines["day"] >= cutoff)
        & (lines["day"] < np.datetime64(cutoff) + np.timedelta64(30, "D"))
        & lines["customer_id"].isin(before["customer_id"])
    ]
    top = before.drop_duplicates(["customer_id", "item_id", "day"])["item_id"].value_counts()
    # ties at the tenth place may be broken either way
    sure, possible = (set(top.index[compare]) for compare in (top > top.iloc[9], top >= top.iloc[9]))
    bought = after.groupby("customer_id")["item_id"].agg(set)
    low, high = (np.mean([len(b & s) / len(b) for b in bought]) for s in (sure, possible))
    row = report.scores.query(
        "cutoff == @cutoff and model == 'model' and kind == 'all' and metric == 'recall'"
    )
    assert low - 1e-9 <= row["value"].item() <= high + 1e-9
    assert row["customers"].item() == len(bought)


def test_a_history_too_short_names_the_cutoffs_that_work(small_orders):
    """Too many cut-offs raise an error whose suggestion works; too long a horizon says so."""
    with pytest.raises(nb.InputError, match="Try cutoffs=") as error:
        nb.backtest(Popularity(horizon_days=150), small_orders, cutoffs=4)
    most = int(re.search(r"Try cutoffs=(\d+)", str(error.value))[1])
    assert most == 2
    assert nb.backtest(Popularity(horizon_days=150), small_orders, cutoffs=most)
    with pytest.raises(nb.InputError, match="the cut-offs"):
        nb.backtest(Popularity(horizon_days=150), small_orders, cutoffs=most + 1)
    with pytest.raises(nb.InputError, match=r"Try cutoffs=1 with a model of horizon_days=\d+") as error:
        nb.backtest(Popularity(horizon_days=1_000), small_orders, cutoffs=1)
    longest = int(re.search(r"horizon_days=(\d+)", str(error.value))[1])
    assert nb.backtest(Popularity(horizon_days=longest), small_orders, cutoffs=1)


@pytest.mark.parametrize("kind", ["new", "repeat"])
def test_personal_frequency_ranks_by_purchase_days(kind, small_orders):
    """Own items come by number of purchase days; new ones are never owned."""
    lines = small_orders.frame()
    lines = lines.assign(day=lines["timestamp"].dt.normalize())
    days = lines.drop_duplicates(["customer_id", "item_id", "day"]).groupby(["customer_id", "item_id"]).size()
    made = PersonalFrequency().fit(small_orders).predict(kind=kind)
    count = days.reindex(list(zip(made["customer_id"], made["item_id"], strict=True))).to_numpy()
    if kind == "new":
        assert np.isnan(count).all()
    else:
        assert all(
            rows.is_monotonic_decreasing for _, rows in made.assign(n=count).groupby("customer_id")["n"]
        )
