"""The mean training loss of the epoch in progress; it survives a stop in mid-epoch."""

from typing import Any, cast

import torch
from ignite.engine import Engine, Events
from torch import Tensor


class EpochLoss:
    """Attach to the trainer, whose output is the batch's loss, shape ()."""

    def __init__(self) -> None:
        self._total: Tensor = torch.zeros((), dtype=torch.float64)
        self._batches = 0

    def attach(self, trainer: Engine) -> None:
        """Start over when an epoch begins, add up behind every iteration."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._add)

    def compute(self) -> float:
        """The mean over the batches so far."""
        return float(self._total) / max(self._batches, 1)

    def reset(self) -> None:
        """Begin a new epoch."""
        self._total = torch.zeros((), dtype=torch.float64)
        self._batches = 0

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        return {"total": self._total.cpu(), "batches": self._batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an epoch."""
        self._total, self._batches = state["total"], state["batches"]

    def _add(self, trainer: Engine) -> None:
        # Stays on the loss's device, so that no step waits for a copy to the host.
        loss = cast(Tensor, trainer.state.output)
        self._total = self._total.to(loss.device) + loss
        self._batches += 1
