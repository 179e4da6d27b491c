"""The course of a training, from `metrics.jsonl` and the index of checkpoints."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.checkpoint_index import CheckpointIndex
from ...core.runs import RunFolder

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class History:
    """Metrics by epoch.

    Attributes:
        curves: metric -> split -> (epoch, value), for metrics of a single value.
        last_epoch: the last whole one, 0 before there was one.
        best_epoch: the one whose checkpoint is the best, where one was scored.
    """

    curves: dict[str, dict[str, Points]]
    last_epoch: int
    best_epoch: int | None

    def value(self, metric: str, split: str, epoch: int | None) -> float | None:
        """A metric of an epoch, where it was measured."""
        points = self.curves.get(metric, {}).get(split, [])
        return next((value for at, value in points if at == epoch), None)

    def ordered_curves(self, first: Sequence[str]) -> list[tuple[str, dict[str, Points]]]:
        """Curves to show, the named ones first; those without a finite value are left out."""
        names = [*dict.fromkeys(name for name in first if name in self.curves)]
        names += [name for name in self.curves if name not in names]
        return [
            (name, self.curves[name]) for name in names
            if any(math.isfinite(y) for points in self.curves[name].values() for _, y in points)
        ]  # fmt: skip


def read_history(run: RunFolder) -> History:
    """The history of a run; lines that are damaged are passed over."""
    curves: dict[str, dict[str, Points]] = {}
    last_epoch = 0
    lines = [
        line for line in read_json_lines(run.metrics_file)
        if isinstance(line.get("epoch"), int) and isinstance(line.get("split"), str)
    ]  # fmt: skip
    for line in lines:
        last_epoch = max(last_epoch, line["epoch"])
        for name, value in line.items():
            if name not in {"epoch", "iteration", "split"} and isinstance(value, float):
                by_split = curves.setdefault(name, {})
                by_split.setdefault(line["split"], []).append((line["epoch"], value))
    index = CheckpointIndex.read(run.checkpoints)
    best = index.entry(index.best)
    return History(curves, last_epoch, best.epoch if best else None)


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, one a line; damaged lines are passed over."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines
