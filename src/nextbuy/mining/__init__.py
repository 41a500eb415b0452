"""What goes together: association rules, sequential rules, patterns, projects."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextbuy.mining.association import AssociationRules
    from nextbuy.mining.patterns import Patterns
    from nextbuy.mining.projects import Projects
    from nextbuy.mining.sequential import SequentialRules

__all__ = ["AssociationRules", "Patterns", "Projects", "SequentialRules"]

# loaded when first asked for: basket rules need no scikit-learn, whose import takes longer than most fits
_HOME = {
    "AssociationRules": "nextbuy.mining.association",
    "Patterns": "nextbuy.mining.patterns",
    "Projects": "nextbuy.mining.projects",
    "SequentialRules": "nextbuy.mining.sequential",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
