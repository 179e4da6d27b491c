"""Resuming equals not having stopped, with every part of training that has a state."""

import json
from pathlib import Path

import pytest
import torch

from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.errors import CheckFailed, RunError
from wfctl.tests.helpers.training import (
    CRASH,
    NUMBERS,
    PICTURES,
    iterations_of,
    recipe,
    train_new,
    train_on,
    train_with_crash,
)
from wfctl.train.verify_resume import compare_runs

DRAW = "wfctl.tests.helpers.parts:draw"
DROPOUT = "model.name=wfctl.tests.helpers.parts:DropoutMlp"
AUGMENT = "augment=[RandomHorizontalFlip, {RandomAffine: {degrees: 20}}]"
CASES = {
    "plain": (NUMBERS, []),
    "dropout and batch norm": (NUMBERS, [DROPOUT]),
    "average of weights": (NUMBERS, ["train.ema_decay=0.9", DROPOUT]),
    "weighted sampler": (NUMBERS, ["data.sampler=weighted"]),
    "within an accumulation": (NUMBERS, ["train.accumulate=3", "train.clip_norm=0.5"]),
    "momentum": (NUMBERS, ["train.optimizer=SGD", "train.optimizer_options={momentum: 0.9}"]),
    "warm-up": (NUMBERS, ["train.scheduler=CosineAnnealingLR", "train.scheduler_step=iteration",
                          "train.warmup_iterations=6"]),
    "one cycle": (NUMBERS, ["train.scheduler=OneCycleLR", "train.scheduler_step=iteration",
                            "train.scheduler_options={max_lr: 0.1}"]),
    "plateau": (NUMBERS, ["train.scheduler=ReduceLROnPlateau",
                          "train.scheduler_options={patience: 0}"]),
    "metrics in flight": (NUMBERS, ["train.training_metrics=[Accuracy, RunningAverage, Precision, "
                                    "Recall, IoU, mIoU, ConfusionMatrix, Loss]"]),
    "early stopping": (NUMBERS, ["train.early_stopping=2"]),
    "16 bits": (NUMBERS, ["train.amp=bf16"]),
    "handlers that draw": (NUMBERS, [DROPOUT, "train.handlers=" + json.dumps(
        [CRASH] + [{"call": DRAW, "event": event}
                   for event in ("STARTED", "EPOCH_STARTED", "EPOCH_COMPLETED")])]),
    "augmentation": (PICTURES, [AUGMENT]),
    "augmentation in workers": (PICTURES, [AUGMENT, "data.workers=2", "data.sampler=weighted"]),
    "random data": (PICTURES, ["data.options={noisy: true}"]),
    "random data in workers": (PICTURES, ["data.options={noisy: true}", "data.workers=2"]),
    "step with a state": (NUMBERS, ["train.step=wfctl.tests.helpers.parts:NoisyStep"]),
    "last batches of an epoch": (NUMBERS, ["data.batch_size=100", "train.accumulate=4"]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "overrides"), CASES.values(), ids=CASES.keys())
def test_resuming_in_the_middle_of_an_epoch_equals_not_having_stopped(
    tmp_path: Path, values: dict[str, object], overrides: list[str]
) -> None:
    whole = train_new(recipe(values, *overrides), tmp_path / "whole")
    saving = recipe(values, *overrides, "train.checkpoint.every=5")
    parted = train_with_crash(saving, tmp_path / "parted", at=14)
    assert iterations_of(parted)[-1] == 10
    train_on(parted)
    iterations = iterations_of(whole)[-1]
    compared = compare_runs(whole, parted, iterations)
    assert compared["iterations (samples, inputs, loss)"] == iterations
    best = [CheckpointIndex.read(run.checkpoints).best for run in (whole, parted)]
    assert best[0] == best[1]


def test_a_state_that_is_not_saved_is_noticed(tmp_path: Path) -> None:
    forgetful = ["train.step=wfctl.tests.helpers.parts:ForgetfulStep", "train.checkpoint.every=5"]
    whole = train_new(recipe(NUMBERS, *forgetful), tmp_path / "whole")
    parted = train_with_crash(recipe(NUMBERS, *forgetful), tmp_path / "parted", at=13)
    train_on(parted)
    with pytest.raises(CheckFailed, match="at iteration 11, loss is 0x1"):
        compare_runs(whole, parted, 16)


def test_a_second_crash_and_one_at_an_end_of_an_epoch(tmp_path: Path) -> None:
    parts = [DROPOUT, "train.ema_decay=0.9", "train.early_stopping=9", "train.checkpoint.every=3"]
    whole = train_new(recipe(NUMBERS, *parts), tmp_path / "whole")
    parted = train_with_crash(recipe(NUMBERS, *parts), tmp_path / "parted", at=8)
    train_on(parted)
    compare_runs(whole, parted, 16)


def test_a_crash_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    whole = train_new(recipe(), tmp_path / "whole")
    parted = train_with_crash(recipe(), tmp_path / "parted", at=5)
    assert iterations_of(parted) == []
    train_on(parted)
    compare_runs(whole, parted, 16)


def test_order_does_not_depend_on_workers_nor_on_validation(tmp_path: Path) -> None:
    """Both runs see the same inputs and so end with the same weights."""
    noisy = ["data.options={noisy: true}", AUGMENT]
    alone = train_new(recipe(PICTURES, *noisy), tmp_path / "alone")
    helped = train_new(recipe(PICTURES, *noisy, "data.workers=2"), tmp_path / "helped")
    compare_runs(alone, helped, 16)


def test_more_epochs_equal_as_many_from_the_start(tmp_path: Path) -> None:
    whole = train_new(recipe(NUMBERS, DROPOUT, "train.epochs=3"), tmp_path / "whole")
    shorter = train_new(recipe(NUMBERS, DROPOUT, "train.epochs=1"), tmp_path / "shorter")
    train_on(shorter, epochs_more=2)
    compare_runs(whole, shorter, 24)
    assert "epochs: 3" in shorter.recipe_file.read_text()


def test_a_finished_run_says_so(tmp_path: Path) -> None:
    run = train_new(recipe(NUMBERS, "train.epochs=1"), tmp_path / "run")
    before = run.recipe_file.read_text()
    with pytest.raises(RunError, match=r"run: has finished its 1 epochs; go on with --epochs-more"):
        train_on(run)
    assert run.recipe_file.read_text() == before


def test_a_run_that_stopped_early_says_so_and_goes_on_when_asked(tmp_path: Path) -> None:
    patient = "train.early_stopping=1"
    run = train_new(recipe(NUMBERS, patient, "train.lr=1e-9", "train.epochs=9"), tmp_path / "run")
    assert iterations_of(run)[-1] == 16
    with pytest.raises(RunError, match="has stopped early, 1 epochs without a better") as met:
        train_on(run)
    assert str(met.value).endswith("go on with --set train.early_stopping=N, N above 1")
    train_on(run, ["train.early_stopping=2"])
    assert iterations_of(run)[-1] == 24


def growing_rate(gamma: str) -> list[str]:
    """The rate is multiplied behind the first epoch, which is iteration 8."""
    return ["train.scheduler=StepLR", f"train.scheduler_options={{step_size: 1, gamma: {gamma}}}"]


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    """It is seen although the epoch is shorter than the pause between two looks."""
    with pytest.raises(CheckFailed, match=r"loss is no longer a finite number \(noticed at iter"):
        train_new(recipe(NUMBERS, *growing_rate("1.0e+35")), tmp_path / "run")
    index = CheckpointIndex.read(tmp_path / "run" / "checkpoints")
    assert [entry.iteration for entry in index.entries] == [8]
    file = tmp_path / "run" / "checkpoints" / index.entries[0].file
    weights = torch.load(file, weights_only=True)["model"].values()
    assert all(torch.isfinite(weight).all() for weight in weights)


def test_a_weight_that_is_no_number_is_not_saved(tmp_path: Path) -> None:
    """The loss of iteration 9 is finite: the step behind it spoils the weights."""
    overrides = ["train.step=wfctl.tests.helpers.parts:SpoilingStep", "train.checkpoint.every=9"]
    with pytest.raises(CheckFailed, match="a weight is no longer a finite number at iteration 9"):
        train_new(recipe(NUMBERS, *overrides), tmp_path / "run")
    index = CheckpointIndex.read(tmp_path / "run" / "checkpoints")
    assert [entry.iteration for entry in index.entries] == [8]
