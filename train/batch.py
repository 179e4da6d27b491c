"""What goes through the engines."""

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Samples behind preprocessing, with their targets and their numbers in the split.

    `weight` is the share of this process in the whole batch, times the number of processes, so
    that the mean of all processes' gradients is the gradient of the whole batch.

    Shapes: inputs (B, ...), targets (B, ...), indices (B,).
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor
    weight: float = 1.0

    def to(self, device: torch.device, memory_format: torch.memory_format) -> "Batch":
        """Inputs and targets on a device; indices stay where they are."""
        inputs = self.inputs
        if memory_format is not torch.preserve_format and inputs.ndim == 4:
            inputs = inputs.to(device, non_blocking=True, memory_format=memory_format)
        else:
            inputs = inputs.to(device, non_blocking=True)
        targets = self.targets.to(device, non_blocking=True)
        return Batch(inputs, targets, self.indices, self.weight)
