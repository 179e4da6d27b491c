from pathlib import Path

import pytest
import torch

from wfctl.core.errors import CheckFailed
from wfctl.tests.helpers.commands import wfctl, write_recipe
from wfctl.tests.helpers.training import NUMBERS, PICTURES, recipe, train_new
from wfctl.train.verify_resume import Kill, Plan, compare_runs, leaves, make_plan


@pytest.mark.parametrize(
    ("epoch_length", "accumulate", "iterations", "plan"),
    [
        (8, 1, None, Plan(16, every=4, epochs=2, kills=(Kill(4, 7), Kill(8, 11)))),
        (23, 1, None, Plan(46, every=11, epochs=2, kills=(Kill(11, 14), Kill(23, 26)))),
        (24, 4, None, Plan(48, every=13, epochs=2, kills=(Kill(13, 16), Kill(24, 26)))),
        (2, 1, None, Plan(4, every=1, epochs=2, kills=(Kill(1, 2), Kill(2, 3)))),
        (1, 1, None, Plan(2, every=1, epochs=2, kills=(Kill(1, 2),))),
        (5000, 1, None, Plan(20, every=10, epochs=2, kills=(Kill(10, 13),))),
        (8, 1, 1, Plan(2, every=1, epochs=2, kills=(Kill(1, 2),))),
        (8, 1, 8, Plan(16, every=8, epochs=2, kills=(Kill(8, 11),))),
        (8, 1, 20, Plan(40, every=20, epochs=5, kills=(Kill(20, 23),))),
        (8, 1, 7, Plan(14, every=7, epochs=2, kills=(Kill(7, 8),))),
    ],
)
def test_the_plan(epoch_length: int, accumulate: int, iterations: int | None, plan: Plan) -> None:
    assert make_plan(epoch_length, 2, accumulate, iterations) == plan


@pytest.mark.parametrize("epoch_length", range(1, 40))
@pytest.mark.parametrize("iterations", [None, 1, 5, 13])
def test_a_kill_comes_behind_its_checkpoint_and_before_the_next(
    epoch_length: int, iterations: int | None
) -> None:
    plan = make_plan(epoch_length, 1, 1, iterations)
    for kill in plan.kills:
        assert kill.checkpoint % plan.every == 0 or kill.checkpoint % epoch_length == 0
        between = range(kill.checkpoint + 1, kill.at)
        assert not any(each % plan.every == 0 or each % epoch_length == 0 for each in between)
        assert kill.checkpoint < kill.at <= plan.iterations
    assert plan.epochs * epoch_length >= plan.iterations


def test_the_epochs_of_the_recipe_are_kept_for_its_schedule() -> None:
    assert make_plan(8, epochs=300, accumulate=1, iterations=None).epochs == 300


def test_every_value_of_a_state_is_told_apart() -> None:
    state = {"a": [torch.zeros(2), 0.1], "b": {"c": None, "words": [1, 2]}, "d": (1, "x", True)}
    assert dict(leaves(state)).keys() == {"a.0", "a.1", "b.c", "b.words", "d.0", "d.1", "d.2"}
    for other in (
        {"a": [torch.tensor([0.0, -0.0]), 0.1]}, {"a": [torch.zeros(2).double(), 0.1]},
        {"a": [torch.zeros(2, 1), 0.1]}, {"a": [torch.zeros(2), 0.1 + 2**-56]},
        {"b": {"c": 0, "words": [1, 2]}}, {"b": {"c": None, "words": [2, 1]}},
        {"d": (1, "y", True)},
    ):  # fmt: skip
        assert dict(leaves(state | other)) != dict(leaves(state))
    assert dict(leaves(torch.tensor(2.0)))  # a scalar
    assert dict(leaves(torch.zeros(4, 6)[:, ::2])) == dict(leaves(torch.zeros(4, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.seed=4", "at iteration 1, samples is [0-9a-f]{12}, not [0-9a-f]{12}"),
        ("train.lr=0.02", "at iteration 2, loss is 0x1"),
        ("model.options={hidden: 17}", "at iteration 1, loss is 0x"),
        ("train.ema_decay=0.5", "metrics.jsonl has"),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, change: str, message: str) -> None:
    first = train_new(recipe(), tmp_path / "first")
    other = train_new(recipe(NUMBERS, change), tmp_path / "other")
    with pytest.raises(CheckFailed, match=f"^resuming does not equal not stopping: .*{message}"):
        compare_runs(first, other, 16)


def test_a_training_that_does_not_repeat_itself_is_told_from_one_that_does_not_resume(
    tmp_path: Path,
) -> None:
    first = train_new(recipe(), tmp_path / "first")
    other = train_new(recipe(NUMBERS, "train.lr=0.02"), tmp_path / "other")
    twice = r"^training twice gives two results, before any stop: at iteration 2, loss is 0x1"
    with pytest.raises(CheckFailed, match=twice):
        compare_runs(first, other, 16, stopped_behind=2)


def test_a_difference_of_the_last_state_alone_is_named(tmp_path: Path) -> None:
    """Of a part that does not come to bear on any loss in time."""
    first = train_new(recipe(NUMBERS, "train.early_stopping=5"), tmp_path / "first")
    other = train_new(recipe(), tmp_path / "other")
    with pytest.raises(CheckFailed, match=r"iteration 16, early_stopping.counter is missing, not"):
        compare_runs(first, other, 16)


SECRET = """
import torch
from wfctl.tests.helpers.parts import SecretlyStateful
"""


@pytest.mark.slow
def test_a_transform_with_a_secret_state_fails(tmp_path: Path) -> None:
    """Its generator goes on in the process that is not stopped, and begins anew in the other."""
    planted = PICTURES["data"] | {"source": "mine:SecretlyStateful"}
    path = write_recipe(tmp_path, PICTURES | {"data": planted}, module=SECRET)
    ended = wfctl("verify-resume", str(path), "--device", "cpu", "--iterations", "5",
                  "--keep", str(tmp_path / "kept"), folder=tmp_path)  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    assert "at iteration 6, inputs is" in ended.stderr.splitlines()[-1]
    runs = {folder.name for folder in (tmp_path / "kept").iterdir()}
    assert runs == {"uninterrupted", "interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_real_processes_killed_and_resumed_equal_one_that_was_not(
    tmp_path: Path, processes: int
) -> None:
    path = write_recipe(
        tmp_path, NUMBERS | {"model": {"name": "wfctl.tests.helpers.parts:DropoutMlp"}},
        ema_decay=0.9, accumulate=3, training_metrics=["Accuracy", "RunningAverage"],
    )  # fmt: skip
    ended = wfctl("verify-resume", str(path), "--device", "cpu", "--nproc", str(processes),
                  folder=tmp_path)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0] == "equal"
    for compared in ("16  iterations", "weights and buffers", "averaged weights", "random state",
                     "optimizer", "metrics in flight", "gradients in flight"):  # fmt: skip
        assert compared in ended.stdout
    assert "killed behind iteration 7 (checkpoint of 4)" in ended.stderr
