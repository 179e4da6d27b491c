"""Recipe to the parts of a training."""

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from ignite import distributed as idist
from ignite.engine import Engine
from ignite.handlers import EarlyStopping, EMAHandler
from torch import nn

from ..core.recipe import Recipe
from ..models.component import find_component
from ..models.dataset import Splits, check_raw_samples, known_to_sources, load_splits
from ..models.preprocess import build_preprocess, describe_input, fit_preprocess
from ..models.tasks.registry import TASKS
from ..models.trained import build_network, network_outputs
from ..models.weights import load_initial_weights
from .check import check_recipe
from .handlers.epoch_metrics import EpochMetrics
from .loader import training_batches
from .metrics import build_metrics
from .optimizer import build_optimizer
from .order import derived_seed
from .parameters import freeze, parameter_groups
from .precision import Precision
from .random_state import seed_everything
from .scheduler import build_scheduler
from .step import LossFunction, Step, TrainingStep
from .training import Training


def build_training(recipe: Recipe, device: torch.device, initial_weights: bool = True) -> Training:
    """Build all parts; the same recipe gives the same initial weights.

    Args:
        initial_weights: read `model.weights`; not needed where a checkpoint will be restored.

    Raises:
        RecipeError: a name or an option is unknown, or `model.weights` does not fit.
    """
    check_recipe(recipe)
    train, task, rank = recipe.train, TASKS[recipe.task], idist.get_rank()
    if train.deterministic:
        torch.use_deterministic_algorithms(True)
    seed_everything(train.seed)
    splits, preprocess = load_data(recipe)
    network = _build_network(recipe, splits, device, initial_weights)
    frozen = freeze(network, recipe.model)
    optimizer = build_optimizer(train, parameter_groups(network, train))
    loss = build_loss(train.loss or task.loss)
    precision = Precision(train.amp, device)
    batches = training_batches(recipe, splits, preprocess, rank, idist.get_world_size())
    names, classes = train.training_metrics, len(splits.classes)
    ema = EMAHandler(network, momentum=1 - train.ema_decay) if train.ema_decay else None
    step = _build_step(recipe, _wrap(network, recipe), optimizer, loss, device, precision)
    trainer = Engine(step)
    if rank:
        seed_everything(derived_seed(train.seed, rank))
    return Training(
        recipe=recipe,
        device=device,
        task=task,
        splits=splits,
        batches=batches,
        preprocess=preprocess,
        network=network,
        frozen=frozen,
        optimizer=optimizer,
        scheduler=build_scheduler(train, optimizer, len(batches)),
        precision=precision,
        loss=loss,
        step=step,
        trainer=trainer,
        metrics=EpochMetrics(build_metrics(names, task, loss, classes, device)),
        ema=ema,
        early_stopping=_build_early_stopping(train.early_stopping, trainer),
    )


def load_data(recipe: Recipe) -> tuple[Splits, nn.Module]:
    """Both splits, and the preprocessing, which may have learned from the training split.

    Raises:
        RecipeError: the data is not there, or is not what the task and the preprocessing take.
    """
    with _first_alone(recipe.data.download):
        splits = load_splits(recipe.data, known_to_sources(recipe))
    TASKS[recipe.task].check_targets(splits)
    preprocess = build_preprocess(recipe.preprocess)
    fit_preprocess(preprocess, splits.train)
    check_raw_samples(splits, describe_input(recipe.preprocess, splits.columns)[1])
    return splits, preprocess


def build_loss(name: str) -> LossFunction:
    """A loss by name: a class is built without arguments, a function is taken as it is."""
    found = find_component("loss", name)
    return cast(LossFunction, found() if inspect.isclass(found) else found)


def _build_network(
    recipe: Recipe, splits: Splits, device: torch.device, initial_weights: bool
) -> nn.Module:
    outputs = network_outputs(recipe, len(splits.classes))
    network = build_network(recipe.model, outputs, len(splits.columns))
    if initial_weights:
        load_initial_weights(network, recipe.model, outputs)
    memory_format = torch.channels_last if recipe.train.channels_last else torch.preserve_format
    return network.to(device).to(memory_format=memory_format)


def _build_step(
    recipe: Recipe,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: LossFunction,
    device: torch.device,
    precision: Precision,
) -> Step:
    """The user's own step where the recipe names one, else `TrainingStep`."""
    train = recipe.train
    if train.step is not None:
        return cast(Step, find_component("step", train.step)(network, optimizer, loss, device))
    memory_format = torch.channels_last if train.channels_last else torch.preserve_format
    return TrainingStep(
        network, optimizer, loss, device, precision, train.accumulate, train.clip_norm,
        memory_format,
    )  # fmt: skip


def _build_early_stopping(patience: int | None, trainer: Engine) -> EarlyStopping | None:
    if patience is None:
        return None
    return EarlyStopping(patience, lambda engine: engine.state.metrics["score"], trainer)


def _first_alone(needed: bool) -> AbstractContextManager[Any]:
    """Lets the first process of each machine download what the others then find."""
    if needed and idist.get_world_size() > 1:
        return cast(AbstractContextManager[Any], idist.one_rank_first(local=True))
    return nullcontext()


def _wrap(network: nn.Module, recipe: Recipe) -> nn.Module:
    """The network as the step calls it: compiled, and with gradients shared between processes."""
    if recipe.train.compile:
        network = cast(nn.Module, torch.compile(network))
    if idist.get_world_size() > 1:
        # Without this, the gradients are summed in other groups from the second iteration on, and
        # in other bits: a resumed run would depart. It also allows for parts that go unused.
        network = nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)
    return network
