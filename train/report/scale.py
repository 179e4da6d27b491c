"""Numbers to places on an axis, with ticks that a person would choose."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LOGARITHMIC_FROM = 100.0  # largest over smallest value
TICKS = 5


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to places from `first` to `last`."""

    low: float
    high: float
    first: float
    last: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies."""
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(value)
        return self.first + (at - low) / (high - low) * (self.last - self.first)


def linear_scale(values: Sequence[float], first: float, last: float) -> Scale:
    """A scale from the nice number below the smallest value to the one above the largest."""
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    step = _nice_step((high - low) / TICKS)
    below, above = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(position * step for position in range(below, above + 1))
    return Scale(ticks[0], ticks[-1], first, last, ticks)


def value_scale(values: Sequence[float], first: float, last: float) -> Scale:
    """A linear scale, or a logarithmic one where values lie orders of magnitude apart."""
    low, high = min(values), max(values)
    if low <= 0 or high / low < LOGARITHMIC_FROM:
        return linear_scale(values, first, last)
    below, above = math.ceil(math.log10(low)), math.floor(math.log10(high))
    every = max(round((above - below) / TICKS), 1)
    return Scale(
        low=_round_number(low, (5, 2, 1), -1),
        high=_round_number(high, (1, 2, 5, 10), 1),
        first=first,
        last=last,
        ticks=tuple(10.0**exponent for exponent in range(below, above + 1, every)),
        logarithmic=True,
    )


def epoch_scale(last_epoch: int, first: float, last: float) -> Scale:
    """Whole numbers from 1 on."""
    if last_epoch == 1:
        return Scale(0.5, 1.5, first, last, (1.0,))
    step = max(round(_nice_step((last_epoch - 1) / TICKS)), 1)
    ticks = sorted({1, *range(step, last_epoch + 1, step)})
    return Scale(1, last_epoch, first, last, tuple(map(float, ticks)))


def tick_label(value: float) -> str:
    """A tick in few characters."""
    return f"{value:.6g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.0e}"


def _nice_step(step: float) -> float:
    return _round_number(step, (1, 2, 5, 10), 1)


def _round_number(value: float, digits: Sequence[int], direction: int) -> float:
    """The first of `digits` times a power of ten that lies beyond a value."""
    magnitude = 10.0 ** math.floor(math.log10(value) + 1e-9)
    rounded = (each * magnitude for each in digits)
    return next((each for each in rounded if (each / value - 1) * direction >= -1e-3), value)
