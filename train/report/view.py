"""What a task contributes to the page: charts, tables and cards of single samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

CARDS = 12


@dataclass(frozen=True)
class Picture:
    """An image on a card; `caption` tells several on one card apart."""

    uri: str
    small: bool = False  # of few pixels: shown enlarged, each pixel sharp
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """One sample with the model's answer.

    Attributes:
        right: whether the answer counts as correct, where that can be said.
    """

    pictures: tuple[Picture, ...]
    drawing: Markup | None
    text: str
    answer: str
    truth: str
    right: bool | None = None


@dataclass(frozen=True)
class Chart:
    """A picture of all samples."""

    title: str
    svg: Markup
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text; columns whose name ends in ` %` hold shares that are drawn as bars."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class View:
    """A task's part of the page.

    Attributes:
        worst_by: what the worst samples were chosen by.
        colours: labels with the colours that pictures show them in, such as `#1f77b4`.
    """

    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]
    worst: tuple[Card, ...]
    worst_by: str
    samples: tuple[Card, ...]
    colours: tuple[tuple[str, str], ...] = ()


def worst_first(badness: NDArray[np.floating], count: int = CARDS) -> Sequence[int]:
    """Positions of the largest values, the largest first; what is no number comes before all."""
    shown = np.nan_to_num(badness, nan=np.inf)
    return [int(position) for position in np.argsort(-shown, kind="stable")[:count]]


def spread(total: int, count: int = CARDS) -> Sequence[int]:
    """Positions spread evenly over `total`."""
    return (
        [position * total // count for position in range(count)] if total > count else range(total)
    )
