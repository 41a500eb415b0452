"""One miner on one history, in a process of its own: reads, mines, prints what it found. Started by run.py.

python worker.py METHOD FILE MIN_SUPPORT MAX_LENGTH     MAX_LENGTH 0 means any length
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Lines = tuple[Any, Any, Any, Any]  # order code, item code, customer by order, how many orders


def lines(path: str) -> Lines:
    """Read a history into codes; lines of one customer on one day are one order."""
    import numpy as np
    import pyarrow.parquet as pq

    def to_numpy(chunk: Any) -> Any:
        # arrow's own way imports pandas, which no other step of some methods needs
        whole = np.frombuffer(chunk.buffers()[1], f"int{chunk.type.bit_width}")
        return whole[chunk.offset : chunk.offset + len(chunk)]

    def codes(column: Any) -> Any:
        return np.concatenate([to_numpy(chunk.indices) for chunk in column.chunks])

    def numbers(column: Any) -> Any:
        return np.concatenate([to_numpy(c.view(f"int{c.type.bit_width}")) for c in column.chunks])

    with pq.ParquetFile(path) as file:
        generated = "basket" in file.schema_arrow.names
    columns = ["customer", "basket", "item"] if generated else ["customer_id", "timestamp", "item_id"]
    with pq.ParquetFile(path, read_dictionary=[c for c in columns if c.endswith("_id")]) as file:
        table = file.read(columns=columns, use_threads=False).unify_dictionaries()
    if generated:
        customer, order, item = (numbers(column) for column in table.columns)
        of_order = np.zeros(int(order.max()) + 1, np.int32)
        of_order[order] = customer
        known = np.zeros(int(item.max()) + 1, bool)
        known[item] = True
        return order, (np.cumsum(known, dtype=np.int32) - 1)[item], of_order, len(of_order)
    day = numbers(table["timestamp"]) // 86_400_000_000
    day -= day.min()
    span = int(day.max()) + 1
    key = codes(table["customer_id"]) * np.int64(span) + day
    known = np.zeros(int(key.max()) + 1, bool)
    known[key] = True
    order = (np.cumsum(known, dtype=np.int32) - 1)[key]
    of_order = (np.flatnonzero(known) // span).astype(np.int32)
    return order, codes(table["item_id"]), of_order, len(of_order)


def as_lists(path: str) -> list[list[int]]:
    """Give the orders as lists of item codes, as the list-based miners want them."""
    import numpy as np

    order, item, _, n = lines(path)
    by_order = np.argsort(order, kind="stable")
    ends = np.searchsorted(order[by_order], np.arange(n + 1)).tolist()
    flat = item[by_order].tolist()
    return [list(set(flat[a:b])) for a, b in pairwise(ends)]


def baskets_of(path: str) -> Any:
    """Give the orders as nextbuy's item lists with their customers."""
    from dataclasses import replace

    import numpy as np

    from nextbuy.mining.baskets import from_codes
    from nextbuy.orders.arrays import to_arrow

    order, item, customer, n = lines(path)
    made = from_codes(order, item, item_ids=to_arrow(np.arange(int(item.max()) + 1)), n_orders=n)
    return replace(made, customer=customer, customer_ids=to_arrow(np.arange(int(customer.max()) + 1)))


def nextbuy_itemsets(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Itemsets with orders and distinct customers; what pyfim finds, and the customers."""
    from nextbuy.mining import AssociationRules

    rules = AssociationRules(min_support=min_support, max_length=max_length, min_customers=1)
    return {"itemsets": rules.fit(baskets_of(path)).n_itemsets_}


def nextbuy_rules(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Itemsets and the frame of single-consequent rules with every measure, interval and test."""
    from nextbuy.mining import AssociationRules

    rules = AssociationRules(min_support=min_support, max_length=max_length, min_customers=1)
    rules.fit(baskets_of(path))
    return {"itemsets": rules.n_itemsets_, "rules": len(rules.rules_)}


def nextbuy_from_orders(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Do the same through the library's checked door, read_orders."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from nextbuy.mining import AssociationRules
    from nextbuy.orders import read_orders

    if "basket" in pq.read_schema(path).names:
        orders = read_orders(
            path, customer="customer", order="basket", item="item", time="day", time_format="D"
        )
    else:
        # the other miners' baskets: one a customer and day
        table = pq.read_table(path, columns=["customer_id", "timestamp", "item_id"])
        day = pc.floor_temporal(table["timestamp"], unit="day")
        orders = read_orders(table.set_column(1, "timestamp", day), order=None)
    rules = AssociationRules(min_support=min_support, max_length=max_length, min_customers=1).fit(orders)
    return {"itemsets": rules.n_itemsets_, "rules": len(rules.rules_)}


def mlxtend_rules(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Run fpgrowth on the one-hot frame of the frequent items, then association_rules: all it can do."""
    import numpy as np
    import pandas as pd
    from mlxtend.frequent_patterns import association_rules, fpgrowth

    order, item, _, n = lines(path)
    pairs = pd.DataFrame({"order": order, "item": item}).drop_duplicates()
    # items below the threshold leave first: with them mlxtend would need many times the memory
    count = np.bincount(pairs["item"])
    pairs = pairs[(count >= min_support * n)[pairs["item"]]]
    names, column = np.unique(pairs["item"], return_inverse=True)
    held = np.zeros((n, len(names)), bool)
    held[pairs["order"], column] = True
    sets = fpgrowth(pd.DataFrame(held, columns=[str(v) for v in names]), min_support=min_support,
                    use_colnames=True, max_len=max_length)  # fmt: skip
    rules = association_rules(sets, num_itemsets=n, metric="support", min_threshold=0)
    return {"itemsets": len(sets), "rules": len(rules)}


def mlxtend_plain(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Run fpgrowth as its user guide does, on the one-hot frame of all items, then association_rules."""
    import pandas as pd
    from mlxtend.frequent_patterns import association_rules, fpgrowth
    from mlxtend.preprocessing import TransactionEncoder

    orders = as_lists(path)
    encoder = TransactionEncoder()
    frame = pd.DataFrame(encoder.fit_transform(orders), columns=encoder.columns_)
    sets = fpgrowth(frame, min_support=min_support, use_colnames=True, max_len=max_length)
    rules = association_rules(sets, num_itemsets=len(frame), metric="support", min_threshold=0)
    return {"itemsets": len(sets), "rules": len(rules)}


def pyfim(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Run Borgelt's C: eclat for pairs, fpgrowth for any length."""
    import fim

    orders = as_lists(path)
    mine = fim.eclat if max_length == 2 else fim.fpgrowth
    found = mine(orders, target="s", supp=-math.ceil(min_support * len(orders) - 1e-9), zmin=1,
                 zmax=max_length or -1, report="a")  # fmt: skip
    return {"itemsets": len(found)}


def efficient_apriori(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Run efficient-apriori's itemsets."""
    from efficient_apriori import itemsets_from_transactions

    found, _ = itemsets_from_transactions(
        as_lists(path), min_support=min_support, max_length=max_length or 99
    )
    return {"itemsets": sum(len(v) for v in found.values())}


def pami(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Run PAMI's FPGrowth, which has no greatest length; what is longer is not counted."""
    import contextlib
    import os
    import tempfile

    from PAMI.frequentPattern.basic.FPGrowth import FPGrowth

    orders = as_lists(path)
    handle, name = tempfile.mkstemp()
    with os.fdopen(handle, "w") as file:
        file.writelines("\t".join(map(str, order)) + "\n" for order in orders)
    least = math.ceil(min_support * len(orders) - 1e-9)
    with contextlib.redirect_stdout(sys.stderr):
        miner = FPGrowth(name, least, "\t")
        miner.mine()
    Path(name).unlink()
    found = miner.getPatterns()
    lengths = [len(p) if isinstance(p, tuple) else len(str(p).strip().split("\t")) for p in found]
    return {"itemsets": sum(k <= (max_length or k) for k in lengths)}


def duckdb_join(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Join the lines with themselves; pairs only."""
    import duckdb
    import pyarrow.parquet as pq

    assert max_length == 2
    generated = "basket" in pq.read_schema(path).names
    key = "basket" if generated else "(customer_id, timestamp::date)"
    item = "item" if generated else "item_id"
    found = duckdb.sql(f"""
        with line as (select distinct dense_rank() over (order by {key}) as o, {item} as i
                      from read_parquet('{path}')),
        enough as (select ceil({min_support} * (max(o)) - 1e-9) as least from line),
        single as (select i, count(*) as n from line group by i having n >= (select least from enough)),
        kept as (select o, i from line semi join single using (i)),
        pair as (select a.i as x, b.i as y, count(*) as n from kept a join kept b on a.o = b.o and a.i < b.i
                 group by all having n >= (select least from enough))
        select (select count(*) from single), (select count(*) from pair)""").fetchall()[0]  # noqa: S608 - own text
    return {"itemsets": found[0] + found[1]}


def polars_join(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Join the lines with themselves; pairs only."""
    import polars as pl

    assert max_length == 2
    order, item, _, n = lines(path)
    least = math.ceil(min_support * n - 1e-9)
    table = pl.DataFrame({"order": order, "item": item}).unique()
    single = table.group_by("item").len().filter(pl.col("len") >= least)
    kept = table.join(single.select("item"), on="item", how="semi")
    both = kept.lazy().join(kept.lazy(), on="order").filter(pl.col("item") < pl.col("item_right"))
    pair = both.group_by("item", "item_right").len().filter(pl.col("len") >= least).collect()
    return {"itemsets": len(single) + len(pair)}


def scipy_product(path: str, min_support: float, max_length: int | None) -> dict[str, int]:
    """Multiply the sparse order-by-item table with itself, a block of items at a time; pairs only."""
    import numpy as np
    from scipy import sparse

    assert max_length == 2
    order, item, _, n = lines(path)
    least = math.ceil(min_support * n - 1e-9)
    held = sparse.csr_matrix((np.ones(len(order), np.int32), (order, item)))
    held.data[:] = 1
    held = held[:, np.flatnonzero(np.bincount(held.indices, minlength=held.shape[1]) >= least)].tocsr()
    other, pairs = held.T.tocsr(), 0
    for low in range(0, held.shape[1], 256):
        block = (other[low : low + 256] @ held).tocoo()
        pairs += int(((block.data >= least) & (block.row + low < block.col)).sum())
    return {"itemsets": held.shape[1] + pairs}


def eightfold(path: str, larger: str) -> None:
    """Write the history eight times over, each time with other customers and baskets."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    step = {name: pc.max(table[name]).as_py() + 1 for name in ("customer", "basket")}
    parts = []
    for n in range(8):
        part = table
        for name, width in step.items():
            at = part.schema.get_field_index(name)
            part = part.set_column(at, name, pc.cast(pc.add(part[name], n * width), pa.int32()))
        parts.append(part)
    pq.write_table(pa.concat_tables(parts), larger)


METHODS: dict[str, Callable[[str, float, int | None], dict[str, int]]] = {
    f.__name__: f
    for f in (
        nextbuy_itemsets,
        nextbuy_rules,
        nextbuy_from_orders,
        pyfim,
        mlxtend_plain,
        mlxtend_rules,
        efficient_apriori,
        pami,
        duckdb_join,
        polars_join,
        scipy_product,
    )
}

if __name__ == "__main__":
    if sys.argv[1] == "eightfold":
        eightfold(*sys.argv[2:])
        sys.exit()
    method, path, min_support, max_length = sys.argv[1:]
    print(METHODS[method](path, float(min_support), int(max_length) or None))
