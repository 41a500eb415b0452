"""How every picture looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAIN, SOFT, GRID, TEXT = "#1f5f8b", "#9dc3de", "#d9d9d9", "#444444"


def new_axes(*, width: float = 7.6, height: float = 4.4) -> Axes:
    """Make a figure of its own."""
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(figsize=(width, height), layout="constrained")
    return axes


def clean(axes: Axes) -> None:
    """Leave out what carries no figure."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, lw=0.6)
    axes.set_axisbelow(True)
