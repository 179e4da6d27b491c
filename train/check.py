"""A whole recipe checked before anything is built."""

from collections.abc import Callable

from ignite.engine import Engine

from ..core.errors import RecipeError
from ..core.recipe import Recipe
from ..models.component import bind_component, find_component
from ..models.dataset import check_data, known_to_sources
from ..models.tasks.registry import TASKS
from ..models.trained import network_arguments, network_outputs
from .augment import build_augmentation
from .handlers.loggers import check_loggers
from .handlers.user import attach_handlers
from .loader import check_sampler
from .metrics import check_metrics, check_score
from .optimizer import find_optimizer
from .scheduler import check_scheduler


def check_recipe(recipe: Recipe) -> None:
    """Check every name and option of a recipe before anything is built.

    Raises:
        RecipeError: all faults at once.
        MissingDependency: a logger is not installed.
    """
    train, task = recipe.train, TASKS[recipe.task]
    checks: list[Callable[[], object]] = [
        lambda: check_data(recipe.data, known_to_sources(recipe)),
        lambda: check_sampler(recipe.data, task),
        lambda: check_network(recipe),
        lambda: find_component("loss", train.loss or task.loss),
        lambda: find_component("step", train.step) if train.step else None,
        lambda: find_optimizer(train),
        lambda: check_scheduler(train),
        lambda: check_metrics(train.metrics or (), "train.metrics", task),
        lambda: check_metrics(train.training_metrics, "train.training_metrics", task),
        lambda: check_score(train, task),
        lambda: build_augmentation(recipe),
        lambda: attach_handlers(Engine(lambda _engine, _batch: None), train.handlers),
    ]
    faults: list[str] = []
    for check in checks:
        try:
            check()
        except RecipeError as error:
            faults.extend(error.faults)
    if faults:
        raise RecipeError(faults)
    check_loggers(train.loggers)


def check_network(recipe: Recipe) -> None:
    """Check that the network exists and takes the recipe's options, without building it.

    Raises:
        RecipeError: all faults at once.
    """
    model, columns = recipe.model, int(recipe.preprocess.kind == "table")
    embeds = recipe.task == "metric-learning"
    if embeds != (model.embedding_size is not None):
        fault = f"task {recipe.task} needs this key" if embeds else f"is not for task {recipe.task}"
        raise RecipeError([f"model.embedding_size: {fault}"])
    given = network_arguments(model, network_outputs(recipe, 1), columns)
    bind_component("model", model.name, model.options, given, "model.options")
