"""Time and memory of planning and writing the offers of many customers, and how near the plan is to the best one.

    python benchmarks/offers.py                          100,000 customers x 5 candidates
    python benchmarks/offers.py --customers 20000 --each 8
    python benchmarks/offers.py --bound                  also the linear program's bound on the plan's worth

Quotas, a budget, a contact log and a holdout bind; every file is written, call list and adapters included.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

import nextbuy as nb

AS_OF = pd.Timestamp("2026-06-01")
ITEMS, CATEGORIES = 300, 60


def world(customers: int, each: int, seed: int = 0) -> tuple[pa.Table, pd.DataFrame, pd.DataFrame, nb.Orders]:
    """Give predictions, a catalog, a contact log and orders."""
    rng = np.random.default_rng(seed)
    popular = np.log(rng.dirichlet(np.full(ITEMS, 0.3)) + 1e-4)
    item = np.concatenate(
        [
            np.argsort(-(popular + rng.gumbel(size=(len(part), ITEMS))), axis=1)[:, :each]
            for part in np.array_split(np.arange(customers), max(customers // 10_000, 1))
        ]
    ).ravel()
    n = len(item)
    start = AS_OF + pd.to_timedelta(rng.integers(-10, 25, n), "D")
    names = np.array([f"I-{i:04}" for i in range(ITEMS)])
    people = np.array([f"C-{i:06}" for i in range(customers)])
    predictions = pd.DataFrame(
        {
            "customer_id": np.repeat(people, each), "item_id": names[item], "kind": "new",
            "probability": rng.beta(0.6, 8, n), "window_start": start,
            "best_date": start + pd.to_timedelta(5, "D"), "window_end": start + pd.to_timedelta(13, "D"),
            "window_status": "open", "source": "sequence", "reason_code": "sequence",
            "reason": "Bought tiles on 2026-05-01; 426 of 948 such customers have gone on to buy it.",
        }
    )  # fmt: skip
    price = rng.lognormal(3.5, 1, ITEMS).round(2)
    catalog = pd.DataFrame(
        {"item_id": names, "name": names, "category": [f"c{i % CATEGORIES}" for i in range(ITEMS)]}
    )
    catalog["price"], catalog["unit_margin"] = price, price * 0.4
    contacts = pd.DataFrame({"customer_id": rng.choice(people, customers)})
    contacts["sent_on"] = AS_OF - pd.to_timedelta(rng.integers(1, 40, customers), "D")
    lines = pd.DataFrame(
        {"customer_id": rng.choice(people, customers * 4), "item_id": rng.choice(names, customers * 4)}
    )
    lines["timestamp"] = AS_OF - pd.to_timedelta(rng.integers(1, 400, len(lines)), "D")
    lines["quantity"], lines["price"] = 1, price[pd.factorize(lines.item_id)[0]]
    return pa.Table.from_pandas(predictions), catalog, contacts, nb.read_orders(lines, catalog=catalog)


def bound(predictions: pa.Table, catalog: pd.DataFrame, policy: nb.OfferPolicy) -> float:
    """Give what no plan under the caps, quotas, categories and budget can be worth more than, days left aside."""
    frame = (
        predictions.select(["customer_id", "item_id", "probability"]).to_pandas().merge(catalog, on="item_id")
    )
    worth = frame.probability * frame.unit_margin - 0.05
    frame, worth = frame[worth > 0], worth[worth > 0].to_numpy()
    rows = np.arange(len(frame))
    blocks, limits = [csr_array(np.full((1, len(frame)), 0.05))], [np.array([policy.budget])]
    for columns, most in (
        (["customer_id"], policy.max_per_customer),
        (["item_id"], policy.max_per_item),
        (["customer_id", "category"], 1),
    ):
        code = frame.groupby(columns, sort=False).ngroup().to_numpy()
        blocks.append(csr_array((np.ones(len(frame)), (code, rows))))
        limits.append(np.full(int(code.max()) + 1, float(most)))
    found = linprog(
        -worth, A_ub=vstack(blocks).tocsc(), b_ub=np.concatenate(limits), bounds=(0, 1), method="highs"
    )
    return float(-found.fun)


def memory() -> float:
    """Give the process's peak in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Plan, write, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--bound", action="store_true")
    given = parser.parse_args()
    predictions, catalog, contacts, orders = world(given.customers, given.each)
    policy = nb.OfferPolicy(
        channels={"email": 0.05}, max_per_item=given.customers // 100, budget=given.customers * 0.06, holdout=0.1,
        coupons=True,
    )  # fmt: skip
    print(f"{given.customers:,} customers x {given.each} candidates; {memory():,.0f} MB before planning")
    started = time.perf_counter()
    plan = nb.OfferPlanner(policy).plan(predictions, as_of=AS_OF, catalog=catalog, contacts=contacts)
    planned = time.perf_counter() - started
    print(f"planned in {planned:.1f} s, {memory():,.0f} MB: {plan!r}")
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        adapters = ("klaviyo", "braze", "personalize", "dynamic_yield")
        manifest = nb.write_plan(plan, Path(place, "plan"), orders=orders, adapters=adapters)
        written = time.perf_counter() - started
        size = sum(one["bytes"] for one in manifest["files"].values())
    print(f"{len(manifest['files'])} files, {size / 1e6:,.0f} MB, written in {written:.1f} s")
    print(f"together {planned + written:.1f} s, peak {memory():,.0f} MB")
    if given.bound:
        free = nb.OfferPlanner(policy).plan(predictions, as_of=AS_OF, catalog=catalog).offers_table
        worth = float(np.nansum(free.column("expected_value").to_numpy()))
        limit = bound(predictions, catalog, policy)
        print(
            f"without a log worth {worth:,.0f}, {worth / limit:.1%} of the linear program's bound {limit:,.0f}"
        )


if __name__ == "__main__":
    main()
