"""Who ranks better what comes next: the model beside every published baseline, on real histories.

    python benchmarks/ranking.py TASK --data data/ [--jobs 1] [--resume kept/] [--few] [--horizon-days N]
                                 [--dates DATE ...]

Tasks, each with defaults everywhere but the horizon:

retail       Online Retail II (first year), all items bought in 60 days after 2011-10-10, 2011-07-10 and 2011-04-10
retail-new   the same shop, as of 2011-10-10: never-bought items of the next basket, among the items known then
dunnhumby    all items bought in 30 days after 2007-07-01, 2007-11-01 and 2008-02-01
dunnhumby-last  each customer's last basket, of at least 5
coop-last    each customer's last ten baskets
sample       the generated store, three dates one month apart
calibration  Online Retail and dunnhumby, 30 days from three dates each: the model's calibration error over every
             candidate (all that it gives a probability), and over ten rows a customer

Prints, a line a method: recall@10 and nDCG@10 with 95 % intervals over customers, by how much the model is ahead, and
of those that give probabilities log-loss and AUC (of the rows that the model listed) and calibration error (ten bins of
equal count, of the method's own rows); then the model's calibration errors date by date.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import nextbuy as nb
from nextbuy.evaluate import BasketRules, EaseRegression, Popularity, UserKnn, metrics
from nextbuy.mining.exposures import purchases
from nextbuy.orders.table import codes_of

TASKS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "retail": ("online_retail_1", 60, {"cutoffs": ["2011-04-10", "2011-07-10", "2011-10-10"]}),
    "dunnhumby": ("dunnhumby_lgsr5k", 30, {"cutoffs": ["2007-07-01", "2007-11-01", "2008-02-01"]}),
    "dunnhumby-last": ("dunnhumby_lgsr5k", 30, {"split": "last_basket"}),
    "coop-last": ("coop100", 30, {"split": "last_basket", "baskets": 10}),
    "sample": ("", 30, {"cutoffs": 3}),
}
NEW_CUT, NEW_HORIZON = "2011-10-10", 60
CALIBRATED = {
    "online_retail_1": ("2011-08-12", "2011-09-11", "2011-10-11"),
    "dunnhumby_lgsr5k": ("2007-07-01", "2007-11-01", "2008-02-01"),
}


def orders_of(name: str, folder: Path) -> nb.Orders:
    """Read a history by its name, or the sample."""
    if not name:
        sample = nb.datasets.load_sample()
        return nb.read_orders(sample.orders, catalog=sample.catalog)
    return nb.read_orders(folder / f"{name}.parquet")


def run(
    task: str,
    folder: Path,
    *,
    jobs: int,
    resume: str | None,
    few: bool,
    horizon_days: int | None,
    dates: list[str] | None,
) -> nb.evaluate.Report:
    """Backtest the model against all baselines (or the two of the default)."""
    name, horizon, options = TASKS[task]
    options = options if dates is None else {"cutoffs": dates}
    began = time.perf_counter()

    def tell(done: int, total: int, what: str) -> None:
        print(f"  {done}/{total} {what} {time.perf_counter() - began:.0f} s", flush=True)

    return nb.backtest(
        nb.NextPurchase(horizon_days=horizon_days or horizon),
        orders_of(name, folder),
        baselines=None if few else "published",
        n_jobs=jobs,
        resume_dir=resume,
        progress=tell,
        **options,
    )


def tell(report: nb.evaluate.Report) -> None:
    """Print the report as tables in Markdown."""
    gains = report.gains[report.gains["metric"] == "ndcg"].set_index(["kind", "baseline"])
    for kind in ("all", "new", "repeat"):
        rows = report.summary[report.summary["kind"] == kind].sort_values("ndcg", ascending=False)
        print(f"\n{kind}, {rows['customers'].max():,} lists\n")
        print("| method | recall@10 | nDCG@10 | model ahead by | log-loss | AUC | calibration error |")
        print("|---|---|---|---|---|---|---|")
        for row in rows.itertuples():
            ahead = ""
            if (kind, row.model) in gains.index:
                gain = gains.loc[kind, row.model]
                if gain.notna().all():
                    ahead = (
                        f"{100 * gain['gain']:.1f} % ({100 * gain['low']:.1f} to {100 * gain['high']:.1f})"
                    )
            cells = [
                row.model,
                f"{row.recall:.4f} ({row.recall_low:.4f} to {row.recall_high:.4f})",
                f"{row.ndcg:.4f} ({row.ndcg_low:.4f} to {row.ndcg_high:.4f})",
                ahead,
                *(f"{v:.4f}" if v == v else "" for v in (row.log_loss, row.auc, row.calibration_error)),  # noqa: PLR0124 - NaN
            ]
            print("| " + " | ".join(cells) + " |")
    errors = report.scores.query("metric == 'calibration_error' and model == 'model'").dropna()
    if len(errors):
        print("\nmodel's calibration error by date")
        print(errors.pivot_table(index="cutoff", columns="kind", values="value").round(4).to_string())
    for metric in ("recall", "ndcg"):
        values = report.scores[(report.scores["metric"] == metric) & (report.scores["kind"] == "all")]
        print(f"\n{metric}@10 of all items, split by split")
        print(values.pivot_table(index="model", columns="cutoff", values="value").round(4).to_string())
    print(f"\n{report.verdict}")


def new_items(folder: Path) -> None:
    """Print recall, nDCG and hit rate of never-bought items of the next basket."""
    orders = orders_of("online_retail_1", folder)
    events, n = purchases(orders), orders.n_items
    cut = int(np.datetime64(NEW_CUT, "D").astype(int))
    before = events.day < cut
    key = events.customer.astype(np.int64) * n + events.item
    after = (events.day >= cut) & (events.day < cut + NEW_HORIZON)
    after &= np.isin(events.customer, events.customer[before])
    first = np.full(orders.n_customers, 2**31)
    np.minimum.at(first, events.customer[after], events.day[after])
    wanted = after & (events.day == first[events.customer])
    wanted &= ~np.isin(key, key[before]) & np.isin(events.item, events.item[before])
    contest = {
        "model": nb.NextPurchase(horizon_days=NEW_HORIZON),
        "popularity": Popularity(),
        "recent_popularity": Popularity(recent_days=21),
        "basket_rules": BasketRules(),
        "user_knn": UserKnn(),
        "ease": EaseRegression(),
    }
    draws = metrics.Draws(orders.n_customers)
    print("| method | recall@10 | nDCG@10 | hit rate |\n|---|---|---|---|")
    for name, method in contest.items():
        made = method.fit(orders, as_of=NEW_CUT).predict(kind="new", k=10)
        found = metrics.ranking(
            codes_of(orders.customer_ids, made["customer_id"].tolist()),
            codes_of(orders.item_ids, made["item_id"].tolist()),
            made["rank"].to_numpy(),
            events.customer[wanted],
            events.item[wanted],
            k=10,
            n_items=n,
        )
        cells = [name]
        for values in (found.recall, found.ndcg):
            low, high = metrics.interval(draws.means(found.customer, values[:, None])[:, 0])
            cells.append(f"{values.mean():.4f} ({low:.4f} to {high:.4f})")
        print("| " + " | ".join([*cells, f"{found.hit_rate.mean():.3f}"]) + " |", flush=True)


def calibration(folder: Path) -> None:
    """Print calibration errors in ten bins of equal count, with the mean said and what came."""
    print(
        "| history | as of | kind | every candidate | ten a customer | said | came |\n|---|---|---|---|---|---|---|"
    )
    for name, dates in CALIBRATED.items():
        orders = orders_of(name, folder)
        lines = orders.frame()
        for date in dates:
            since = np.datetime64(date)
            after = lines[
                (lines["timestamp"] >= since) & (lines["timestamp"] < since + np.timedelta64(30, "D"))
            ]
            bought = pd.MultiIndex.from_frame(after[["customer_id", "item_id"]]).unique()
            model = nb.NextPurchase().fit(orders, as_of=date)
            made = [
                model.predict(kind=kind, k=100_000)[["customer_id", "item_id", "rank", "probability"]]
                for kind in ("new", "repeat")
            ]
            for kind, rows in (("new", made[0]), ("repeat", made[1]), ("all", pd.concat(made))):
                came = pd.MultiIndex.from_frame(rows[["customer_id", "item_id"]]).isin(bought)
                place = rows.groupby("customer_id")["probability"].rank(ascending=False, method="first")
                first = (place <= 10).to_numpy()
                said = rows["probability"].to_numpy()
                errors = [metrics.calibration(said[use], came[use]).error for use in (slice(None), first)]
                cells = [f"{value:.4f}" for value in (*errors, said.mean(), came.mean())]
                print("| " + " | ".join([name, date, kind, *cells]) + " |", flush=True)


def main() -> None:
    """Run one task."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=[*TASKS, "retail-new", "calibration"])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--resume")
    parser.add_argument("--horizon-days", type=int, help="of the model, instead of the task's")
    parser.add_argument("--dates", nargs="+", help="cut-offs instead of the task's")
    parser.add_argument(
        "--few", action="store_true", help="only popularity and personal frequency beside the model"
    )
    given = parser.parse_args()
    if given.task == "retail-new":
        new_items(given.data)
        return
    if given.task == "calibration":
        calibration(given.data)
        return
    began = time.perf_counter()
    report = run(
        given.task,
        given.data,
        jobs=given.jobs,
        resume=given.resume,
        few=given.few,
        horizon_days=given.horizon_days,
        dates=given.dates,
    )
    tell(report)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
