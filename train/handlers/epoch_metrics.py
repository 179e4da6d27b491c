"""The mean training loss, and metrics of the training split, of the epoch in progress."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events
from ignite.metrics import Metric, MetricsLambda
from torch import Tensor

from ..batch import Batch
from ..distributed import gathered
from ..metrics import MetricValue, plain_value
from ..step import StepOutput


class EpochMetrics:
    """Attach to the trainer. Unlike metrics attached to Ignite, these survive a stop in mid-epoch.

    Args:
        metrics: over outputs of type `StepOutput`.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._leaves = {name: _leaves(metric) for name, metric in metrics.items()}
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
        total = sum(gathered(float(self._total))) / idist.get_world_size()
        values: dict[str, MetricValue] = {"loss": total / max(self._batches, 1)}
        for name, metric in self._metrics.items():
            values[name] = plain_value(metric.compute())
            metric.reset()
        self._total = torch.zeros((), dtype=torch.float64)
        self._batches = 0
        return values

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        metrics = {
            name: [dict(leaf.state_dict()) for leaf in leaves]
            for name, leaves in self._leaves.items()
        }
        return {
            "totals": gathered(float(self._total)),
            "batches": self._batches,
            "metrics": metrics,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an epoch."""
        total = state["totals"][idist.get_rank()]
        self._total = torch.tensor(total, dtype=torch.float64)
        self._batches = state["batches"]
        for name, leaves in self._leaves.items():
            for leaf, leaf_state in zip(leaves, state["metrics"][name], strict=True):
                leaf.load_state_dict(leaf_state)

    def _add(self, trainer: Engine) -> None:
        # Stays on the loss's device, so that no step waits for a copy to the host.
        output = cast(StepOutput, trainer.state.output)
        weight = cast(Batch, trainer.state.batch).weight
        loss = output.loss if weight == 1.0 else output.loss * weight
        if self._total.device != loss.device:
            self._total = self._total.to(loss.device)
        self._total += loss
        self._batches += 1
        if weight == 0.0:  # a batch smaller than the number of processes
            return
        for leaves in self._leaves.values():
            for leaf in leaves:
                leaf.iteration_completed(trainer)


def _leaves(metric: Metric) -> list[Metric]:
    """The metrics that see outputs: a metric itself, or those that it is computed from, once."""
    if not isinstance(metric, MetricsLambda):
        return [metric]
    found: dict[int, Metric] = {}
    for part in (*metric.args, *metric.kwargs.values()):
        if isinstance(part, Metric):
            found |= {id(leaf): leaf for leaf in _leaves(part)}
    return list(found.values())
