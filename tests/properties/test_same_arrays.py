"""Neither the order of rows, nor the spelling of ids, nor the kind of source changes an answer."""

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import nextbuy as nb


@pytest.fixture(scope="module")
def world(small_world):
    # fewer items: the fits are quicker, and customers still buy the same things
    items = small_world.orders["item_id"].value_counts().index[:120]
    return small_world.orders[small_world.orders["item_id"].isin(items)], small_world.catalog


def answers(lines, catalog, **options):
    """Rules and predictions as pandas frames."""
    orders = nb.read_orders(lines, catalog=catalog, **options)
    rules = nb.SequentialRules(level="category", fdr=None, min_followed=4).fit(orders).rules_
    made = nb.NextPurchase().fit(orders).predict(k=5)
    return tuple(nw.from_native(frame, eager_only=True).to_arrow().to_pandas() for frame in (rules, made))


@pytest.fixture(scope="module")
def plain(world):
    return answers(*world)


def same(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert len(one) > 50
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_shuffled_and_renamed_rows_give_the_same_answers(world, plain):
    """Under new random ids and a new order of rows only the ids of the answers change."""
    lines, catalog = world
    random = np.random.default_rng(1)

    def renamed(values, prefix):
        unique = pd.unique(values)
        return dict(zip(unique, [f"{prefix}{n:06}" for n in random.permutation(len(unique))], strict=True))

    customers, orders = renamed(lines["customer_id"], "p"), renamed(lines["order_id"], "q")
    items = renamed(catalog["item_id"], "r")
    other = lines.assign(
        customer_id=lines["customer_id"].map(customers),
        order_id=lines["order_id"].map(orders),
        item_id=lines["item_id"].map(items),
    ).sample(frac=1, random_state=2)
    rules, made = answers(
        other, catalog.assign(item_id=catalog["item_id"].map(items)).sample(frac=1, random_state=3)
    )
    back_customer, back_item = ({new: old for old, new in names.items()} for names in (customers, items))
    made["customer_id"], made["item_id"] = (
        made["customer_id"].map(back_customer),
        made["item_id"].map(back_item),
    )
    # a trigger may be a category, which keeps its name
    made["trigger_item_id"] = made["trigger_item_id"].map(lambda name: back_item.get(name, name))
    same((rules, made), plain)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "csv", "parquet"])
def test_every_source_gives_the_same_answers(kind, world, plain, tmp_path):
    """A polars frame, an arrow table, a CSV and a Parquet file are answered as the pandas frame."""
    lines, catalog = world
    if kind == "polars":
        source = pl.from_pandas(lines)
    elif kind == "pyarrow":
        source = pa.Table.from_pandas(lines, preserve_index=False)
    else:
        source = tmp_path / f"orders.{kind}"
        getattr(lines, f"to_{kind}")(source, index=False)
    if kind == "csv":  # the source that spells out every value
        same(answers(source, catalog), plain)
    one, other = (nb.read_orders(given, catalog=catalog) for given in (source, lines))
    for name in ("customer", "order", "item", "time", "quantity", "price", "customer_hash"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("customer_ids", "order_ids", "item_ids"):
        assert getattr(one, name).to_pylist() == getattr(other, name).to_pylist()
