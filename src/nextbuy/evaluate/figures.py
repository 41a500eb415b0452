"""From the answers of all methods to the figures of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nextbuy.evaluate.metrics import (
    Draws,
    Ranking,
    auc,
    calibration,
    calibration_errors,
    interval,
    log_losses,
    ranking,
)
from nextbuy.evaluate.timing import FIXED_DELAY_DAYS
from nextbuy.predict.asked import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from nextbuy.evaluate.splits import Splits
    from nextbuy.mining.exposures import Purchases

RANKED = ("recall", "ndcg", "precision", "hit_rate")
JUDGED = ("log_loss", "brier", "auc", "calibration_error")
TIMED = ("window_hit_rate", "send_now_hit_rate", "fixed_delay_hit_rate", "window_coverage")
WIDTH_DAYS = 14


@dataclass(frozen=True)
class Said:
    """Probabilities and what came true.

    Attributes
    ----------
    customer, item : ndarray of int64
    probability : ndarray of float64
    bought : ndarray of bool
    """

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    probability: NDArray[np.float64]
    bought: NDArray[np.bool_]

    @property
    def known(self) -> Said:
        """The rows that have a probability."""
        use = np.isfinite(self.probability)
        return Said(self.customer[use], self.item[use], self.probability[use], self.bought[use])


@dataclass(frozen=True)
class Result:
    """What one method said in one split about one kind.

    Attributes
    ----------
    split, method, kind : str
    ranking : Ranking
    own : Said
        Its own rows.
    common : Said
        The rows of the first method with this method's probabilities: the same rows for all, so that log-losses can
        be compared. Empty where it gives none.
    windows : dict of str to (hits, customers)
        By the names of `TIMED`.
    """

    split: str
    method: str
    kind: str
    ranking: Ranking
    own: Said
    common: Said
    windows: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]

    def figures(self, draws: Draws) -> list[dict[str, Any]]:
        """One row a metric, with its interval."""
        head = {"cutoff": self.split, "model": self.method, "kind": self.kind}
        r = self.ranking
        values = np.stack([getattr(r, name) for name in RANKED], axis=1)
        drawn = draws.means(r.customer, values) if len(r.customer) else np.full((1, len(RANKED)), np.nan)
        means = values.mean(axis=0) if len(values) else np.full(len(RANKED), np.nan)
        rows = [_row(head, name, means[at], drawn[:, at], len(r.customer)) for at, name in enumerate(RANKED)]
        rows += [_row(head, name, *figure) for name, figure in judged(self.own, self.common, draws).items()]
        for name, (hit, customer) in self.windows.items():
            drawn = draws.means(customer, hit[:, None])[:, 0] if len(hit) else np.full(1, np.nan)
            rows.append(_row(head, name, hit.mean() if len(hit) else np.nan, drawn, len(np.unique(customer))))
        return rows


def _row(
    head: dict[str, str], metric: str, value: float, drawn: NDArray[np.float64], customers: int
) -> dict[str, Any]:
    low, high = interval(drawn)
    return {**head, "metric": metric, "value": float(value), "low": low, "high": high, "customers": customers}


def judged(own: Said, common: Said, draws: Draws) -> dict[str, tuple[float, NDArray[np.float64], int]]:
    """Value, draws and number of customers of each metric of probabilities."""
    none = (float("nan"), np.full(1, np.nan), 0)
    out = dict.fromkeys(JUDGED, none)
    said = own.known
    if len(said.item):
        bins = calibration(said.probability, said.bought)
        errors = calibration_errors(bins, said.probability, said.bought, said.customer, draws)
        out["calibration_error"] = (bins.error, errors, len(np.unique(said.customer)))
    said = common.known
    if len(said.item):
        p, y = said.probability, said.bought
        loss, squared = log_losses(p, y), (p - y) ** 2
        drawn = draws.means(said.customer, np.stack([loss, squared], axis=1))
        area, adds = auc(p, y)
        people = len(np.unique(said.customer))
        out["log_loss"] = (float(loss.mean()), drawn[:, 0], people)
        out["brier"] = (float(squared.mean()), drawn[:, 1], people)
        out["auc"] = (area, area + draws.sums(said.customer, adds[:, None])[:, 0], people)
    return out


def results(
    answers: Mapping[str, pa.Table],
    splits: Splits,
    events: Purchases,
    common: Mapping[tuple[str, int, str], NDArray[np.float64]],
    *,
    k: int,
    timed: bool,
) -> list[Result]:
    """Compare every answer with the truth.

    `common` holds the probabilities that other methods give to the first one's rows, by method, split and kind.
    `timed`: whether days after the split's day were watched, so that windows can be judged.
    """
    out = []
    first = next(iter(answers))
    for split, name in enumerate(splits.names):
        truth, shared = splits.truths[split], {}
        for method, table in answers.items():
            for kind in KINDS:
                rows = _rows(table, split, kind)
                wanted = truth.of(kind)
                n = events.n_items
                bought = np.isin(rows["customer"] * n + rows["item"], wanted[0] * n + wanted[1])
                found = ranking(rows["customer"], rows["item"], rows["rank"], *wanted, k=k, n_items=n)
                own = Said(rows["customer"], rows["item"], rows["probability"], bought)
                if (
                    not timed
                ):  # one basket is no horizon: there is nothing that a probability could be held to
                    own = Said(own.customer[:0], own.item[:0], own.probability[:0], own.bought[:0])
                if method == first:
                    shared[kind] = own
                chance = common.get((method, split, kind), np.full(len(shared[kind].item), np.nan))
                other = Said(shared[kind].customer, shared[kind].item, chance, shared[kind].bought)
                windows = _windows(rows, events, splits.folds[split].day) if timed and kind == "all" else {}
                out.append(Result(name, method, kind, found, own, own if method == first else other, windows))
    return out


def _rows(table: pa.Table, split: int, kind: str) -> dict[str, NDArray]:
    import pyarrow.compute as pc

    mine = table.filter((pc.field("split") == split) & (pc.field("asked") == kind))
    columns = {
        name: mine[name].to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("customer", "item", "rank")
    }
    return columns | {
        name: mine[name].to_numpy(zero_copy_only=False).astype(np.float64)
        for name in ("probability", "window_start", "window_end")
    }


def _windows(
    rows: dict[str, NDArray], events: Purchases, cut: int
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Whether each row with a timing signal was bought in its window, and in windows of others.

    A window holds the first `WIDTH_DAYS` days of what the prediction says ("send now": of what comes after the
    cut-off; "fixed delay": after 30 more days); only rows whose three windows the orders cover are counted.
    Coverage: of those bought while they were watched, how many between window_start and window_end.
    """
    signal = np.isfinite(rows["window_start"])
    if not signal.any():
        return {}
    customer, item = rows["customer"][signal], rows["item"][signal]
    start, end = rows["window_start"][signal] - cut, rows["window_end"][signal] - cut
    day = _first_purchase(events, cut, customer, item)
    watched = events.end - cut
    starts = np.stack([start, np.zeros(len(start)), np.full(len(start), FIXED_DELAY_DAYS)], axis=1)
    hit = (day[:, None] >= starts) & (day[:, None] < starts + WIDTH_DAYS)
    whole = starts.max(axis=1) + WIDTH_DAYS <= watched
    out = {name: (hit[whole, at].astype(np.float64), customer[whole]) for at, name in enumerate(TIMED[:3])}
    # who was watched for less than the window would be counted only when early
    came = np.isfinite(day) & (end < watched)
    inside = (day[came] >= start[came]) & (day[came] <= end[came])
    return out | {TIMED[3]: (inside.astype(np.float64), customer[came])}


def _first_purchase(
    events: Purchases, cut: int, customer: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Days from the cut to the first purchase on or after it; infinite where there is none."""
    later = np.flatnonzero(events.day >= cut)
    later = later[np.argsort(events.day[later], kind="stable")]
    key, place = np.unique(
        events.customer[later].astype(np.int64) * events.n_items + events.item[later], return_index=True
    )
    asked = customer * events.n_items + item
    at = np.minimum(np.searchsorted(key, asked), max(len(key) - 1, 0))
    if not len(key):
        return np.full(len(asked), np.inf)
    return np.where(key[at] == asked, events.day[later][place[at]] - cut, np.inf).astype(np.float64)
