"""Fit on what was known at a cut-off, score what came after, several times, beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import clone

from nextbuy.evaluate import metrics
from nextbuy.evaluate.baselines import PersonalFrequency, Popularity
from nextbuy.mining.exposures import purchases
from nextbuy.orders.errors import InputError
from nextbuy.orders.frames import to_frame, to_table
from nextbuy.orders.table import codes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from nextbuy.orders.table import Orders

KINDS = ("all", "new", "repeat")
RANKED = ("recall", "ndcg", "precision", "hit_rate")
NAMES = {"popularity": "popularity", "personal_frequency": "personal frequency"}


@dataclass(frozen=True)
class Report:
    """Result of a backtest.

    Attributes
    ----------
    scores : frame
        `cutoff, model, kind, metric, value, low, high, customers`: one row a figure, with its 95 % bootstrap interval
        over customers; figures of probabilities (log_loss, brier, calibration_error) count predicted rows and have
        no interval.
    calibration : frame
        `model, kind, bin, predicted, observed, low, high, rows`: bins of equal count over all cut-offs, with Wilson
        intervals.
    summary : frame
        `kind, model, recall, ndcg, precision, hit_rate, customers`: means over the cut-offs.
    verdict : str
        Whether the model may be deployed, in one sentence a baseline.
    k, horizon_days : int
    """

    scores: Any
    calibration: Any
    summary: Any
    verdict: str
    k: int
    horizon_days: int

    def __repr__(self) -> str:
        return self.verdict


def backtest(
    model: Any,
    orders: Orders,
    *,
    cutoffs: int | Sequence[Any] = 4,
    k: int = 10,
    baselines: Mapping[str, Any] | None = None,
    random_state: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Compare a model with the baselines on what customers bought after several past cut-offs.

    Parameters
    ----------
    model : estimator
        With `horizon_days`, `fit(orders, as_of=)` and `predict(kind=, k=)`; it is cloned for each cut-off.
    orders : Orders
    cutoffs : int or sequence of dates, default 4
        How many, one horizon apart, the last one a horizon before the end; or the dates themselves.
    k : int, default 10
        Length of the ranked lists.
    baselines : mapping of str to estimator or None
        None: popularity and personal frequency.
    random_state : int, default 0
        Seed of the bootstrap.
    progress : callable or None
        Called with one line of text before each fit.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        When the history is too short for the cut-offs asked for.
    """
    horizon = int(model.horizon_days)
    days = _cut_days(orders, cutoffs, horizon)
    if baselines is None:
        baselines = {
            "popularity": Popularity(horizon_days=horizon),
            "personal_frequency": PersonalFrequency(horizon_days=horizon),
        }
    contest = {"model": model, **baselines}
    events = purchases(orders)
    results: list[_Result] = []
    for cut in days:
        truth = _truth(orders, events, cut, horizon)
        for name, estimator in contest.items():
            date = str(np.datetime64(cut, "D"))
            if progress is not None:
                progress(f"{date}: {name}")
            fitted = clone(estimator).fit(orders, as_of=date)
            results.extend(_score(fitted, orders, truth, date, name, kind, k) for kind in KINDS)
    return _report(results, orders.backend, k, horizon, random_state)


def _cut_days(orders: Orders, cutoffs: int | Sequence[Any], horizon: int) -> list[int]:
    if not len(orders):
        raise InputError("There are no orders to test on.")
    start, end = int(orders.day.min()), int(orders.day.max()) + 1
    if not isinstance(cutoffs, (int, np.integer)):
        from nextbuy.orders.frames import DAY_US
        from nextbuy.orders.table import to_us

        days = sorted(to_us(c, name="cutoffs") // DAY_US for c in cutoffs)
    else:
        if cutoffs < 1:
            raise InputError(f"cutoffs={cutoffs!r} must be at least 1.")
        days = [end - horizon * j for j in range(cutoffs, 0, -1)]
    bad = [str(np.datetime64(d, "D")) for d in days if d <= start or d + horizon > end]
    if bad or not days:
        most, longest = max((end - start - 1) // horizon, 0), (end - start - 1) // 2
        if most:
            hint = f"Try cutoffs={min(most, 4)}, or a model with a smaller horizon_days."
        elif longest:
            hint = f"Try cutoffs=1 with a model of horizon_days={longest}."
        else:
            hint = "The history is too short for a backtest."
        raise InputError(
            f"The orders run from {np.datetime64(start, 'D')} to {np.datetime64(end - 1, 'D')}: there is no history "
            f"before, or there are no {horizon} days after, the cut-offs {', '.join(bad[:3])}. {hint}"
        )
    return days


@dataclass(frozen=True)
class _Truth:
    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    repeat: NDArray[np.bool_]

    def of(self, kind: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        use = np.ones(len(self.item), bool) if kind == "all" else self.repeat == (kind == "repeat")
        return self.customer[use], self.item[use]


def _truth(orders: Orders, events: Any, cut: int, horizon: int) -> _Truth:
    """What customers with a history bought within the horizon."""
    n = orders.n_items
    key = events.customer.astype(np.int64) * n + events.item
    before = events.day < cut
    known = np.zeros(orders.n_customers, dtype=bool)
    known[events.customer[before]] = True
    after = (events.day >= cut) & (events.day < cut + horizon) & known[events.customer]
    bought = np.unique(key[after])
    return _Truth(bought // n, bought % n, np.isin(bought, key[before]))


@dataclass(frozen=True)
class _Result:
    cutoff: str
    model: str
    kind: str
    ranking: metrics.Ranking
    probability: NDArray[np.float64]
    bought: NDArray[np.bool_]


def _score(fitted: Any, orders: Orders, truth: _Truth, cutoff: str, name: str, kind: str, k: int) -> _Result:
    import narwhals as nw

    made = nw.from_native(fitted.predict(kind=kind, k=k), eager_only=True).to_arrow()
    customer = codes_of(orders.customer_ids, made["customer_id"].to_pylist())
    item = codes_of(orders.item_ids, made["item_id"].to_pylist())
    rank = made["rank"].to_numpy()
    probability = made["probability"].to_numpy(zero_copy_only=False).astype(np.float64)
    wanted = truth.of(kind)
    bought = np.isin(customer * orders.n_items + item, wanted[0] * orders.n_items + wanted[1])
    ranking = metrics.ranking(customer, item, rank, *wanted, k=k, n_items=orders.n_items)
    said = np.isfinite(probability)  # not every baseline gives a probability
    return _Result(cutoff, name, kind, ranking, probability[said], bought[said])


def _report(results: list[_Result], backend: str, k: int, horizon: int, seed: int) -> Report:
    scores: list[dict[str, Any]] = []
    for r in results:
        head = {"cutoff": r.cutoff, "model": r.model, "kind": r.kind}
        for name in RANKED:
            values = getattr(r.ranking, name)
            low, high = metrics.bootstrap(values, seed=seed)
            scores.append(
                {
                    **head,
                    "metric": name,
                    "value": float(values.mean()) if len(values) else float("nan"),
                    "low": low,
                    "high": high,
                    "customers": len(values),
                }
            )
        bins = metrics.calibration(r.probability, r.bought)
        for name, value in (
            ("log_loss", metrics.log_loss(r.probability, r.bought)),
            ("brier", metrics.brier(r.probability, r.bought)),
            ("calibration_error", bins.error),
        ):
            scores.append(
                {
                    **head,
                    "metric": name,
                    "value": value,
                    "low": None,
                    "high": None,
                    "customers": len(r.ranking.customer),
                }
            )
    names = list(dict.fromkeys(r.model for r in results))
    table = pa.Table.from_pylist(scores)
    return Report(
        to_frame(table, backend),
        to_frame(_calibration(results, names), backend),
        to_frame(_summary(table, names), backend),
        _verdict(results, names, seed),
        k,
        horizon,
    )


def _calibration(results: list[_Result], names: list[str]) -> pa.Table:
    from nextbuy.mining.measures import wilson_interval

    parts = []
    for name in names:
        for kind in KINDS:
            mine = [r for r in results if (r.model, r.kind) == (name, kind)]
            bins = metrics.calibration(
                np.concatenate([r.probability for r in mine]), np.concatenate([r.bought for r in mine])
            )
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


def _summary(scores: pa.Table, names: list[str]) -> pa.Table:
    rows = []
    for kind in KINDS:
        for name in names:
            mine = scores.filter((pc.field("kind") == kind) & (pc.field("model") == name))
            row: dict[str, Any] = {"kind": kind, "model": name}
            for metric in RANKED:
                row[metric] = pc.mean(mine.filter(pc.field("metric") == metric)["value"]).as_py()
            row["customers"] = pc.sum(mine.filter(pc.field("metric") == "recall")["customers"]).as_py()
            rows.append(row)
    return pa.Table.from_pylist(rows)


def _verdict(results: list[_Result], names: list[str], seed: int) -> str:
    """Say in plain words whether the first model beats each other in nDCG, paired over the same customers."""
    sentences, good = [], True
    for name in names[1:]:
        pairs = []
        for r in results:
            if r.model == names[0] and r.kind == "all":
                other = next(o for o in results if (o.cutoff, o.model, o.kind) == (r.cutoff, name, "all"))
                pairs.append(np.stack([r.ranking.ndcg, other.ranking.ndcg], axis=1))
        both = np.concatenate(pairs)
        label = NAMES.get(name, name)
        mean = both.mean(axis=0) if len(both) else np.zeros(2)
        if mean[1] <= 0:
            sentences.append(f"{label} finds nothing to compare with")
            continue
        drawn = metrics.bootstrap_means(both, seed=seed)
        gain = mean[0] / mean[1] - 1
        low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12) - 1, [0.025, 0.975])
        good &= bool(low > 0)
        word = "beats" if low > 0 else ("does not beat" if gain <= 0 else "does not clearly beat")
        sentences.append(f"{word} {label}: {gain:+.0%} nDCG ({low:+.0%} to {high:+.0%})")
    return f"The model {'; '.join(sentences)}. {'It may be deployed.' if good else 'Do not deploy it.'}"
