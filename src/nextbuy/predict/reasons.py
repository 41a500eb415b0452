"""Why this item: one sentence per prediction, from its evidence, in the language asked for."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING, Any

from nextbuy.orders.errors import InputError

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
    if language not in languages():  # a stranger's model may name a way to another file
        raise InputError(f"language={language!r} is not known. Try one of {', '.join(languages())}.")
    return tomllib.loads((_texts() / f"{language}.toml").read_text("utf-8"))


class Words:
    """The words of one language, and how it writes numbers.

    Examples
    --------
    >>> words = Words("en")
    >>> words("more", more=words.whole(1234))
    'and 1,234 more'
    >>> words.share(0.1234)
    '12.3%'
    """

    def __init__(self, language: str) -> None:
        self._catalogue = _catalogue(language)

    def __call__(self, name: str, **facts: Any) -> str:
        """Fill the text `name` of an explanation."""
        text: str = self._catalogue["explain"][name]
        return text.format(**facts)

    def source(self, name: str) -> str:
        """Name a source of knowledge."""
        text: str = self._catalogue["sources"][name]
        return text

    def whole(self, number: float) -> str:
        """Write a whole number."""
        return f"{number:,.0f}".replace(",", self._catalogue["thousands"])

    def share(self, share: float) -> str:
        """Write a share in percent, to a tenth."""
        text: str = self._catalogue["percent"].format(f"{100 * share:.1f}")
        return text


def reason_texts(codes: Sequence[str], facts: Sequence[dict[str, Any]], *, language: str = "en") -> list[str]:
    """Fill the sentence of each code with its facts.

    Examples
    --------
    >>> fact = {"followed": 120, "exposed": 2400, "share": 0.05, "item": "Garden hose"}
    >>> reason_texts(["popular"], [fact])
    ['Selling now: 120 of 2,400 active customers bought Garden hose in the last 21 days (5%).']
    """
    catalogue, words = _catalogue(language), Words(language)
    out = []
    for code, fact in zip(codes, facts, strict=True):
        said = {name: fact[name] for name in _facts_of(language, code)}
        for name, value in said.items():
            if name == "share":
                said[name] = catalogue["percent"].format(round(100 * value))
            elif isinstance(value, (int, float)):
                said[name] = words.whole(value)
        out.append(catalogue["reasons"][code].format(**said))
    return out


@cache
def _facts_of(language: str, code: str) -> tuple[str, ...]:
    """Name the facts that a sentence speaks of."""
    return tuple(name for _, name, _, _ in Formatter().parse(_catalogue(language)["reasons"][code]) if name)
