"""Order lines out of PostgreSQL and offers into it, beside pandas.read_sql and to_sql over SQLAlchemy.

    python benchmarks/database.py ADDRESS [--customers N] [--peers PYTHON]

ADDRESS is a database that may be written to, such as postgresql://shop@localhost/shop: table nextbuy_lines is made
anew and dropped. PYTHON has the peers (pip install pandas sqlalchemy psycopg[binary]). Wall seconds; ratios in one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import nextbuy as nb
from nextbuy.orders.database import in_transaction, read_database

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE, RUNS = "nextbuy_lines", 3
QUERY = f"SELECT customer_id, order_id, timestamp, item_id, quantity, price FROM {TABLE}"  # noqa: S608 - our own
PEER = """
import sys, time, pandas as pd, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://"))
with engine.connect() as connection:
    began = time.perf_counter()
    rows = pd.read_sql(sqlalchemy.text(sys.argv[2]), connection)
    print(len(rows), time.perf_counter() - began)
"""


def seconds(work: Callable[[], object]) -> float:
    """Take the median of some runs."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took)


def main() -> None:
    """Write, read, compare, drop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address")
    parser.add_argument("--customers", type=int, default=35_000)
    parser.add_argument("--peers", default=sys.executable)
    asked = parser.parse_args()
    lines = nb.datasets.make_orders(customers=asked.customers, backend="pyarrow").orders
    wrote = seconds(lambda: nb.write_database(lines, asked.address, table=TABLE, mode="replace"))
    rows = seconds(lambda: read_database(asked.address, QUERY))
    orders = seconds(lambda: nb.read_orders(asked.address, query=QUERY))
    print(
        f"{lines.num_rows:,} lines: written {wrote:.2f} s, read {rows:.2f} s, read and checked {orders:.2f} s"
    )
    peer = subprocess.run(
        [asked.peers, "-c", PEER, asked.address, QUERY], check=True, capture_output=True, text=True
    )
    found, took = peer.stdout.split()
    assert int(found) == lines.num_rows
    print(f"pandas.read_sql {float(took):.2f} s: {float(took) / rows:.1f} times as long")
    in_transaction(asked.address, lambda cursor: cursor.execute(f"DROP TABLE {TABLE}"), doing="cleaning up")


if __name__ == "__main__":
    main()
