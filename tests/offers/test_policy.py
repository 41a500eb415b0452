"""Policies: what they refuse, and TOML."""

from __future__ import annotations

import pytest

from nextbuy.offers import OfferPlanner, OfferPolicy
from nextbuy.orders import InputError


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_per_custmer": 1}, "no 'max_per_custmer'. Did you mean 'max_per_customer'"),
        ({"quiet_days": -1}, "quiet_days=-1 must be a whole number from 0 to 3660"),
        ({"quiet_days": 1.5}, "quiet_days=1.5 must be a whole number"),
        ({"quiet_days": True}, "quiet_days=True must be a whole number"),
        ({"floor_days": 0}, "floor_days=0 must be a whole number, at least 1 or None"),
        ({"holdout": 1.2}, "holdout=1.2 must be a number from 0 to 1"),
        ({"budget": "much"}, "budget='much' must be a number, at least 0 or None"),
        ({"budget": float("nan")}, "budget=nan must be a number"),
        ({"value": "upliff"}, "value='upliff' is not known. Did you mean 'uplift'"),
        ({"send_at": "noon"}, "send_at='noon' is not known"),
        ({"channels": {}}, "channels is empty"),
        ({"channels": {"sms": -1}}, r"channels\['sms'\]=-1 must be a number, at least 0"),
        ({"channels": "email"}, "channels='email' must map names to numbers"),
        ({"quotas": {"tap": 1.5}}, r"quotas\['tap'\]=1.5 must be a whole number"),
        ({"discounts": {"tap": 2}}, r"discounts\['tap'\]=2 must be a number from 0 to 1"),
        ({"exclude_items": "tap"}, r"Try exclude_items=\['tap'\]"),
        ({"deadline": "soon"}, "deadline='soon' is not a date"),
        ({"coupons": "yes"}, "coupons='yes' must be True or False"),
        ({"campaign": ""}, "campaign='' must be a text"),
    ],
)
def test_one_clear_error_each(given, says):
    """A policy that makes no sense is refused by the name of what is wrong."""
    with pytest.raises(InputError, match=says):
        OfferPolicy.from_dict(given)


def test_a_policy_from_toml(tmp_path):
    """TOML gives the same policy as the constructor, with or without a table [policy]."""
    text = 'quiet_days = 14\nbudget = 5000\ndeadline = 2026-07-31\nexclude_items = ["tap"]\n'
    nested = "[channels]\nemail = 0.01\nsms = 0.08\n[quotas]\nbathtub = 100\n"
    (tmp_path / "a.toml").write_text(text + nested, encoding="utf-8")
    (tmp_path / "b.toml").write_text("[policy]\n" + text + nested.replace("[", "[policy."), encoding="utf-8")
    a, b = (OfferPolicy.from_toml(tmp_path / name) for name in ("a.toml", "b.toml"))
    assert a == b
    assert (a.quiet_days, a.budget, a.exclude_items, a.quotas) == (14, 5000, ("tap",), {"bathtub": 100})
    assert list(a.channels) == ["email", "sms"]
    assert OfferPolicy.from_dict(a.to_dict()).to_dict() == a.to_dict()


def test_bad_policy_files(tmp_path):
    """A missing file, a name that no file can have, no TOML and an unknown key each say so, with the file's name."""
    for name in ("none.toml", "no\0ne.toml"):
        with pytest.raises(InputError, match="cannot be read"):
            OfferPolicy.from_toml(tmp_path / name)
    bad = tmp_path / "bad.toml"
    bad.write_text("quiet_days: 7", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.toml is no TOML"):
        OfferPolicy.from_toml(bad)
    bad.write_text("quite_days = 7", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"bad\.toml: The policy has no 'quite_days'\. Did you mean 'quiet_days'"
    ):
        OfferPolicy.from_toml(bad)


def test_a_policy_cannot_be_changed():
    """A policy is frozen: a plan's policy is what it was."""
    with pytest.raises(AttributeError):
        OfferPolicy().quiet_days = 3


def test_a_planner_takes_a_policy():
    """A dict in place of a policy is refused with the call that works."""
    with pytest.raises(InputError, match=r"OfferPolicy.from_dict"):
        OfferPlanner({"quiet_days": 3})
