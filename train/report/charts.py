"""Charts as inline SVG. Colours are the page's; whatever text is put in is escaped."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from .scale import Scale, epoch_scale, linear_scale, tick_label, value_scale

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 520.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 14.0, 14.0, 38.0
LONGEST_LINE = 600  # points; more cannot be told apart at this width


def line_chart(title: str, lines: Mapping[str, Points], best: int | None = None) -> Markup:
    """Values by epoch, a line a split.

    Args:
        title: what the picture is called for those who do not see it.
        lines: split -> (epoch, value); values that are no finite numbers are gaps.
        best: an epoch to mark.
    """
    finite = [y for points in lines.values() for _, y in points if math.isfinite(y)]
    last_epoch = int(max((x for points in lines.values() for x, _ in points), default=0))
    if not finite:
        return Markup("")
    across = epoch_scale(last_epoch, LEFT, WIDTH - RIGHT)
    up = value_scale(finite, HEIGHT - BOTTOM, TOP)
    parts = [_axes(across, up, "epoch", "log scale" if up.logarithmic else "")]
    if best is not None:
        x = across.place(best)
        parts.append(f'<line class="best" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" '
                     f'y2="{HEIGHT - BOTTOM}"/>')  # fmt: skip
    for split, points in lines.items():
        parts.append(f'<g class="{series_class(split)}"><title>{escape(split)}</title>')
        parts.extend(_line(run, across, up) for run in _without_gaps(points))
        marked = dict(points).get(best if best is not None else math.nan)
        if marked is not None and math.isfinite(marked) and best is not None:
            place = f'cx="{across.place(best):.1f}" cy="{up.place(marked):.1f}"'
            parts.append(f'<circle class="mark" {place} r="3.5"/>')
        parts.append("</g>")
    return picture(title, WIDTH, HEIGHT, parts)


def scatter_chart(title: str, truth: NDArray[np.floating], answer: NDArray[np.floating]) -> Markup:
    """Answers by what they should be, both of shape (N,), with the line where they are equal."""
    finite = np.isfinite(truth) & np.isfinite(answer)
    truth, answer = truth[finite], answer[finite]
    if not len(truth):
        return Markup("")
    both = [float(value) for values in (truth, answer) for value in (values.min(), values.max())]
    size = 400.0
    across = linear_scale(both, LEFT, size - RIGHT)
    up = linear_scale(both, size - BOTTOM, TOP)
    parts = [_axes(across, up, "true", "predicted", size, size)]
    parts.append(f'<line class="equal" x1="{across.first}" y1="{up.first}" '
                 f'x2="{across.last}" y2="{up.last}"/>')  # fmt: skip
    parts.append('<g class="dots">')
    parts.extend(
        f'<circle cx="{across.place(float(x)):.1f}" cy="{up.place(float(y)):.1f}" r="3"/>'
        for x, y in zip(truth, answer, strict=True)
    )
    parts.append("</g>")
    return picture(title, size, size, parts)


def wave_chart(title: str, values: NDArray[np.floating]) -> Markup:
    """A waveform of shape (N,), as its smallest and largest value in each of 120 pieces."""
    size = math.ceil(len(values) / 120)
    pieces = [values[start : start + size] for start in range(0, len(values), size)]
    largest = float(np.abs(values).max()) or 1.0
    bars = [(float(piece.min()), float(piece.max())) for piece in pieces]
    path = "".join(f"M{x * 2 + 1} {50 - high / largest * 46:.1f}V{50 - low / largest * 46 + 1:.1f}"
                   for x, (low, high) in enumerate(bars))  # fmt: skip
    return picture(title, 240, 100, [f'<path class="wave" d="{path}"/>'])


def series_class(split: str) -> str:
    """The page's class for the colour of a split."""
    return "series-train" if split == "train" else "series-held-out"


def shorten(text: str, longest: int) -> str:
    """A text, cut with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _axes(
    across: Scale, up: Scale, below: str, beside: str, width: float = WIDTH, height: float = HEIGHT
) -> str:
    parts = []
    for tick in up.ticks:
        y = up.place(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/><text class="tick" x="{LEFT - 8}" y="{y + 3.5:.1f}" '
                     f'text-anchor="end">{tick_label(tick)}</text>')  # fmt: skip
    for tick in across.ticks:
        x = across.place(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{height - BOTTOM}" '
                     f'y2="{height - BOTTOM + 4}"/><text class="tick" x="{x:.1f}" '
                     f'y="{height - BOTTOM + 17}" text-anchor="middle">'
                     f"{tick_label(tick)}</text>")  # fmt: skip
    middle = (LEFT + width - RIGHT) / 2
    parts.append(f'<text class="axis" x="{middle}" y="{height - 4}" text-anchor="middle">'
                 f"{below}</text>")  # fmt: skip
    if beside:
        parts.append(f'<text class="axis" x="{LEFT + 6}" y="{TOP + 10}">{beside}</text>')
    return "".join(parts)


def _line(run: Points, across: Scale, up: Scale) -> str:
    if len(run) == 1:
        (x, y), = run  # fmt: skip
        return f'<circle class="dot" cx="{across.place(x):.1f}" cy="{up.place(y):.1f}" r="2.5"/>'
    places = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in run)
    return f'<polyline points="{places}"/>'


def _without_gaps(points: Points) -> list[Points]:
    """The stretches between values that are no finite numbers, thinned where they are long."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            stretches[-1].append((x, y))
        elif stretches[-1]:
            stretches.append([])
    every = math.ceil(len(points) / LONGEST_LINE)
    return [[*stretch[:-1:every], stretch[-1]] for stretch in stretches if stretch]


def picture(title: str, width: float, height: float, parts: Sequence[str]) -> Markup:
    """An SVG element of a width and height of its own, which shrinks where there is less room."""
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    head = f'<svg role="img" {size}><title>{escape(title)}</title>'
    return Markup(f"{head}{''.join(parts)}</svg>")
