"""Things to look at, drawn without a screen."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nextbuy.evaluate import Report
from nextbuy.mining.measures import wilson_interval


@pytest.fixture(autouse=True)
def headless():
    """Draw into memory, and let no figure stay open."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="session")
def report():
    """Give a backtest report of two models, one with an item-like name that is HTML, with known calibration."""
    bins = []
    for model, bias in (("model", 1.0), ("<b>naive</b>", 3.0)):
        for kind in ("all", "new", "repeat"):
            predicted = np.array([0.001, 0.01, 0.05, 0.2])
            rows = np.array([4000, 2000, 1000, 500])
            observed = np.minimum(predicted * bias, 1)
            low, high = wilson_interval(observed * rows, rows)
            bins.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "kind": kind,
                        "bin": range(1, 5),
                        "predicted": predicted,
                        "observed": observed,
                        "low": low,
                        "high": high,
                        "rows": rows,
                    }
                )
            )
    models, kinds, cutoffs = ("model", "<b>naive</b>"), ("all", "new", "repeat"), ("2026-03-01", "2026-04-01")
    scores = pd.DataFrame(
        [
            (
                c,
                m,
                k,
                metric,
                0.1234,
                0.1111 if metric == "ndcg" else None,
                0.1357 if metric == "ndcg" else None,
                321,
            )
            for c in cutoffs
            for m in models
            for k in kinds
            for metric in ("ndcg", "recall", "log_loss")
        ],
        columns=["cutoff", "model", "kind", "metric", "value", "low", "high", "customers"],
    )
    summary = pd.DataFrame(
        [
            (k, m, 0.4, 0.35, 0.45, n, n - 0.02, n + 0.03, 0.2, 0.7, 0.05, 0.8, 0.01, 642)
            for k in kinds
            for m, n in zip(models, (0.3, 0.25), strict=True)
        ],
        columns=[
            *("kind", "model", "recall", "recall_low", "recall_high", "ndcg", "ndcg_low", "ndcg_high"),
            *("precision", "hit_rate", "log_loss", "auc", "calibration_error", "customers"),
        ],
    )
    gains = pd.DataFrame(
        [(k, metric, models[1], 0.2, 0.11, 0.29) for k in kinds for metric in ("ndcg", "recall")],
        columns=["kind", "metric", "baseline", "gain", "low", "high"],
    )
    return Report(
        scores,
        pd.concat(bins, ignore_index=True),
        summary,
        "The model beats <b>naive</b>. It may be deployed.",
        10,
        30,
        gains,
    )
