"""How true are the projects: adjusted Rand index, "3 of 7", and chances, on worlds whose projects are known.

    python benchmarks/projects.py [SEED ...]      (about 25 s a seed)

Two designs: the generated store (ten projects; by category and by item) and a store of some thirty random projects
(by item; see `planted_projects`). The index is over every item of the truth and every item found: an item of no
project, and one that was not found, is a group of its own. The truth counts what is bought together with a project's
item (grout) into the project. "Stages" compares done and missing of every customer with a count in plain pandas.
Chances are said as of two days by links fitted on what was known then, and compared with the 30 days after.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

import nextbuy as nb


def planted_projects(
    seed: int, *, projects: int = 30, customers: int = 20_000, items: int = 1_000, days: int = 700
) -> tuple[pd.DataFrame, pd.Series]:
    """Generate orders and the project of each planted item.

    A project is a random tree of three to nine items: each later item hangs on an earlier one with a share of .3 to
    .6 and a log-normal lag of 5 to 80 days. Every project item is also bought without any project. The rest comes
    from twelve tastes that drift from person to person, seasons on a third of the items, log-normal activity, late
    entry and drop-out.

    Returns
    -------
    orders : pandas.DataFrame
        customer_id, timestamp, item_id.
    project : pandas.Series
        Number of the project by item_id; planted items only.
    """
    rng = np.random.default_rng(seed)
    popularity = rng.pareto(1.6, items) + 0.3
    taste_of = rng.integers(0, 12, items)
    peak, seasonal = rng.uniform(0, 365, items), rng.random(items) < 1 / 3
    entry = np.where(rng.random(customers) < 0.5, 0, rng.integers(0, days - 60, customers))
    leave = np.minimum(entry + rng.exponential(600, customers) + 1, days)
    rate = rng.lognormal(-4.4, 0.9, customers)  # visits a day

    visits = rng.poisson(rate * (leave - entry)) + 1
    who = np.repeat(np.arange(customers), visits)
    day = np.floor(entry[who] + rng.random(len(who)) * (leave - entry)[who])
    size = rng.geometric(0.4, len(who))
    who, day = np.repeat(who, size), np.repeat(day, size)
    liking = rng.dirichlet(np.full(12, 0.3), customers)
    taste = (rng.random(len(who))[:, None] > np.cumsum(liking[who], axis=1)[:, :-1]).sum(1)
    taste[rng.random(len(who)) < 0.4] = -1
    item = np.empty(len(who), np.int64)
    for one in range(-1, 12):
        rows = np.flatnonzero(taste == one)
        weight = popularity * ((taste_of == one) | (one < 0))
        item[rows] = rng.choice(items, len(rows), p=weight / weight.sum())
    in_season = 1 + 0.9 * np.cos(2 * np.pi * (day - peak[item]) / 365)
    keep = ~seasonal[item] | (rng.random(len(who)) < in_season / 1.9)
    parts = [(who[keep], day[keep], item[keep])]

    sizes = rng.integers(3, 10, projects)
    usual = np.flatnonzero(popularity < np.quantile(popularity, 0.9))
    planted = rng.choice(usual, sizes.sum(), replace=False)
    for members in np.split(planted, np.cumsum(sizes)[:-1]):
        start = np.flatnonzero(rng.random(customers) < rng.uniform(0.015, 0.05))
        came = [(start, np.floor(rng.uniform(entry[start], leave[start])))]
        for place in range(1, len(members)):
            before_who, before_day = came[rng.integers(0, place)]
            goes = rng.random(len(before_who)) < rng.uniform(0.3, 0.6)
            lag = np.ceil(rng.lognormal(np.log(rng.uniform(5, 80)), 0.5, int(goes.sum())))
            after_who, after_day = before_who[goes], before_day[goes] + lag
            there = after_day < leave[after_who]
            came.append((after_who[there], after_day[there]))
        parts += [(w, d, np.full(len(w), i)) for (w, d), i in zip(came, members, strict=True)]
    who, day, item = (np.concatenate(column) for column in zip(*parts, strict=True))
    orders = pd.DataFrame(
        {
            "customer_id": who,
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "item_id": item,
        }
    ).drop_duplicates()
    return orders, pd.Series(np.repeat(np.arange(projects), sizes), index=planted, name="project")


def planted_in_store(world: nb.datasets.Dataset, level: str) -> pd.Series:
    """Project by category, or by item, of the generated store; companions belong to their item's project."""
    inside = world.truth[world.truth["project"].notna()]
    by_category = pd.concat([inside.set_index(side)["project"] for side in ("antecedent", "consequent")])
    by_category = by_category[~by_category.index.duplicated()]
    if level == "category":
        return by_category
    return world.catalog.set_index("item_id")["category"].map(by_category).dropna()


def rand_index(found: pd.DataFrame, planted: pd.Series) -> float:
    """Adjusted Rand index over all items of either side."""
    groups = found.set_index("item_id")["project"]
    items = sorted(set(groups.index) | set(planted.index), key=str)
    one, other = (
        pd.factorize(np.array([str(side.get(i, f"alone {n}")) for n, i in enumerate(items)], object))[0]
        for side in (groups, planted)
    )
    return float(adjusted_rand_score(one, other))


def stages_right(projects: nb.Projects, orders: nb.Orders, as_of: str) -> tuple[int, int]:
    """Count the rows of `of`, and those whose done and missing steps are what pandas counts in the lines."""
    said = projects.of(orders, as_of=as_of, open_only=False)
    lines = orders.before(as_of).level(projects.level_).frame()
    members = projects.items_[projects.items_["role"] != "companion"]
    lines = lines.merge(members, on="item_id")
    lines["day"] = lines["timestamp"].dt.normalize()
    lines = lines.sort_values("day")
    runs = lines.groupby(["customer_id", "project"])["day"]
    lines["run"] = (
        (runs.diff().dt.days > projects.window_days_)
        .groupby([lines["customer_id"], lines["project"]])
        .cumsum()
    )
    last = lines["run"] == lines.groupby(["customer_id", "project"])["run"].transform("max")
    steps = lines[last & lines["role"].isin(["start", "step"])]
    owned = steps.groupby(["customer_id", "project"])["item_id"].agg(set).to_dict()
    wanted = members[members["role"] != "sign"].groupby("project")["item_id"].agg(set).to_dict()
    right = 0
    for row in said.itertuples():
        has = owned.get((row.customer_id, row.project), set())
        missing = wanted[row.project] - has
        stage = f"{len(has)} of {len(wanted[row.project])}"
        right += stage == row.stage and set(row.owned) == has and set(row.missing) == missing
    return len(said), right


def chances(orders: nb.Orders, level: str, as_ofs: list[pd.Timestamp]) -> str:
    """Compare what was said on some days with what came in the 30 days after each."""
    said, came = [], []
    for as_of in as_ofs:
        past = orders.before(as_of)
        links = nb.SequentialRules(level=level).fit(past)
        rows = nb.Projects().fit(links, orders=past).of(past)
        later = orders.level(level).frame()
        later = later[(later["timestamp"] >= as_of) & (later["timestamp"] < as_of + pd.Timedelta(days=30))]
        bought = set(zip(later["customer_id"], later["item_id"], strict=True))
        said += rows["probability"].tolist()
        came += [
            any((c, m) in bought for m in missing)
            for c, missing in zip(rows["customer_id"], rows["missing"], strict=True)
        ]
    table = pd.DataFrame({"said": said, "came": came})
    parts = table.groupby(pd.cut(table["said"], [0, 0.05, 0.2, 0.5, 1]), observed=True)[
        ["said", "came"]
    ].mean()
    text = ", ".join(f"{s:.3f}/{c:.3f}" for s, c in parts.to_numpy())
    return f"said/came {table['said'].mean():.3f}/{table['came'].mean():.3f} (up to .05, .2, .5, 1: {text})"


def main(seeds: list[int]) -> None:
    """Print some lines a seed."""
    indexes: dict[str, list[float]] = {"store category": [], "store item": [], "thirty item": []}

    def judge(name: str, orders: nb.Orders, level: str, planted: pd.Series) -> nb.Projects:
        links = nb.SequentialRules(level=level).fit(orders)
        basket = nb.AssociationRules(level=level).fit(orders)
        projects = nb.Projects().fit(links, orders=orders, basket=basket)
        indexes[name].append(rand_index(projects.items_, planted))
        count = f"{len(projects.projects_)} projects of {planted.nunique()}"
        print(f"seed {seed}: {name}: {count}, adjusted Rand index {indexes[name][-1]:.3f}", flush=True)
        return projects

    for seed in seeds:
        world = nb.datasets.make_orders(seed=seed)
        orders = nb.read_orders(world.orders, catalog=world.catalog)
        projects = judge("store category", orders, "category", planted_in_store(world, "category"))
        middle = (pd.Timestamp(orders.end) - pd.Timedelta(days=120)).normalize()
        total, right = stages_right(projects, orders, str(middle))
        print(f"seed {seed}: stages: {right:,} of {total:,} right")
        days = [middle, middle + pd.Timedelta(days=60)]
        print(f"seed {seed}: chances: {chances(orders, 'category', days)}", flush=True)
        in_rules = planted_in_store(world, "item")
        judge("store item", orders, "item", in_rules[in_rules.index.isin(_linked(orders))])
        lines, planted = planted_projects(seed)
        judge("thirty item", nb.read_orders(lines), "item", planted)
    for name, values in indexes.items():
        print(f"{name}: mean {np.mean(values):.3f}, worst {min(values):.3f} of {len(values)}")


def _linked(orders: nb.Orders) -> set[str]:
    """Items that stand in some rule: with five thousand customers not every colour of tile can."""
    rules = nb.SequentialRules().fit(orders).rules_
    return {*rules["antecedent"], *rules["consequent"]}


if __name__ == "__main__":
    main([int(s) for s in sys.argv[1:]] or [201, 202, 203, 204, 205])
