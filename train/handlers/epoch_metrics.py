"""The mean training loss, and metrics of the training split, of the epoch in progress."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events
from ignite.metrics import Metric
from torch import Tensor

from ..metrics import MetricValue, plain_value
from ..step import StepOutput


class EpochMetrics:
    """Attach to the trainer. Unlike metrics attached to Ignite, these survive a stop in mid-epoch.

    Args:
        metrics: over outputs of type `StepOutput`.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._total: Tensor = torch.zeros((), dtype=torch.float64)
        self._batches = 0

    def attach(self, trainer: Engine) -> None:
        """Add up behind every iteration."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add)

    @property
    def total_loss(self) -> Tensor:
        """The sum of losses, shape (); it is not finite once one of them was not."""
        return self._total

    def finish_epoch(self) -> dict[str, MetricValue]:
        """The epoch's values; the next epoch begins from zero."""
        loss = self._total.cpu() / max(self._batches, 1)
        values: dict[str, MetricValue] = {"loss": float(idist.all_reduce(loss, "MEAN"))}
        for name, metric in self._metrics.items():
            values[name] = plain_value(metric.compute())
            metric.reset()
        self._total = torch.zeros((), dtype=torch.float64)
        self._batches = 0
        return values

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        metrics = {name: dict(metric.state_dict()) for name, metric in self._metrics.items()}
        return {"total": self._total.cpu(), "batches": self._batches, "metrics": metrics}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an epoch."""
        self._total, self._batches = state["total"], state["batches"]
        for name, metric in self._metrics.items():
            metric.load_state_dict(state["metrics"][name])

    def _add(self, trainer: Engine) -> None:
        # Stays on the loss's device, so that no step waits for a copy to the host.
        output = cast(StepOutput, trainer.state.output)
        self._total = self._total.to(output.loss.device) + output.loss
        self._batches += 1
        for metric in self._metrics.values():
            metric.iteration_completed(trainer)
