"""Runs of every task, small and real."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.train.run import train
from wfctl.train.run_folder import start_run

Trainer = Callable[..., RunFolder]


@pytest.fixture
def train_run(tmp_path: Path) -> Trainer:
    """Trains a built-in recipe into a new run folder: `train_run("digits", "train.epochs=2")`."""

    def run_of(name: str, *overrides: str, folder: str = "run") -> RunFolder:
        recipe = load_recipe(find_recipe(name), ("train.loggers=[]", *overrides))
        run = start_run(recipe, run_dir=tmp_path / folder)
        train(recipe, run, torch.device("cpu"))
        return run

    return run_of
