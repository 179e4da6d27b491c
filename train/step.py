"""One training step and one evaluation step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from ignite.engine import Engine
from torch import Tensor, nn

from .batch import Batch
from .precision import Precision

LossFunction = Callable[[Tensor, Tensor], Tensor]
Step = Callable[[Engine, Batch], "StepOutput"]


class StepOutput(NamedTuple):
    """What a step leaves in `engine.state.output`, detached.

    Shapes: loss (), predictions (B, ...), targets (B, ...).
    """

    loss: Tensor
    predictions: Tensor
    targets: Tensor


class TrainingStep:
    """Forward, loss, backward and, every `accumulate` batches, a step of the optimiser.

    The semantics are those of Ignite's `create_supervised_trainer`, with mixed precision,
    accumulation and clipping. The last batches of an epoch make a step of their own. Gradients
    that wait for the rest of their batches are its state.

    Args:
        network: in training mode when a step begins; `EPOCH_STARTED` sees to it.
        memory_format: of four-dimensional inputs.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: LossFunction,
        device: torch.device,
        precision: Precision,
        accumulate: int = 1,
        clip_norm: float | None = None,
        memory_format: torch.memory_format = torch.preserve_format,
    ) -> None:
        self._network = network
        self._optimizer = optimizer
        self._loss = loss
        self._device = device
        self._precision = precision
        self._accumulate = accumulate
        self._clip_norm = clip_norm
        self._memory_format = memory_format
        self._is_accumulating = False
        self._parameters: list[Tensor] = [
            parameter for group in optimizer.param_groups for parameter in group["params"]
        ]

    def __call__(self, engine: Engine, batch: Batch) -> StepOutput:
        """Train on one batch."""
        inputs, targets, _, weight = batch.to(self._device, self._memory_format)
        with self._precision.autocast():
            predictions = self._network(inputs)
            loss = self._loss(predictions, targets)
        first, last = self._place(engine)
        if first:
            self._optimizer.zero_grad(set_to_none=True)
        share = weight / self._accumulate
        self._precision.backward(loss if share == 1.0 else loss * share)
        if last:
            self._precision.step(self._optimizer, self._clip_norm, self._parameters)
        self._is_accumulating = not last
        return StepOutput(loss.detach(), predictions.detach(), targets)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        gradients = [each.grad for each in self._parameters] if self._is_accumulating else []
        return {"gradients": gradients}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an accumulation."""
        gradients = state["gradients"]
        self._is_accumulating = bool(gradients)
        for parameter, gradient in zip(self._parameters, gradients, strict=self._is_accumulating):
            parameter.grad = gradient if gradient is None else gradient.to(parameter.device)

    def _place(self, engine: Engine) -> tuple[bool, bool]:
        """Whether the batch begins, and whether it ends, a step of the optimiser."""
        epoch_length = engine.state.epoch_length or 1
        position = (engine.state.iteration - 1) % epoch_length
        first = position % self._accumulate == 0
        last = (position + 1) % self._accumulate == 0 or position + 1 == epoch_length
        return first, last


class EvaluationStep:
    """Forward and loss without gradients."""

    def __init__(
        self,
        network: nn.Module,
        loss: LossFunction,
        device: torch.device,
        precision: Precision,
        memory_format: torch.memory_format = torch.preserve_format,
    ) -> None:
        self._network = network
        self._loss = loss
        self._device = device
        self._precision = precision
        self._memory_format = memory_format

    def __call__(self, engine: Engine, batch: Batch) -> StepOutput:
        """Evaluate one batch."""
        inputs, targets, _, _ = batch.to(self._device, self._memory_format)
        with torch.no_grad(), self._precision.autocast():
            predictions = self._network(inputs)
            loss = self._loss(predictions, targets)
        return StepOutput(loss, predictions.float(), targets)
