"""Coupon codes: unique, reproducible, and readable over the telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nextbuy.offers.keys import hashes
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ALPHABET = "34679ACDEFGHJKMNPQRTWXY"  # none of 0 O, 1 I L, 2 Z, 5 S, 8 B, U V
LENGTH = 12  # 23 ** 12 = 2.2e16 codes


def coupon_codes(keys: Sequence[str], *, run_id: str) -> NDArray[np.str_]:
    """Give each key a code of 12 characters that look like no other.

    Parameters
    ----------
    keys : sequence of str
        One name an offer; a key must not come twice.
    run_id : str
        Name of the run, and the secret of its codes: the same run and key give the same code.

    Returns
    -------
    ndarray of str
        Codes in the order of `keys`, all different.

    Raises
    ------
    InputError
        When a key comes twice.

    Examples
    --------
    >>> codes = coupon_codes(["C-1 tap", "C-2 tap"], run_id="june")
    >>> codes[0] == coupon_codes(["C-1 tap"], run_id="june")[0], codes[0] != codes[1]
    (True, True)
    """
    numbers = hashes(keys, key=run_id, purpose="coupon") % np.uint64(len(ALPHABET) ** LENGTH)
    if len(set(keys)) < len(keys):
        raise InputError("Two coupons have the same key: each offer needs a key of its own.")
    attempt = 0
    while True:
        again = _repeated(numbers, keys)
        if not len(again):
            break
        # expected once in 40,000 runs of a million; the first by key keeps its code, so the order of rows is no matter
        attempt += 1
        fresh = hashes([keys[i] for i in again], key=run_id, purpose=f"coupon {attempt}")
        numbers[again] = fresh % np.uint64(len(ALPHABET) ** LENGTH)
    letters = np.array(list(ALPHABET))
    text = np.empty((len(numbers), LENGTH), dtype="<U1")
    for place in range(LENGTH):
        text[:, place] = letters[(numbers % np.uint64(len(ALPHABET))).astype(np.int64)]
        numbers = numbers // np.uint64(len(ALPHABET))
    return text.view(f"<U{LENGTH}").ravel() if len(text) else np.zeros(0, f"<U{LENGTH}")


def _repeated(numbers: NDArray[np.uint64], keys: Sequence[str]) -> NDArray[np.int64]:
    by = np.argsort(numbers, kind="stable")
    same = np.flatnonzero(numbers[by][1:] == numbers[by][:-1])
    if not len(same):
        return np.zeros(0, np.int64)
    rows = np.union1d(by[same], by[same + 1])
    rows = rows[np.lexsort((np.array([keys[i] for i in rows]), numbers[rows]))]
    later = np.zeros(len(rows), dtype=bool)
    later[1:] = numbers[rows][1:] == numbers[rows][:-1]
    return rows[later]
