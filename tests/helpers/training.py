"""Trainings in this process, whole and interrupted, by recipes that take a moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import recipe_from_values
from wfctl.core.runs import RunFolder
from wfctl.tests.helpers import parts
from wfctl.train.random_state import seed_everything
from wfctl.train.run import train
from wfctl.train.run_folder import resume_run, start_run

CPU = torch.device("cpu")
CRASH = {"call": "wfctl.tests.helpers.parts:crash", "event": "ITERATION_COMPLETED"}
NUMBERS: dict[str, Any] = {
    "name": "numbers",
    "task": "classification",
    "data": {"source": "fizzbuzz", "batch_size": 128, "options": {"maximum": 1000}},  # 8 batches
    "preprocess": {"kind": "number", "bits": 10},
    "model": {"name": "fizzbuzz-mlp", "options": {"hidden": 16}},
    "train": {"epochs": 2, "seed": 3, "lr": 0.01, "loggers": [], "handlers": [CRASH]},
}
PICTURES: dict[str, Any] = {
    "name": "pictures",
    "task": "classification",
    "data": {"source": "wfctl.tests.helpers.parts:Pictures", "batch_size": 4},  # 8 batches
    "preprocess": {"kind": "image", "mode": "L", "size": [8, 8], "mean": [0.3], "std": [0.3]},
    "model": {"name": "digits-cnn", "options": {"width": 2}},
    "train": {"epochs": 2, "seed": 3, "lr": 0.01, "loggers": [], "handlers": [CRASH]},
}


def recipe(values: dict[str, Any] = NUMBERS, *overrides: str) -> Recipe:
    return recipe_from_values(values, overrides)


def train_new(recipe: Recipe, folder: Path, **options: Any) -> RunFolder:
    """Train in a new run folder to the recipe's end."""
    run = start_run(recipe, run_dir=folder)
    train(recipe, run, CPU, trace=True, **options)
    return run


def train_on(run: RunFolder, overrides: Sequence[str] = (), epochs_more: int = 0) -> None:
    """Resume a run, with generators that stand elsewhere, as in a new process."""
    seed_everything(999)
    train(resume_run(run, overrides, epochs_more), run, CPU, trace=True)


def train_with_crash(recipe: Recipe, folder: Path, at: int) -> RunFolder:
    """Train until a crash behind an iteration; nothing is saved by it."""
    parts.armed_at = {at}
    run = start_run(recipe, run_dir=folder)
    with pytest.raises(parts.Crash):
        train(recipe, run, CPU, trace=True)
    return run


def iterations_of(run: RunFolder) -> list[int]:
    """The iterations of the run's checkpoints, oldest first."""
    return [entry.iteration for entry in CheckpointIndex.read(run.checkpoints).entries]
