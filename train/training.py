"""Everything that training changes, built from a recipe, saved and restored as one."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from ignite.engine import Engine
from torch import Tensor, nn

from ..core.errors import CheckpointError, RecipeError
from ..core.recipe import Recipe
from ..models.component import bind_component, find_component
from ..models.dataset import Splits, check_data, load_splits
from ..models.trained import build_network
from .engine import build_trainer
from .handlers.epoch_loss import EpochLoss
from .loader import TrainingBatches, training_batches
from .optimizer import build_optimizer, find_optimizer
from .random_state import random_state, restore_random_state, seed_everything

CHECKPOINT_FORMAT = 1
LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Training:
    """The parts of one training."""

    splits: Splits
    batches: TrainingBatches
    network: nn.Module
    optimizer: torch.optim.Optimizer
    loss: LossFunction
    trainer: Engine
    epoch_loss: EpochLoss

    def state_dict(self) -> dict[str, Any]:
        """The content of a checkpoint: tensors and plain values only."""
        return {
            "format": CHECKPOINT_FORMAT,
            "labels": list(self.splits.classes),
            "iteration": self.trainer.state.iteration,
            "epoch_length": len(self.batches),
            "model": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch_loss": self.epoch_loss.state_dict(),
            "random": random_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any], epochs: int) -> None:
        """Continue where a checkpoint was saved.

        Raises:
            CheckpointError: it is of other data or of another version.
        """
        if state.get("format") != CHECKPOINT_FORMAT:
            raise CheckpointError(
                f"the checkpoint has format {state.get('format')!r}, but this wfctl reads "
                f"{CHECKPOINT_FORMAT}"
            )
        if state["epoch_length"] != len(self.batches):
            raise CheckpointError(
                f"the data gives {len(self.batches)} batches an epoch, but the checkpoint was made "
                f"with {state['epoch_length']}: the data has changed"
            )
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch_loss.load_state_dict(state["epoch_loss"])
        self.trainer.load_state_dict(
            {
                "iteration": state["iteration"],
                "epoch_length": state["epoch_length"],
                "max_epochs": epochs,
            }
        )
        restore_random_state(dict(state["random"]))


def check_recipe(recipe: Recipe) -> None:
    """Check every name and option of a recipe before anything is built.

    Raises:
        RecipeError: all faults at once.
    """
    model, classes = recipe.model, {"classes": 0}
    checks: list[Callable[[], object]] = [
        lambda: check_data(recipe.data),
        lambda: bind_component("model", model.name, model.options, classes, "model.options"),
        lambda: find_component("loss", recipe.train.loss),
        lambda: find_optimizer(recipe.train),
    ]
    faults: list[str] = []
    for check in checks:
        try:
            check()
        except RecipeError as error:
            faults.extend(error.faults)
    if faults:
        raise RecipeError(faults)


def build_training(recipe: Recipe, device: torch.device) -> Training:
    """Build all parts; the same recipe gives the same initial weights.

    Raises:
        RecipeError: a name or an option is unknown.
    """
    check_recipe(recipe)
    seed_everything(recipe.train.seed)
    splits = load_splits(recipe.data)
    network = build_network(recipe.model, len(splits.classes)).to(device)
    optimizer = build_optimizer(recipe.train, network)
    loss = build_loss(recipe.train.loss)
    trainer = build_trainer(network, optimizer, loss, device)
    batches = training_batches(recipe, splits)
    return Training(splits, batches, network, optimizer, loss, trainer, EpochLoss())


def build_loss(name: str) -> LossFunction:
    """A loss by name: a class is built without arguments, a function is taken as it is."""
    found = find_component("loss", name)
    return cast(LossFunction, found() if inspect.isclass(found) else found)
