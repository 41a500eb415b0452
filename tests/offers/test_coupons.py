"""Coupons: unique, reproducible, readable."""

from __future__ import annotations

import numpy as np
import pytest

from nextbuy.offers import coupons
from nextbuy.offers.coupons import coupon_codes
from nextbuy.orders import InputError


def test_a_million_codes_are_all_different():
    """No two of a million codes are equal."""
    codes = coupon_codes([f"C-{i}" for i in range(1_000_000)], run_id="run")
    assert len(np.unique(codes)) == 1_000_000


def test_codes_depend_on_run_and_key_alone():
    """The same run and key give the same code in any order and company; another run gives others."""
    keys = [f"C-{i}" for i in range(1000)]
    codes = dict(zip(keys, coupon_codes(keys, run_id="june"), strict=True))
    some = keys[500:100:-1]
    assert coupon_codes(some, run_id="june").tolist() == [codes[k] for k in some]
    assert not set(codes.values()) & set(coupon_codes(keys, run_id="july").tolist())


def test_codes_have_no_look_alike_characters():
    """No code holds a character that can be read as another, and all characters that are allowed occur evenly."""
    codes = coupon_codes([str(i) for i in range(20_000)], run_id="run")
    letters, counts = np.unique(np.array(list("".join(codes.tolist()))), return_counts=True)
    assert not set(letters) & set("0OQ1IL2Z5S8BUV") - set("Q")
    assert set(codes.view("<U1").reshape(-1, 12)[:, 0]) == set(letters)
    even = counts.sum() / len(letters)
    assert np.abs(counts / even - 1).max() < 0.05


def test_colliding_codes_are_drawn_again(monkeypatch):
    """Where codes are so short that they collide, all still differ, whatever the order of the keys."""
    monkeypatch.setattr(coupons, "LENGTH", 2)
    keys = [str(i) for i in range(300)]  # 529 codes
    codes = coupon_codes(keys, run_id="run")
    assert len(set(codes.tolist())) == 300
    back = coupon_codes(keys[::-1], run_id="run")[::-1]
    assert codes.tolist() == back.tolist()


def test_a_key_must_not_come_twice():
    """Two offers with one key cannot both have a code of their own."""
    with pytest.raises(InputError, match="same key"):
        coupon_codes(["a", "a"], run_id="run")
    assert len(coupon_codes([], run_id="run")) == 0
