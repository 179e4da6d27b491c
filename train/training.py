"""Everything that training changes, built from a recipe, saved and restored as one."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from ignite import distributed as idist
from ignite.engine import Engine
from ignite.handlers import EarlyStopping, EMAHandler
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from ..core.errors import CheckpointError, RecipeError
from ..core.recipe import Recipe
from ..models.component import bind_component, find_component
from ..models.dataset import Splits, check_data, load_splits
from ..models.preprocess import build_preprocess
from ..models.task import TASKS, Task
from ..models.trained import build_network
from .augment import build_augmentation
from .handlers.epoch_metrics import EpochMetrics
from .loader import TrainingBatches, training_batches
from .metrics import build_metrics, check_metrics
from .optimizer import build_optimizer, find_optimizer
from .order import derived_seed
from .parameters import freeze, parameter_groups
from .precision import Precision
from .random_state import random_state, restore_random_state, seed_everything
from .scheduler import build_scheduler, check_scheduler
from .step import LossFunction, TrainingStep

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
        evaluated: the network that is evaluated and exported: the average of the weights where
            the recipe asks for one, else `network` itself.
        frozen: modules of `network` that stay in evaluation mode.
        stateful: what a checkpoint holds besides position and random state, by its key there.
    """

    recipe: Recipe
    task: Task
    splits: Splits
    batches: TrainingBatches
    preprocess: nn.Module
    network: nn.Module
    evaluated: nn.Module
    frozen: list[nn.Module]
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler | None
    loss: LossFunction
    trainer: Engine
    metrics: EpochMetrics
    ema: EMAHandler | None
    early_stopping: EarlyStopping | None
    stateful: dict[str, Stateful]

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
            "random": idist.all_gather(random_state())
            if idist.get_world_size() > 1
            else [random_state()],
            **{name: part.state_dict() for name, part in self.stateful.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where a checkpoint was saved.

        Raises:
            CheckpointError: it is of other data, of another number of processes or version.
        """
        expected = {"format": CHECKPOINT_FORMAT, "epoch_length": len(self.batches)}
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
        for name, part in self.stateful.items():
            part.load_state_dict(state[name])
        self.trainer.load_state_dict(
            {
                "iteration": state["iteration"],
                "epoch_length": state["epoch_length"],
                "max_epochs": self.recipe.train.epochs,
            }
        )
        restore_random_state(state["random"][idist.get_rank()])


def check_recipe(recipe: Recipe) -> None:
    """Check every name and option of a recipe before anything is built.

    Raises:
        RecipeError: all faults at once.
    """
    model, train, task = recipe.model, recipe.train, TASKS[recipe.task]
    checks: list[Callable[[], object]] = [
        lambda: check_data(recipe.data),
        lambda: bind_component("model", model.name, model.options, {"classes": 0}, "model.options"),
        lambda: find_component("loss", train.loss or task.loss),
        lambda: find_component("step", train.step) if train.step else None,
        lambda: find_optimizer(train),
        lambda: check_scheduler(train),
        lambda: check_metrics(train.metrics or (), "train.metrics"),
        lambda: check_metrics(train.training_metrics, "train.training_metrics"),
        lambda: build_augmentation(recipe),
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
    train, task, rank = recipe.train, TASKS[recipe.task], idist.get_rank()
    if train.deterministic:
        torch.use_deterministic_algorithms(True)
    seed_everything(train.seed)
    splits = load_splits(recipe.data)
    preprocess = build_preprocess(recipe.preprocess)
    network = build_network(recipe.model, len(splits.classes)).to(device)
    memory_format = torch.channels_last if train.channels_last else torch.preserve_format
    network = network.to(memory_format=memory_format)
    frozen = freeze(network, recipe.model)
    optimizer = build_optimizer(train, parameter_groups(network, train))
    loss = build_loss(train.loss or task.loss)
    precision = Precision(train.amp, device)
    batches = training_batches(recipe, splits, preprocess, rank, idist.get_world_size())
    scheduler = build_scheduler(train, optimizer, len(batches))
    classes = len(splits.classes)
    metrics = EpochMetrics(build_metrics(train.training_metrics, loss, classes, device))
    ema = EMAHandler(network, momentum=1 - train.ema_decay) if train.ema_decay else None
    stepped = _wrap(network, recipe)
    if train.step is not None:
        step = find_component("step", train.step)(stepped, optimizer, loss, device)
    else:
        step = TrainingStep(
            stepped, optimizer, loss, device, precision, train.accumulate, train.clip_norm,
            memory_format,
        )  # fmt: skip
    trainer = Engine(step)
    early_stopping = None
    if train.early_stopping is not None:
        early_stopping = EarlyStopping(
            train.early_stopping, lambda engine: engine.state.metrics["score"], trainer
        )
    if rank:
        seed_everything(derived_seed(train.seed, rank))
    return Training(
        recipe=recipe,
        task=task,
        splits=splits,
        batches=batches,
        preprocess=preprocess,
        network=network,
        evaluated=ema.ema_model if ema else network,
        frozen=frozen,
        optimizer=optimizer,
        scheduler=scheduler,
        loss=loss,
        trainer=trainer,
        metrics=metrics,
        ema=ema,
        early_stopping=early_stopping,
        stateful=_present(
            preprocess=preprocess,
            model=network,
            optimizer=optimizer,
            scheduler=scheduler,
            precision=precision,
            ema=ema.ema_model if ema else None,
            early_stopping=early_stopping,
            metrics=metrics,
        ),
    )


def build_loss(name: str) -> LossFunction:
    """A loss by name: a class is built without arguments, a function is taken as it is."""
    found = find_component("loss", name)
    return cast(LossFunction, found() if inspect.isclass(found) else found)


def _wrap(network: nn.Module, recipe: Recipe) -> nn.Module:
    """The network as the step calls it: compiled, and with gradients shared between processes."""
    if recipe.train.compile:
        network = cast(nn.Module, torch.compile(network))
    if idist.get_world_size() > 1:
        network = nn.parallel.DistributedDataParallel(network)
    return network


def _present(**parts: Any) -> dict[str, Stateful]:
    return {name: part for name, part in parts.items() if part is not None}
