"""A confusion matrix as inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from .charts import picture, shorten

SIDE = 440.0
SMALLEST_CELL, LARGEST_CELL = 14.0, 60.0
NUMBERS_FROM = 24.0  # a cell is as large before it holds its number
LONGEST_LABEL = 16  # characters
CHARACTER = 7.0  # width
GAP = 1.5


@dataclass(frozen=True)
class Layout:
    """Places in a matrix: `left` and `top` are where its cells begin."""

    cell: float
    left: float
    top: float
    upright: bool

    @classmethod
    def of(cls, names: Sequence[str]) -> "Layout":
        """The layout for classes of these shortened names."""
        cell = min(LARGEST_CELL, max(SMALLEST_CELL, SIDE / len(names)))
        longest = CHARACTER * max(map(len, names))
        upright = longest < cell
        return cls(cell, 30 + longest, 40 if upright else 24 + 0.75 * longest, upright)


def matrix_chart(title: str, counts: NDArray[np.int64], labels: Sequence[str]) -> Markup:
    """A row a true class; colours are shares of the row.

    Args:
        counts: shape (C, C), true class by predicted class.
    """
    names = [shorten(label, LONGEST_LABEL) for label in labels]
    layout = Layout.of(names)
    parts = [f'<text class="axis" x="{layout.left:.0f}" y="12">predicted</text>'
             f'<text class="axis" x="{layout.left - 8:.0f}" y="{layout.top - 6:.0f}" '
             'text-anchor="end">true</text>']  # fmt: skip
    parts.extend(_names(layout, at, name, labels[at]) for at, name in enumerate(names))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(*counts.shape):
        tip = f"{labels[row]} taken for {labels[column]}: {counts[row, column]}"
        parts.append(
            _cell(layout, row, column, int(counts[row, column]), float(shares[row, column]), tip)
        )
    side = layout.cell * len(labels)
    return picture(title, layout.left + side + 40, layout.top + side + 8, parts)


def _names(layout: Layout, at: int, name: str, label: str) -> str:
    """A class's name above its column and beside its row."""
    middle = (at + 0.5) * layout.cell
    x, y = layout.left + middle, layout.top - 6
    turn = "" if layout.upright else f' transform="rotate(-45 {x:.1f} {y:.1f})"'
    anchor = "middle" if layout.upright else "start"
    text = f"{escape(name)}<title>{escape(label)}</title></text>"
    return (f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}>{text}'
            f'<text class="label" x="{layout.left - 8:.1f}" y="{layout.top + middle + 4:.1f}" '
            f'text-anchor="end">{text}')  # fmt: skip


def _cell(layout: Layout, row: int, column: int, count: int, share: float, tip: str) -> str:
    x, y = layout.left + column * layout.cell, layout.top + row * layout.cell
    side = layout.cell - GAP
    place = f'x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" rx="2"'
    ground = f'<rect class="cell" {place}/>'
    if not count:
        return ground
    kind = "right" if row == column else "wrong"
    # A rare mistake still has to be seen beside a full diagonal.
    shade = share if row == column else 0.15 + 0.85 * share
    rect = (f'<rect class="{kind}" {place} fill-opacity="{shade:.3f}">'
            f"<title>{escape(tip)}</title></rect>")  # fmt: skip
    if layout.cell < NUMBERS_FROM:
        return ground + rect
    tone = "on-dark" if shade > 0.55 else "on-light"
    return (f'{ground}{rect}<text class="{tone}" x="{x + side / 2:.1f}" '
            f'y="{y + side / 2 + 4:.1f}" text-anchor="middle">{count}</text>')  # fmt: skip
