"""What a backtest found, as frames, and what follows from it in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nextbuy.evaluate.figures import JUDGED, RANKED, Result, Said, judged
from nextbuy.evaluate.metrics import Draws, calibration, interval
from nextbuy.mining.measures import wilson_interval
from nextbuy.orders.frames import to_frame, to_table
from nextbuy.predict.asked import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPARED = ("ndcg", "recall")
MOST_TOLD = 3
KIND_WORDS = {"new": "new items", "repeat": "repeats"}
WORDS = {
    "popularity": "popularity",
    "recent_popularity": "recent popularity",
    "personal": "personal frequency without fill",
    "personal_frequency": "personal frequency",
    "day_decay": "decayed personal frequency",
    "tifu_knn": "TIFU-KNN",
    "up_cf": "UP-CF",
    "taiw": "TAIW's intervals",
    "ease": "EASE",
    "user_knn": "user kNN",
    "basket_rules": "basket rules",
}


@dataclass(frozen=True)
class Report:
    """Result of a backtest.

    Attributes
    ----------
    scores : frame
        `cutoff, model, kind, metric, value, low, high, customers`: one row a figure of one split, with its 95 %
        bootstrap interval over customers. Metrics: recall, ndcg, precision, hit_rate (of lists of k);
        calibration_error (of the method's own rows); log_loss, brier, auc (of the rows that the model listed, the
        same rows for every method that gives probabilities); window_hit_rate beside send_now_hit_rate and
        fixed_delay_hit_rate, window_coverage (kind "all" of methods that give windows).
    summary : frame
        `kind, model, recall, recall_low, recall_high, ndcg, ndcg_low, ndcg_high, precision, hit_rate, log_loss, auc,
        calibration_error, customers`: means over the splits, with intervals over customers; probabilities over all
        rows together.
    gains : frame
        `kind, metric, baseline, gain, low, high`: by which share the model is ahead of each baseline, over the same
        customers; 0.1 is a tenth.
    calibration : frame
        `model, kind, bin, predicted, observed, low, high, rows`: bins of equal count over all splits, with Wilson
        intervals.
    verdict : str
        Whether the model may be deployed, in one sentence.
    k, horizon_days : int
    split : {"as_of", "last_basket"}
    """

    scores: Any
    calibration: Any
    summary: Any
    verdict: str
    k: int
    horizon_days: int
    gains: Any
    split: str = "as_of"

    def __repr__(self) -> str:
        return self.verdict


def write(
    results: list[Result], *, customers: int, backend: str, k: int, horizon_days: int, seed: int, split: str
) -> Report:
    """Put everything together."""
    draws = Draws(customers, seed=seed)
    names = list(dict.fromkeys(r.method for r in results))
    scores = [row for r in results for row in r.figures(draws)]
    pairs = [(kind, name) for kind in KINDS for name in names]
    groups = {pair: [r for r in results if (r.kind, r.method) == pair] for pair in pairs}
    drawn = {group: _over_splits(mine, draws) for group, mine in groups.items()}
    summary = [
        {"kind": kind, "model": name} | _summary(groups[kind, name], drawn[kind, name], draws)
        for kind, name in pairs
    ]
    gains = [
        _gain(kind, metric, name, drawn[kind, names[0]], drawn[kind, name])
        for kind in KINDS
        for name in names[1:]
        for metric in COMPARED
    ]
    return Report(
        to_frame(pa.Table.from_pylist(scores), backend),
        to_frame(_calibration(groups), backend),
        to_frame(pa.Table.from_pylist(summary), backend),
        verdict(gains, k),
        k,
        horizon_days,
        to_frame(pa.Table.from_pylist(gains, schema=GAINS), backend),
        split,
    )


GAINS = pa.schema(
    {"kind": pa.string(), "metric": pa.string(), "baseline": pa.string()}
    | dict.fromkeys(("gain", "low", "high"), pa.float64())
)


@dataclass(frozen=True)
class Drawn:
    """Means over the splits of the ranking metrics, and the same in each draw."""

    value: NDArray[np.float64]
    draws: NDArray[np.float64]


def _over_splits(mine: list[Result], draws: Draws) -> Drawn:
    values, drawn = [], []
    for r in mine:
        if not len(r.ranking.customer):
            continue
        figures = np.stack([getattr(r.ranking, name) for name in RANKED], axis=1)
        values.append(figures.mean(axis=0))
        drawn.append(draws.means(r.ranking.customer, figures))
    if not values:
        return Drawn(np.full(len(RANKED), np.nan), np.full((1, len(RANKED)), np.nan))
    return Drawn(np.mean(values, axis=0), np.mean(drawn, axis=0))


def _summary(mine: list[Result], drawn: Drawn, draws: Draws) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for at, name in enumerate(RANKED):
        row[name] = float(drawn.value[at])
        if name in COMPARED:
            row[f"{name}_low"], row[f"{name}_high"] = interval(drawn.draws[:, at])
    own, common = (_joined([getattr(r, side) for r in mine]) for side in ("own", "common"))
    found = judged(own, common, draws)
    row |= {name: float(found[name][0]) for name in JUDGED if name != "brier"}
    return row | {"customers": sum(len(r.ranking.customer) for r in mine)}


def _joined(parts: list[Said]) -> Said:
    return Said(*(np.concatenate([getattr(p, name) for p in parts]) for name in Said.__dataclass_fields__))


def _gain(kind: str, metric: str, name: str, model: Drawn, other: Drawn) -> dict[str, Any]:
    at = RANKED.index(metric)
    row: dict[str, Any] = {"kind": kind, "metric": metric, "baseline": name}
    if not other.value[at] > 0:
        return row | {"gain": None, "low": None, "high": None}
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = interval(model.draws[:, at] / other.draws[:, at] - 1)
    return row | {"gain": float(model.value[at] / other.value[at] - 1), "low": low, "high": high}


def verdict(gains: list[dict[str, Any]], k: int) -> str:
    """Say whether the model is ahead of each baseline in nDCG of all items, and what follows.

    Where there are many baselines, those that it beats are told by the best of them. Where it is surely behind in new
    items or in repeats alone, that is told too.

    Examples
    --------
    >>> row = {"kind": "all", "metric": "ndcg", "baseline": "tifu_knn", "gain": 0.11, "low": 0.07, "high": 0.15}
    >>> verdict([row], 10)
    'The model beats TIFU-KNN by 11 % (7 to 15) in nDCG@10. It may be deployed.'
    >>> verdict([row | {"gain": -0.03, "low": -0.05, "high": -0.01}], 10)
    'The model does not beat TIFU-KNN: -3 % (-5 to -1) in nDCG@10. Do not deploy it.'
    """
    rows = [row for row in gains if (row["kind"], row["metric"]) == ("all", "ndcg")]
    if not rows:
        return "The model was compared with nothing."
    empty = [row for row in rows if row["gain"] is None]
    beaten = sorted((r for r in rows if r["gain"] is not None and r["low"] > 0), key=lambda r: r["gain"])
    rest = [row for row in rows if row not in empty and row not in beaten]
    told = [f"beats {_label(row)} by {_percent(row)}" for row in beaten]
    if len(beaten) > MOST_TOLD:
        who = f"all {len(beaten)} baselines" if not rest else f"{len(beaten)} baselines"
        told = [f"beats {who}, the best of them ({_label(beaten[0])}) by {_percent(beaten[0])}"]
    for row in rest:
        word = "does not beat" if row["gain"] <= 0 else "does not clearly beat"
        told.append(f"{word} {_label(row)}: {_percent(row)}")
    told += [f"finds something where {_label(row)} finds nothing" for row in empty]
    behind = [
        f" Of {KIND_WORDS[row['kind']]} alone it is behind {_label(row)}: {_percent(row)}."
        for row in gains
        if row["kind"] in KIND_WORDS
        and row["metric"] == "ndcg"
        and row["gain"] is not None
        and row["high"] < 0
    ]
    decision = "Do not deploy it." if rest else "It may be deployed."
    return f"The model {'; '.join(told)} in nDCG@{k}.{''.join(behind)} {decision}"


def _label(row: dict[str, Any]) -> str:
    name: str = row["baseline"]
    return WORDS.get(name, name)


def _percent(row: dict[str, Any]) -> str:
    gain, low, high = (f"{100 * row[name]:.0f}" for name in ("gain", "low", "high"))
    return f"{gain} % ({low} to {high})"


def _calibration(groups: dict[tuple[str, str], list[Result]]) -> pa.Table:
    parts = []
    for (kind, name), mine in groups.items():
        said = _joined([r.own for r in mine]).known
        bins = calibration(said.probability, said.bought)
        low, high = wilson_interval(bins.observed * bins.rows, bins.rows)
        count = len(bins.rows)
        parts.append(
            to_table(
                {
                    "model": pa.array([name] * count, pa.string()),
                    "kind": pa.array([kind] * count, pa.string()),
                    "bin": np.arange(1, count + 1),
                    "predicted": bins.predicted,
                    "observed": bins.observed,
                    "low": low,
                    "high": high,
                    "rows": bins.rows,
                }
            )
        )
    return pa.concat_tables(parts)
