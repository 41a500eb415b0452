"""Between numpy and arrow without pandas, which arrow's own conversions import (0.3 s) whether needed or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def to_arrow(values: np.ndarray, kind: pa.DataType | None = None) -> pa.Array:
    """Give a numpy array of numbers as an arrow array over the same memory; anything else is converted."""
    if values.dtype.kind not in "iuf" or values.ndim != 1 or not values.dtype.isnative:
        return pa.array(values, kind)
    own = pa.from_numpy_dtype(values.dtype)
    made = pa.Array.from_buffers(own, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
    return made if kind in {None, own} else made.cast(kind)


def to_numpy(array: pa.Array) -> np.ndarray[Any, Any]:
    """Give an arrow array as numpy; numbers without nulls over the same memory."""
    if array.null_count or not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    data = array.buffers()[1]
    if data is None:
        return np.zeros(len(array), array.type.to_pandas_dtype())
    whole = np.frombuffer(data, np.dtype(array.type.to_pandas_dtype()))
    return whole[array.offset : array.offset + len(array)]
