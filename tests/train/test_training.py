"""Every key of `train` in a real, short training, by what it leaves behind."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.errors import CheckFailed, RecipeError
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.models.trained import load_trained, read_checkpoint
from wfctl.train.check import check_recipe
from wfctl.train.run import train
from wfctl.train.run_folder import start_run

QUICK = ("train.epochs=2", "train.loggers=[]", "train.report=false", "data.batch_size=256")
Train = Callable[..., RunFolder]


@pytest.fixture
def run(tmp_path: Path) -> Train:
    def run(*overrides: str, recipe: str = "fizzbuzz", name: str = "run") -> RunFolder:
        chosen = load_recipe(find_recipe(recipe), (*QUICK, *overrides))
        folder = start_run(chosen, run_dir=tmp_path / name)
        train(chosen, folder, torch.device("cpu"))
        return folder

    return run


def last_state(folder: RunFolder) -> dict[str, object]:
    last = CheckpointIndex.read(folder.checkpoints).last
    assert last is not None
    return read_checkpoint(folder.checkpoints / last)


def metrics(folder: RunFolder, split: str) -> list[dict[str, float]]:
    lines = map(json.loads, folder.metrics_file.read_text().splitlines())
    return [line for line in lines if line["split"] == split]


def test_the_average_of_the_weights_is_what_is_exported(run: Train) -> None:
    folder = run("train.ema_decay=0.9")
    state = last_state(folder)
    raw, average = state["model"], state["ema"]
    assert isinstance(raw, dict)
    assert isinstance(average, dict)
    name = "layers.0.weight"
    assert not torch.equal(raw[name], average[name])
    best = CheckpointIndex.read(folder.checkpoints).best_whole(folder.checkpoints)
    expected = read_checkpoint(folder.checkpoints / best.file)["ema"][name]
    assert torch.equal(
        dict(load_trained(folder).pipeline.network.named_parameters())[name], expected
    )


def test_training_ends_when_the_score_stays(run: Train) -> None:
    folder = run("train.epochs=50", "train.early_stopping=3", "train.lr=1e-9")
    assert [line["epoch"] for line in metrics(folder, "test")] == [1, 2, 3, 4]


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(run: Train) -> None:
    with pytest.raises(CheckFailed, match="no longer a finite number") as caught:
        run("train.optimizer=SGD", "train.lr=1e30", "train.epochs=9")
    assert "Try a lower train.lr" in str(caught.value)


def test_named_metrics_of_both_splits_are_logged(run: Train) -> None:
    folder = run(
        "train.metrics=[Accuracy,Loss,Precision,Recall,TopKCategoricalAccuracy,ConfusionMatrix]",
        "train.training_metrics=[Accuracy,RunningAverage]",
    )
    held_out, training = metrics(folder, "test")[-1], metrics(folder, "train")[-1]
    assert {"accuracy", "loss", "precision", "recall", "top_k_categorical_accuracy"} <= set(
        held_out
    )
    assert torch.tensor(held_out["confusion_matrix"]).sum() == 100
    assert {"loss", "accuracy", "running_average"} <= set(training)


def test_the_score_may_be_one_of_which_less_is_better(run: Train) -> None:
    folder = run("train.score=loss", "train.epochs=4", "train.checkpoint.keep=9")
    index = CheckpointIndex.read(folder.checkpoints)
    losses = {line["epoch"]: line["loss"] for line in metrics(folder, "test")}
    best = index.entry(index.best)
    assert best is not None
    assert losses[best.epoch] == min(losses.values())


@pytest.mark.parametrize(
    "override",
    [
        "train.amp=bf16",
        "train.clip_norm=1.0",
        "train.accumulate=2",
        "train.scheduler=CosineAnnealingLR",
        "train.scheduler=ReduceLROnPlateau",
        "train.warmup_iterations=3",
        "train.optimizer=AdamW",
        "train.lr_by_part={layers.0: 1e-4}",
        "train.deterministic=true",
        "data.sampler=weighted",
        "data.workers=1",
    ],
)
def test_training_learns_with(override: str, run: Train) -> None:
    try:
        folder = run(override, "train.epochs=6")
    finally:
        torch.use_deterministic_algorithms(False)
    losses = [line["loss"] for line in metrics(folder, "train")]
    assert losses[-1] < losses[0]


def test_channels_last_gives_the_same_model(run: Train) -> None:
    plain = run(recipe="digits", name="plain")
    last = run("train.channels_last=true", recipe="digits", name="last")
    ours, theirs = metrics(last, "val")[-1]["loss"], metrics(plain, "val")[-1]["loss"]
    assert ours == pytest.approx(theirs, rel=0.05)


@pytest.mark.slow
def test_a_compiled_step_gives_the_same_model(run: Train) -> None:
    plain, compiled = run(name="plain"), run("train.compile=true", name="compiled")
    ours, theirs = metrics(compiled, "test")[-1]["loss"], metrics(plain, "test")[-1]["loss"]
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert set(last_state(compiled)["model"]) == set(last_state(plain)["model"])  # type: ignore[call-overload]


STEP = """
from wfctl.train.step import StepOutput

def make_step(network, optimizer, loss, device):
    def step(engine, batch):
        optimizer.zero_grad()
        predictions = network(batch.inputs)
        value = 2 * loss(predictions, batch.targets)
        value.backward()
        optimizer.step()
        return StepOutput(value.detach(), predictions.detach(), batch.targets)
    return step
"""


def test_a_step_of_the_users_own(
    run: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_step_for_test.py").write_text(STEP)
    monkeypatch.syspath_prepend(str(tmp_path))
    own = run("train.step=own_step_for_test:make_step", "train.lr=1e-9", name="own")
    plain = run("train.lr=1e-9", name="plain")
    doubled, single = metrics(own, "train")[0]["loss"], metrics(plain, "train")[0]["loss"]
    assert doubled == pytest.approx(2 * single, rel=1e-3)
    monkeypatch.delitem(sys.modules, "own_step_for_test")


def test_all_faults_of_a_recipe_come_at_once() -> None:
    recipe = load_recipe(
        find_recipe("digits"),
        [
            "model.options.wdth=3", "train.optimizer=Adan", "train.scheduler=StepLRR",
            "train.metrics=[Acuracy]", "augment=[RandomHorizontalFlp]", "data.source=digitts",
        ],
    )  # fmt: skip
    with pytest.raises(RecipeError) as caught:
        check_recipe(recipe)
    for name in ("'digits'", "'width'", "'Adam'", "'StepLR'", "'Accuracy'", "RandomHorizontalFlip"):
        assert f"did you mean {name}" in str(caught.value) or name in str(caught.value)
    assert len(caught.value.faults) == 6
