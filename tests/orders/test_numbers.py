"""Numbers as shops write them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from nextbuy.orders.numbers import read_numbers


@pytest.mark.parametrize(
    ("texts", "want"),
    [
        (["1.5", " 2 ", "-3", "+4", ".5", "1e3"], [1.5, 2, -3, 4, 0.5, 1000]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,50", "7"], [1234.5, 7]),
        (["1,234.50", "7"], [1234.5, 7]),
        # a comma before three digits is thousands, unless another value shows that commas are decimal
        (["1,234", "7"], [1234, 7]),
        (["1,234", "7,5"], [1.234, 7.5]),
    ],
)
def test_texts(texts, want):
    """Points, commas and thousands are read as the whole column shows."""
    values, marked, unreadable = read_numbers([pa.chunked_array([texts])])
    assert values.tolist() == want
    assert marked.tolist() == [k for k, t in enumerate(texts) if "," in t]
    assert len(unreadable) == 0


def test_what_is_missing_and_what_is_none():
    """Missing is unknown; words, infinities and dates are no numbers, and are pointed at."""
    columns = [
        pa.chunked_array([["", None, "nan", "many", "inf", "1 2"]]),
        pa.chunked_array([[1.0, np.inf, np.nan, None]]),
        pa.chunked_array([pa.array([1], pa.timestamp("s"))]),
        pa.chunked_array([pa.nulls(2)]),
    ]
    values, _, unreadable = read_numbers(columns)
    assert np.flatnonzero(~np.isnan(values)).tolist() == [6]
    assert unreadable.tolist() == [3, 4, 5, 7, 10]
