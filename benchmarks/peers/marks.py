"""Handlers that note when the iterations of an epoch begin and end.

A module of its own: a recipe names them, and a program's own module would be imported twice.
"""

import time

from ignite.engine import Engine

_marks: list[float] = []  # perf_counter at the start of the epoch and behind each iteration


def note_epoch(trainer: Engine) -> None:
    """An epoch begins."""
    _marks.clear()
    _marks.append(time.perf_counter())


def note_iteration(trainer: Engine) -> None:
    """An iteration has ended."""
    _marks.append(time.perf_counter())


def elapsed_s() -> float:
    """Seconds of the iterations of the last epoch."""
    return _marks[-1] - _marks[0]
