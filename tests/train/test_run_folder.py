import json
from pathlib import Path

import pytest
import torch

from wfctl.core.errors import RunError
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.tests.helpers.training import NUMBERS, recipe
from wfctl.train.run_folder import (
    check_same_recipe,
    how_to_go_on,
    record_recipe,
    resume_run,
    start_run,
    write_environment,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return start_run(recipe(), run_dir=tmp_path / "run")


def test_a_new_run_has_its_recipe_written_out(run: RunFolder) -> None:
    assert load_recipe(run.recipe_file) == recipe()
    assert "clip_norm: null" in run.recipe_file.read_text()
    with pytest.raises(RunError, match="is not empty"):
        start_run(recipe(), run_dir=run.path)


def test_the_users_modules_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine_of_run_folder.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(source)
    __import__("mine_of_run_folder")
    run = start_run(recipe(), user_code=source, run_dir=tmp_path / "run")
    assert (run.code / "mine_of_run_folder.py").read_text() == "value = 1\n"


def test_a_run_goes_on_with_its_own_recipe(run: RunFolder) -> None:
    assert resume_run(run) == recipe()


def test_what_does_not_change_the_numbers_may_change(run: RunFolder) -> None:
    changed = ["train.checkpoint.every=5", "data.workers=2", "train.time_limit_s=9", "data.root=x"]
    resumed = resume_run(run, changed)
    assert (resumed.train.checkpoint.every, resumed.data.workers) == (5, 2)
    assert load_recipe(run.recipe_file) == recipe()  # it is written once training goes on
    record_recipe(run, resumed)
    assert load_recipe(run.recipe_file) == resumed


def test_whatever_else_may_not_and_is_named(run: RunFolder) -> None:
    with pytest.raises(RunError, match="cannot be resumed with another recipe") as met:
        resume_run(run, ["train.lr=0.5", "data.batch_size=2", "data.workers=1"])
    assert "data.batch_size: 128 -> 2; train.lr: 0.01 -> 0.5" in str(met.value)


def test_more_epochs(run: RunFolder) -> None:
    assert resume_run(run, epochs_more=3).train.epochs == 5


ONE_CYCLE = ["train.scheduler=OneCycleLR"]
MAXIMUM = "train.scheduler_options={max_lr: 0.1"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["train.scheduler=CosineAnnealingLR"],
         "CosineAnnealingLR was laid out for 2 epochs; only a run begun with "
         "train.scheduler_options.T_max can be given others"),
        ([*ONE_CYCLE, f"{MAXIMUM}}}"], "OneCycleLR was laid out for 2 epochs"),
        ([*ONE_CYCLE, f"{MAXIMUM}, total_steps: 2}}"], "OneCycleLR ends behind its total_steps"),
        (["train.scheduler=PolynomialLR"], "PolynomialLR was laid out for 2 epochs"),
    ],
)  # fmt: skip
def test_a_schedule_that_follows_the_number_of_epochs_is_not_extended(
    tmp_path: Path, overrides: list[str], reason: str
) -> None:
    run = start_run(recipe(NUMBERS, *overrides), run_dir=tmp_path / "run")
    for options in ({"epochs_more": 1}, {"overrides": ["train.epochs=1"]}):
        with pytest.raises(RunError, match="the number of epochs cannot be changed") as met:
            resume_run(run, **options)
        assert reason in str(met.value)
    resume_run(run)


@pytest.mark.parametrize(
    "overrides",
    [
        ["train.scheduler=CosineAnnealingLR", "train.scheduler_options={T_max: 7}"],
        ["train.scheduler=StepLR", "train.scheduler_options={step_size: 1}"],
        ["train.scheduler=ReduceLROnPlateau"],
        ["train.warmup_iterations=5"],
    ],
)
def test_another_schedule_is_extended(tmp_path: Path, overrides: list[str]) -> None:
    run = start_run(recipe(NUMBERS, *overrides), run_dir=tmp_path / "run")
    assert resume_run(run, epochs_more=1).train.epochs == 3


def test_the_named_recipe_has_to_be_that_of_the_run(run: RunFolder) -> None:
    assert check_same_recipe(run, recipe()) == []
    differing = recipe(NUMBERS, "train.lr=0.5", "train.epochs=9")
    assert check_same_recipe(run, differing) == ["train.lr: 0.01, not 0.5"]
    with pytest.raises(RunError, match="run: is a run of numbers, not of fizzbuzz"):
        check_same_recipe(run, load_recipe(find_recipe("fizzbuzz")))


@pytest.mark.parametrize(
    ("name", "processes", "command"),
    [
        ("fizzbuzz", 1, "wfctl train fizzbuzz --resume {run}"),
        ("fizzbuzz", 2, "wfctl train fizzbuzz --resume {run} --nproc 2"),
        ("numbers", 1, "wfctl train {run}/recipe.yaml --resume {run}"),
    ],
)
def test_how_to_go_on(run: RunFolder, name: str, processes: int, command: str) -> None:
    named: Recipe = recipe(NUMBERS, f"name={name}")
    assert how_to_go_on(named, run, processes) == command.format(run=run.path)


def test_the_environment_is_written(run: RunFolder) -> None:
    write_environment(run, torch.device("cpu"), processes=2, seed=3)
    environment = json.loads(run.environment_file.read_text())
    assert environment["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (environment["processes"], environment["seed"]) == (2, 3)
    assert environment["device"] == {"type": "cpu", "name": "cpu"}
    assert environment["torch_threads"] == torch.get_num_threads()
