"""What is raised when the input cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InputError(ValueError):
    """The input cannot be used as it is; the message says what is wrong, where, and what to do."""


def nearest(word: object, known: Iterable[object], *, most: int = 3) -> list[str]:
    """Return the known words closest to `word`, best first, for the hint of an error."""
    from difflib import get_close_matches

    by_lower = {str(k).lower(): str(k) for k in known}
    return [by_lower[m] for m in get_close_matches(str(word).lower(), by_lower, n=most, cutoff=0.5)]
