"""Metrics to TensorBoard and other places, beside `metrics.jsonl`."""

from collections.abc import Mapping

import torch
from ignite.engine import Engine

from ...core.recipe import Recipe
from ...core.runs import RunFolder
from ..metrics import MetricValue


class Loggers:
    """The loggers of a recipe, as one."""

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        self._recipe = recipe
        self._run = run

    def attach(self, trainer: Engine, optimizer: torch.optim.Optimizer) -> None:
        """Log the loss and the learning rate of iterations."""

    def epoch(
        self, epoch: int, iteration: int, split: str, metrics: Mapping[str, MetricValue]
    ) -> None:
        """Log the metrics of an epoch and split."""

    def close(self) -> None:
        """Write out what is left."""
