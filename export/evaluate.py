"""The task's metrics of a model or of an exported file, on the whole held-out split."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from torch import Tensor

from ..core.artifact import MANIFEST, Artifact
from ..core.recipe import Recipe
from ..core.recipe_file import load_recipe, recipe_from_values
from ..core.runs import RunFolder
from ..models.component import add_user_code
from ..models.dataset import load_splits, raw_batches
from ..models.trained import load_trained
from .runners import Runner, eager_runner, file_runner

SMALLEST_PROBABILITY = 1e-12


def measure(runner: Runner, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Accuracy, and the mean negative log-likelihood as `loss`."""
    correct, loss, count = 0, 0.0, 0
    for raw, targets in batches:
        probabilities, expected = runner(raw), targets.numpy()
        correct += int((probabilities.argmax(axis=-1) == expected).sum())
        chosen = np.take_along_axis(probabilities.astype(np.float64), expected[:, None], axis=-1)
        loss -= float(np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).sum())
        count += len(expected)
    return {"accuracy": correct / count, "loss": loss / count}


class Evaluation(TypedDict):
    """Metrics of every file of an artifact, or of a run's best `checkpoint`."""

    split: str
    files: dict[str, dict[str, float]]


def evaluate(path: Path, overrides: Sequence[str] = ()) -> Evaluation:
    """Metrics on the held-out split of the recipe that a run or an artifact came from.

    Args:
        path: a run folder or an artifact folder.
        overrides: `KEY=VALUE` on top of the recipe, such as another `data.root`.

    Raises:
        UsageError: the folder is neither, or its data cannot be loaded.
    """
    if (path / MANIFEST).is_file():
        return _evaluate_artifact(Artifact.open(path), overrides)
    run = RunFolder.open(path)
    trained = load_trained(run)
    splits = load_splits(load_recipe(run.recipe_file, overrides).data)
    batches = raw_batches(splits.held_out, trained.recipe.data.batch_size)
    metrics = measure(eager_runner(trained.pipeline), batches)
    return {"split": splits.held_out_name, "files": {"checkpoint": metrics}}


def _evaluate_artifact(artifact: Artifact, overrides: Sequence[str]) -> Evaluation:
    recipe = _recipe_of(artifact, overrides)
    splits = load_splits(recipe.data)
    files = {}
    for name, entry in artifact.manifest.files.items():
        if entry.format != "golden":
            runner = file_runner(artifact.path / name, entry.format)
            files[name] = measure(runner, raw_batches(splits.held_out, recipe.data.batch_size))
    return {"split": splits.held_out_name, "files": files}


def _recipe_of(artifact: Artifact, overrides: Sequence[str]) -> Recipe:
    """The recipe of the run that an artifact lies in; of a copied artifact, its manifest's."""
    run = RunFolder(artifact.path.resolve().parents[1])
    if run.code.is_dir():
        add_user_code(run.code)
    if run.recipe_file.is_file():
        return load_recipe(run.recipe_file, overrides)
    return recipe_from_values(artifact.manifest.source.recipe, overrides, MANIFEST)
