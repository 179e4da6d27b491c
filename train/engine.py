"""The Ignite engines: one step of training, one step of evaluation."""

from collections.abc import Callable, Mapping

import torch
from ignite.engine import Engine
from ignite.metrics import Accuracy, Loss, Metric
from torch import Tensor, nn

from .loader import Batch


def build_trainer(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
) -> Engine:
    """An engine whose step trains on one batch; its output is the batch's mean loss, shape ()."""

    def step(engine: Engine, batch: Batch) -> Tensor:
        inputs, targets = (part.to(device, non_blocking=True) for part in batch)
        network.train()
        optimizer.zero_grad(set_to_none=True)
        value = loss(network(inputs), targets)
        value.backward()
        optimizer.step()
        return value.detach()

    return Engine(step)


def build_evaluator(
    network: nn.Module, metrics: Mapping[str, Metric], device: torch.device
) -> Engine:
    """An engine whose output is (logits, targets), with metrics attached."""

    def step(engine: Engine, batch: Batch) -> tuple[Tensor, Tensor]:
        inputs, targets = (part.to(device, non_blocking=True) for part in batch)
        network.eval()
        with torch.no_grad():
            return network(inputs), targets

    evaluator = Engine(step)
    for name, metric in metrics.items():
        metric.attach(evaluator, name)
    return evaluator


def classification_metrics(loss: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Metric]:
    """Accuracy and mean loss."""
    return {"accuracy": Accuracy(), "loss": Loss(loss)}
