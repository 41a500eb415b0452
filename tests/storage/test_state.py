"""Every kind of value comes back as it was."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from nextbuy.storage import state


def _round_trip(value):
    files = {}
    state.encode({"value": value}, files.__setitem__)
    back, used = state.decode(files.__getitem__)
    assert used == set(files)
    return back["value"]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.asfortranarray(np.random.default_rng(0).random((3, 4))),
        np.array([0.1, np.nan, -np.inf, -0.0]),
        np.array([True, False]),
        np.array(["none", "strong"]),
        np.array(["2026-06-01", "NaT"], "datetime64[us]"),
        np.zeros((0, 3), np.uint64),
        np.float32(0.1),
        np.int64(-(2**60)),
    ],
)
def test_numpy_comes_back_to_the_bit(array):
    """Shape, type and every bit are kept, of scalars too."""
    back = _round_trip(array)
    assert type(back) is type(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["tiles", None, "水槽"]),
        pa.array(["a", "b"], pa.large_string()),
        pa.array([], pa.string()),
        pa.array([1, None], pa.int64()),
        pa.array([[1, 2], None, []], pa.list_(pa.int32())),
        pa.array(["x", "y", "x"]).dictionary_encode(),
        pa.array([1, None], pa.timestamp("us")),
    ],
)
def test_arrow_comes_back_with_its_type(array):
    """Arrays and tables keep type, nulls and values."""
    back = _round_trip(array)
    assert back.type == array.type
    assert back.equals(array)
    table = pa.table({"ids": array})
    assert _round_trip(table).equals(table)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2**70, -0.1, "ü \u2028", [1, "a", None], (1, (2, [3.5])), {}, {"a": {"b": [{}]}}, []],
)
def test_plain_values_come_back(value):
    """Numbers, texts, lists, tuples and dicts keep kind and value."""
    back = _round_trip(value)
    assert back == value
    assert type(back) is type(value)


def test_numbers_that_json_lacks_come_back():
    """NaN and the infinities survive."""
    nan, low, high = _round_trip([math.nan, -math.inf, math.inf])
    assert math.isnan(nan)
    assert (low, high) == (-math.inf, math.inf)


def test_names_that_differ_only_in_case_stay_apart():
    """Keys that some file system would put into one file get two."""
    both = {"A": np.array([1]), "a": np.array([2]), "a b": np.array([3]), "a/b": np.array([4])}
    back = _round_trip(both)
    assert {k: int(v[0]) for k, v in back.items()} == {"A": 1, "a": 2, "a b": 3, "a/b": 4}


@pytest.mark.parametrize("value", [np.array([{}], object), {1: 2}, {1, 2}, object(), np.array, b"x"])
def test_what_only_pickle_could_store_is_refused(value):
    """Python objects are named by their place and not stored."""
    with pytest.raises(TypeError, match="value"):
        _round_trip(value)
