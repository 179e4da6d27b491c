"""Metrics of the held-out split, of the network that will be exported."""

import torch
from ignite import distributed as idist
from ignite.engine import Engine
from torch import nn

from .loader import HeldOutBatches
from .metrics import MetricValue, build_metrics, plain_value, score_of
from .precision import Precision
from .step import EvaluationStep
from .training import Training


class HeldOutEvaluation:
    """An Ignite evaluator over the held-out split.

    Attributes:
        split: the split's name.
    """

    def __init__(self, training: Training, device: torch.device) -> None:
        train, splits = training.recipe.train, training.splits
        self.split = splits.held_out_name
        self._score_name = train.score or training.task.score
        self._network = training.evaluated
        self._batches = HeldOutBatches(
            training.recipe, splits, training.preprocess, idist.get_rank(), idist.get_world_size()
        )
        memory_format = torch.channels_last if train.channels_last else torch.preserve_format
        precision = Precision(train.amp, device)
        step = EvaluationStep(self._network, training.loss, device, precision, memory_format)
        self._evaluator = Engine(step)
        names = train.metrics or training.task.metrics
        metrics = build_metrics(names, training.task, training.loss, len(splits.classes), device)
        for name, metric in metrics.items():
            metric.attach(self._evaluator, name)

    def run(self) -> dict[str, MetricValue]:
        """The metrics, by name."""
        synchronise_buffers(self._network)
        self._network.eval()
        values = self._evaluator.run(self._batches).metrics
        return {name: plain_value(value) for name, value in values.items()}

    def score(self, metrics: dict[str, MetricValue]) -> float | None:
        """The metric that decides which epoch is best, higher being better."""
        return score_of(metrics, self._score_name)


def synchronise_buffers(network: nn.Module) -> None:
    """Give every process the running statistics of the first."""
    if idist.get_world_size() == 1:
        return
    for buffer in network.buffers():
        torch.distributed.broadcast(buffer, src=0)
