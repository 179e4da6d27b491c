"""Everything that training changes, saved and restored as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping, EMAHandler
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from ..core.errors import CheckpointError
from ..core.recipe import Recipe
from ..models.dataset import Splits
from ..models.preprocess import check_same_fit
from ..models.task import Task
from .distributed import gathered
from .handlers.epoch_metrics import EpochMetrics
from .loader import TrainingBatches
from .precision import Precision
from .random_state import random_state, restore_random_state
from .step import LossFunction, Step

CHECKPOINT_FORMAT = 1


class Stateful(Protocol):
    """A part with a state that a checkpoint holds."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        ...

    def load_state_dict(self, state_dict: Any) -> Any:
        """Go on from a state."""
        ...


@dataclass(frozen=True)
class Training:
    """The parts of one training.

    Attributes:
        frozen: modules of `network` that stay in evaluation mode.
        ema: the running average of `network`, where the recipe asks for one.
    """

    recipe: Recipe
    device: torch.device
    task: Task
    splits: Splits
    batches: TrainingBatches
    preprocess: nn.Module
    network: nn.Module
    frozen: list[nn.Module]
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    precision: Precision
    loss: LossFunction
    step: Step
    trainer: Engine
    metrics: EpochMetrics
    ema: EMAHandler | None
    early_stopping: EarlyStopping | None

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and exported: the average where there is one."""
        return self.ema.ema_model if self.ema else self.network

    @cached_property
    def stateful(self) -> dict[str, Stateful]:
        """What a checkpoint holds besides position and random state, by its key there."""
        parts: dict[str, Any] = {
            "preprocess": self.preprocess,
            "model": self.network,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "precision": self.precision,
            "ema": self.ema.ema_model if self.ema else None,
            "early_stopping": self.early_stopping,
            "metrics": self.metrics,
            "step": self.step if hasattr(self.step, "state_dict") else None,
        }
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def iterations(self) -> int:
        """Iterations of the whole training."""
        return self.recipe.train.epochs * len(self.batches)

    @property
    def steps_scheduler_by_iteration(self) -> bool:
        """Whether the rate changes behind iterations rather than epochs."""
        train = self.recipe.train
        return train.scheduler_step == "iteration" or train.warmup_iterations > 0

    def state_dict(self) -> dict[str, Any]:
        """The content of a checkpoint: tensors and plain values only."""
        return {
            "format": CHECKPOINT_FORMAT,
            "labels": list(self.splits.classes),
            "iteration": self.trainer.state.iteration,
            "epoch_length": len(self.batches),
            "random": gathered(random_state(self.device)),
            **{name: part.state_dict() for name, part in self.stateful.items()},
        }

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Check that a checkpoint is one of this training, without changing anything.

        Raises:
            CheckpointError: it is of other data, of another number of processes or version.
        """
        expected = {
            "format": CHECKPOINT_FORMAT,
            "epoch_length": len(self.batches),
            "labels": list(self.splits.classes),
        }
        for key, value in expected.items():
            if state.get(key) != value:
                raise CheckpointError(
                    f"the checkpoint has {key} {state.get(key)!r}, but this training {value}: "
                    "the data, the recipe or wfctl is another one"
                )
        if len(state["random"]) != idist.get_world_size():
            raise CheckpointError(
                f"the checkpoint is of {len(state['random'])} processes, but there are "
                f"{idist.get_world_size()}; resume with --nproc {len(state['random'])}"
            )
        for name in self.stateful:
            if name not in state:
                raise CheckpointError(
                    f"the checkpoint has no state of {name!r}: it is of another recipe or wfctl"
                )
        check_same_fit(self.preprocess, state["preprocess"])

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where a checkpoint was saved.

        Raises:
            CheckpointError: see `check_state`.
        """
        self.check_state(state)
        for name, part in self.stateful.items():
            part.load_state_dict(state[name])
        self.trainer.load_state_dict(
            {
                "iteration": state["iteration"],
                "epoch_length": state["epoch_length"],
                "max_epochs": self.recipe.train.epochs,
            }
        )
        self._restore_random_state_at_first_batch(state["random"][idist.get_rank()])

    def _restore_random_state_at_first_batch(self, state: Mapping[str, Any]) -> None:
        """What starts an engine, such as the user's own handlers, may draw random numbers, too."""

        def restore() -> None:
            restore_random_state(state, self.device)
            handle.remove()

        handle = self.trainer.add_event_handler(Events.GET_BATCH_STARTED, restore)
