"""The task's metrics of a model or of an exported file, on the whole held-out split."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from ..core.artifact import MANIFEST, Artifact
from ..core.errors import UsageError
from ..core.manifest import TableInput
from ..core.recipe import Recipe
from ..core.recipe_file import load_recipe, recipe_from_values
from ..core.runs import RunFolder
from ..models.component import add_user_code
from ..models.dataset import check_labels, known_to_sources, load_splits, raw_batches
from ..models.preprocess import prepare_target
from ..models.task import Task
from ..models.tasks.registry import TASKS
from ..models.trained import load_trained
from .runners import Runner, eager_runner, file_runner


def measure(
    task: Task, runner: Runner, batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, float]:
    """The task's metrics over raw batches with their targets."""
    scorer = task.scorer()
    for raw, targets in batches:
        outputs = runner(raw)
        scorer.update(outputs, prepare_target(targets, torch.from_numpy(outputs)).numpy())
    return scorer.compute()


class Evaluation(TypedDict):
    """Metrics of every file of an artifact, or of a run's best `checkpoint`."""

    split: str
    files: dict[str, dict[str, float]]


def evaluate(path: Path, overrides: Sequence[str] = ()) -> Evaluation:
    """Metrics on the held-out split of the recipe that a run or an artifact came from.

    Args:
        path: a run folder or an artifact folder.
        overrides: `KEY=VALUE` on top of the recipe's `data`, such as another `data.root`.

    Raises:
        UsageError: the folder is neither, its data cannot be loaded or has other classes, or an
            override is of a key that evaluation does not read.
    """
    for override in overrides:
        if not override.strip().startswith("data."):
            raise UsageError(f"--set {override}: an evaluation can change the keys of data only")
    if (path / MANIFEST).is_file():
        return _evaluate_artifact(Artifact.open(path), overrides)
    run = RunFolder.open(path)
    trained = load_trained(run)
    recipe = load_recipe(run.recipe_file, overrides)
    splits = load_splits(recipe.data, known_to_sources(recipe))
    check_labels(splits, trained.labels, trained.columns)
    batches = raw_batches(splits.held_out, trained.recipe.data.batch_size)
    metrics = measure(trained.task, eager_runner(trained.pipeline), batches)
    return {"split": splits.held_out_name, "files": {"checkpoint": metrics}}


def _evaluate_artifact(artifact: Artifact, overrides: Sequence[str]) -> Evaluation:
    recipe = _recipe_of(artifact, overrides)
    splits = load_splits(recipe.data, known_to_sources(recipe))
    host = artifact.manifest.host_preprocess
    columns = host.columns if isinstance(host, TableInput) else ()
    check_labels(splits, artifact.manifest.labels, columns)
    files = {}
    for name, entry in artifact.manifest.files.items():
        if entry.format != "golden":
            runner = file_runner(artifact.path / name, entry.format)
            batches = raw_batches(splits.held_out, recipe.data.batch_size)
            files[name] = measure(TASKS[recipe.task], runner, batches)
    return {"split": splits.held_out_name, "files": files}


def _recipe_of(artifact: Artifact, overrides: Sequence[str]) -> Recipe:
    """The manifest's recipe; within its run, with the run's modules and `data.root`."""
    values = artifact.manifest.source.recipe
    data = recipe_from_values(values, (), MANIFEST).data
    exports = artifact.path.resolve().parent
    run = RunFolder(exports.parent)
    if exports.name == "export" and run.recipe_file.is_file():
        of_run = load_recipe(run.recipe_file).data
        if (of_run.source, of_run.options) == (data.source, data.options):
            add_user_code(run.code)
            data = data.model_copy(update={"root": of_run.root})
    return recipe_from_values({**values, "data": data.model_dump(mode="json")}, overrides, MANIFEST)
