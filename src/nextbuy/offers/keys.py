"""Numbers and codes drawn from names: the same on every machine, whatever else is in the table."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def hashes(names: Sequence[str], *, key: str, purpose: str) -> NDArray[np.uint64]:
    """Give a 64-bit number for each name (keyed BLAKE2b, RFC 7693); another key or purpose gives others.

    About a microsecond a name.
    """
    # a keyed cryptographic hash: nobody without the key can guess an arm or a code
    start = blake2b(purpose.encode(), digest_size=8, key=blake2b(key.encode(), digest_size=32).digest())
    out = bytearray()
    for name in names:
        one = start.copy()
        one.update(b"\x1f" + name.encode())
        out += one.digest()
    return np.frombuffer(bytes(out), dtype="<u8").astype(np.uint64)


def uniform(names: Sequence[str], *, key: str, purpose: str) -> NDArray[np.float64]:
    """Give a number from 0 (included) to 1 (excluded) for each name."""
    return (hashes(names, key=key, purpose=purpose) >> np.uint64(11)).astype(np.float64) / 2.0**53
