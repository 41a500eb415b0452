"""Why this item: one sentence per prediction, from its evidence, in the language asked for."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages that have a file of texts."""
    return tuple(sorted(file.name[:-5] for file in _texts().iterdir() if file.name.endswith(".toml")))


def _texts() -> Any:
    return files("nextbuy.predict") / "texts"


@cache
def _catalogue(language: str) -> dict[str, Any]:
    return tomllib.loads((_texts() / f"{language}.toml").read_text("utf-8"))


def reason_texts(codes: Sequence[str], facts: Sequence[dict[str, Any]], *, language: str = "en") -> list[str]:
    """Fill the sentence of each code with its facts.

    Examples
    --------
    >>> fact = {"followed": 120, "exposed": 2400, "share": 0.05, "item": "Garden hose"}
    >>> reason_texts(["popular"], [fact])
    ['Selling now: 120 of 2,400 active customers bought Garden hose in the last 21 days (5%).']
    """
    catalogue = _catalogue(language)

    def whole(number: float) -> str:
        return f"{number:,.0f}".replace(",", catalogue["thousands"])

    out = []
    for code, fact in zip(codes, facts, strict=True):
        said = {
            name: whole(value) if isinstance(value, (int, float)) else value for name, value in fact.items()
        }
        said["share"] = catalogue["percent"].format(round(100 * fact["share"]))
        out.append(catalogue["reasons"][code].format(**said))
    return out
