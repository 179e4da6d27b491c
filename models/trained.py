"""A run folder to the trained model: what export, evaluation and benchmarks start from."""

import inspect
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import nn

from ..core.checkpoint_index import CheckpointIndex, Entry
from ..core.errors import CheckpointError, RecipeError
from ..core.recipe import Model, Recipe
from ..core.recipe_file import load_recipe
from ..core.runs import RunFolder
from .columns import StandardiseColumns
from .component import add_user_code, bind_component, find_component
from .pipeline import Pipeline
from .preprocess import build_preprocess
from .task import Task
from .tasks.registry import TASKS


@dataclass(frozen=True)
class Trained:
    """A model with its weights. `pipeline` is in evaluation mode and on the CPU."""

    recipe: Recipe
    task: Task
    pipeline: Pipeline
    labels: tuple[str, ...]
    checkpoint_sha256: str
    epoch: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the features, of a model of rows of a table; else empty."""
        preprocess = self.pipeline.preprocess
        return preprocess.columns if isinstance(preprocess, StandardiseColumns) else ()


def network_outputs(recipe: Recipe, labels: int) -> int:
    """What a network is given as `classes`: the number of labels, or the embedding's size."""
    return recipe.model.embedding_size or labels


def network_arguments(model: Model, classes: int, columns: int) -> dict[str, int]:
    """What wfctl gives a network: `classes`, and of a table `features` where it takes that."""
    parameters = inspect.signature(find_component("model", model.name)).parameters
    takes_features = columns > 0 and "features" in parameters
    return {"classes": classes} | ({"features": columns} if takes_features else {})


def build_network(model: Model, classes: int, columns: int = 0) -> nn.Module:
    """The untrained network of a recipe.

    Args:
        classes: outputs, as `network_outputs` says.
        columns: features of the data, where it is a table.

    Raises:
        RecipeError: the name or an option is unknown, or it does not give a network.
    """
    given = network_arguments(model, classes, columns)
    component = bind_component("model", model.name, model.options, given, "model.options")
    network = component(**given)
    if not isinstance(network, nn.Module):
        kind = type(network).__name__
        raise RecipeError([f"model.name: {model.name} gives a {kind}, not a torch.nn.Module"])
    return network


def load_trained(run: RunFolder) -> Trained:
    """The best checkpoint of a run as a model.

    Raises:
        CheckpointError: there is none, it is damaged, or it does not fit the recipe's network.
    """
    recipe = load_recipe(run.recipe_file)
    entry = CheckpointIndex.read(run.checkpoints).best_whole(run.checkpoints)
    state = read_checkpoint(run.checkpoints / entry.file)
    labels = tuple(state["labels"])
    add_user_code(run.code)
    preprocess = build_preprocess(recipe.preprocess)
    load_weights(preprocess, state["preprocess"], entry, run.checkpoints)
    columns = len(preprocess.columns) if isinstance(preprocess, StandardiseColumns) else 0
    network = build_network(recipe.model, network_outputs(recipe, len(labels)), columns)
    # Where the weights were averaged, the average is what was evaluated.
    load_weights(network, state.get("ema", state["model"]), entry, run.checkpoints)
    task = TASKS[recipe.task]
    pipeline = Pipeline(preprocess, network, task.activation()).eval()
    return Trained(recipe, task, pipeline, labels, entry.sha256, entry.epoch)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint file, on the CPU; reading one never runs code.

    Raises:
        CheckpointError: it is damaged, or holds more than tensors and plain values.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises many kinds for damaged files
        raise CheckpointError(f"{path}: is not a readable checkpoint") from error
    if not _is_ours(state):
        raise CheckpointError(f"{path}: is not a checkpoint of wfctl")
    return state


def _is_ours(state: object) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(state, dict)
        and isinstance(state.get("model"), dict)
        and isinstance(state.get("preprocess"), dict)
        and isinstance(state.get("labels"), list)
    )


def load_weights(network: nn.Module, weights: dict[str, Any], entry: Entry, folder: Path) -> None:
    """Put a checkpoint's weights into a network.

    Raises:
        CheckpointError: names or shapes differ.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        path = folder / entry.file
        first = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(f"{path}: does not fit the recipe's network: {first}") from error
