"""Does a project's planted next step stand in the first three new items, and does it go when its time is over.

    python benchmarks/next_steps.py [--worlds 3] [--customers 5000] [--days-before-end 60]     (a minute a world)

A generated store knows each customer's plan: who bought tiles, who will buy a bathtub, and on which day. As of
some days before the end, of every customer and link whose antecedent was bought and whose consequent was not:

open    the planned consequent comes within the window of the link (its lags' middle 80 %, of which now is a part),
        within the horizon, and is the customer's next planned purchase. Of these, the share with an item of the
        consequent's category among the first three new-item predictions.
needs   the same, among the first three rows of level="category" (three mirrors are one idea).
any     of the customers in an open window, the share with any step that is open for them among the first three.
oracle  the same share as `open` for somebody who knows every link's true share and lags, but not the plan: one item of
        each of the three links with the highest chance within the horizon. Nobody can be expected to do better.
after   the time of the link is over (99 % of its lags have passed) and the consequent never came: the share with an
        item of its category among the first three.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import mean

import numpy as np
import pandas as pd
from scipy import stats

import nextbuy as nb
from nextbuy.datasets.projects import PROJECTS

HORIZON_DAYS, TOP = 30, 3


@dataclass(frozen=True)
class Steps:
    """Shares of one world, and how many customers are behind them."""

    open: float
    needs: float
    any: float
    oracle: float
    after: float
    customers_open: int
    customers_after: int


def judge(world: nb.datasets.Dataset, as_of: pd.Timestamp, *, horizon_days: int = HORIZON_DAYS) -> Steps:
    """Fit on what was known at `as_of` and compare the first three new items with the plans."""
    orders = nb.read_orders(world.orders, catalog=world.catalog)
    model = nb.NextPurchase(horizon_days=horizon_days).fit(orders, as_of=as_of)
    top, needs = (
        listed(world, model.predict(kind="new", level=level, k=TOP)) for level in ("item", "category")
    )
    steps = waiting(world, orders, as_of, horizon_days=horizon_days)
    steps = steps[steps["customer_id"].isin(top.index)]
    steps["chance"] = chances(steps, horizon_days)
    next_one = steps[steps["open"] & steps["next"]]
    oracle = steps.sort_values("chance", ascending=False).groupby("customer_id").head(TOP)
    oracle = oracle.groupby("customer_id")["consequent"].agg(set)
    over = steps[steps["over"]]
    customers = next_one["customer_id"].unique()
    some = steps[steps["open"]].groupby("customer_id")["consequent"].agg(set).reindex(customers)
    return Steps(
        open=_share(next_one, top),
        needs=_share(next_one, needs),
        any=float(np.mean([bool(top[c] & want) for c, want in some.items()])),
        oracle=_share(next_one, oracle),
        after=_share(over, top),
        customers_open=len(customers),
        customers_after=over["customer_id"].nunique(),
    )


def listed(world: nb.datasets.Dataset, rows: pd.DataFrame) -> pd.Series:
    """The categories that stand on each customer's list."""
    category = rows["item_id"].map(world.catalog.set_index("item_id")["category"])
    return category.groupby(rows["customer_id"]).agg(set)


def _share(steps: pd.DataFrame, listed: pd.Series) -> float:
    pairs = zip(steps["customer_id"], steps["consequent"], strict=True)
    return float(np.mean([step in listed[customer] for customer, step in pairs]))


def waiting(
    world: nb.datasets.Dataset, orders: nb.Orders, as_of: pd.Timestamp, *, horizon_days: int
) -> pd.DataFrame:
    """One row a customer and link whose antecedent was bought and whose consequent was not, before `as_of`."""
    events = world.events[world.events["antecedent_date"] < as_of].copy()
    known = orders.before(as_of).frame()
    category = world.catalog.set_index("item_id")["category"]
    owned = known.assign(category=known["item_id"].map(category))[
        ["customer_id", "category"]
    ].drop_duplicates()
    pairs = pd.MultiIndex.from_frame(owned)
    mine = pd.MultiIndex.from_frame(events[["customer_id", "consequent"]])
    first = pd.MultiIndex.from_frame(events[["customer_id", "antecedent"]])
    events = events[~mine.isin(pairs) & first.isin(pairs)]
    links = pd.DataFrame([link for project in PROJECTS for link in project.links])
    events = events.merge(links, on=["antecedent", "consequent"])
    scale = events["mean_days"] / events["shape"]
    events["passed"] = (as_of - events["antecedent_date"]).dt.days
    low, high, end = (stats.gamma.ppf(q, events["shape"], scale=scale) for q in (0.1, 0.9, 0.99))
    comes = events["lag_days"] - events["passed"]
    soon = events["happened"] & (comes >= 0) & (comes < horizon_days)
    events["open"] = soon & events["passed"].between(low, high)
    events["next"] = comes.where(soon).groupby(events["customer_id"]).rank(method="first") == 1
    events["over"] = (events["passed"] > end) & ~events["happened"]
    return events


def chances(steps: pd.DataFrame, horizon_days: int) -> np.ndarray:
    """Chance of each link's consequent within the horizon, for somebody who knows shares and lags."""
    law = stats.gamma(steps["shape"], scale=steps["mean_days"] / steps["shape"])
    now, later = law.cdf(steps["passed"]), law.cdf(steps["passed"] + horizon_days)
    return steps["share"] * (later - now) / (1 - steps["share"] * now)


def main() -> None:
    """Print one line a world."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--days-before-end", type=int, nargs="+", default=[60])
    given = parser.parse_args()
    made = []
    for seed in range(given.worlds):
        world = nb.datasets.make_orders(customers=given.customers, seed=seed)
        end = world.orders["timestamp"].max().normalize()
        for back in given.days_before_end:
            found = judge(world, end - pd.Timedelta(days=back))
            made.append(found)
            print(
                f"seed {seed}, {back} days before the end: open {found.open:.1%} (needs {found.needs:.1%}, any "
                f"{found.any:.1%}, oracle {found.oracle:.1%}) of {found.customers_open:,} customers; after "
                f"{found.after:.1%} of {found.customers_after:,}",
                flush=True,
            )
    print(
        f"mean: open {mean(m.open for m in made):.1%}, needs {mean(m.needs for m in made):.1%}, "
        f"any {mean(m.any for m in made):.1%}, oracle {mean(m.oracle for m in made):.1%}, "
        f"after {mean(m.after for m in made):.1%}"
    )


if __name__ == "__main__":
    main()
