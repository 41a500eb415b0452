"""What a worker makes of its partition, without a cluster."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from nextbuy.engines.spark_parts import _as_streams, _read


def read(lines, most):
    """Give the customers of each part, in their order, by the part's number."""
    rows = [
        SimpleNamespace(content=batch["content"][0].as_py())
        for batch in _as_streams(lines.to_batches(max_chunksize=700))
    ]
    given = {"customer": "customer_id", "order": "order_id", "time": "timestamp", "item": "item_id"}
    parts = _read(5, iter(rows), given=given, timezone="UTC", known_before=None, most=most)
    return {number: orders.customer_ids.to_pylist() for number, orders in parts}


@pytest.mark.parametrize("most", [500, 1 << 20])
def test_a_partition_that_is_made_again_has_the_same_parts(small_world, most):
    """After a worker died rows come in another order; every part must have its customers and its number again."""
    lines = pa.Table.from_pandas(small_world.orders, preserve_index=False)
    found = read(lines, most)
    assert (len(found) > 3) == (most == 500)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(lines))
        assert read(lines.take(pa.array(order)), most) == found
    assert sorted(who for part in found.values() for who in part) == sorted(
        set(lines["customer_id"].to_pylist())
    )


def test_lines_without_a_customer_belong_to_some_part(small_world):
    """Lines whose customer is not known are read with others and set aside there, be it all of them."""
    lines = pa.Table.from_pandas(small_world.orders, preserve_index=False)
    at = lines.column_names.index("customer_id")
    kind = lines.schema.field(at).type
    half = pa.array([None if k % 2 else who for k, who in enumerate(lines["customer_id"].to_pylist())], kind)
    assert len(read(lines.set_column(at, "customer_id", half), 500)) > 3
    assert not read(lines.set_column(at, "customer_id", pa.nulls(len(lines), kind)), 500)
