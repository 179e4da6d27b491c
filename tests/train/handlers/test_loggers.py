import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from wfctl.cli.main import run as wfctl
from wfctl.core.errors import MissingDependency
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.train.checkpoint import CheckpointStore
from wfctl.train.handlers.loggers import check_loggers, learning_rates, split_scalars
from wfctl.train.handlers.tensorboard import TensorBoard
from wfctl.train.run import train
from wfctl.train.run_folder import resume_run, start_run

CPU = torch.device("cpu")
OPTIONAL = ("mlflow", "wandb", "visdom", "clearml")


def train_run(folder: Path, *overrides: str, stop_at: int | None = None) -> RunFolder:
    recipe = load_recipe(find_recipe("fizzbuzz"), ("train.report=false", *overrides))
    run = start_run(recipe, run_dir=folder)
    train(recipe, run, CPU, stop_at=stop_at)
    return run


def read_curves(run: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """Every curve of a run's event files, as TensorBoard itself reads them."""
    module = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    events = module.EventAccumulator(str(run.path / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {
        name: [(point.step, point.value) for point in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def read_metrics(run: RunFolder, split: str, name: str) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    return [(line["iteration"], line[name]) for line in lines if line["split"] == split]


def test_tensorboard_is_on_by_default_and_has_what_metrics_jsonl_has(tmp_path: Path) -> None:
    run = train_run(tmp_path / "run", "train.epochs=3", "train.log_every=4")
    curves = read_curves(run)
    assert set(curves) == {
        "iteration/loss", "iteration/learning_rate", "train/loss", "test/accuracy", "test/loss"
    }  # fmt: skip
    for split, name in (("train", "loss"), ("test", "accuracy"), ("test", "loss")):
        expected = read_metrics(run, split, name)
        assert [step for step, _ in curves[f"{split}/{name}"]] == [step for step, _ in expected]
        values = [value for _, value in curves[f"{split}/{name}"]]
        assert values == pytest.approx([value for _, value in expected], rel=1e-6)
    assert [step for step, _ in curves["iteration/loss"]] == [4, 8, 12, 16, 20, 24]


def test_the_learning_rate_is_that_of_its_iteration(tmp_path: Path) -> None:
    schedule = ("train.scheduler=StepLR", "train.scheduler_options={step_size: 1, gamma: 0.5}")
    given = ("train.epochs=1", "train.log_every=1", "train.scheduler_step=iteration", *schedule)
    run = train_run(tmp_path / "run", *given)
    rates = [value for _, value in read_curves(run)["iteration/learning_rate"]]
    assert rates == pytest.approx([1e-2 * 0.5**step for step in range(len(rates))])


def test_a_resumed_run_goes_on_without_doubled_points(tmp_path: Path) -> None:
    """As behind a SIGKILL: events were written that lie behind the newest checkpoint."""
    given = ("train.epochs=4", "train.log_every=1")
    whole = train_run(tmp_path / "whole", *given)
    run = train_run(tmp_path / "run", *given, stop_at=16)
    stale = TensorBoard(load_recipe(run.recipe_file), run, 16)
    for iteration in range(17, 22):
        stale.write({"iteration/loss": -1.0, "train/loss": -1.0}, iteration)
    stale.close()
    train(resume_run(run), run, CPU)
    assert read_curves(run) == read_curves(whole)


def test_every_point_is_on_disk_before_its_checkpoint_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    save = CheckpointStore.save

    def save_and_look(self: Any, *arguments: Any) -> Any:
        curves = read_curves(RunFolder(tmp_path / "run"))
        seen.append(max(step for step, _ in curves["iteration/loss"]))
        return save(self, *arguments)

    monkeypatch.setattr(CheckpointStore, "save", save_and_look)
    train_run(tmp_path / "run", "train.epochs=2", "train.log_every=1")
    assert seen == [8, 16]


def test_no_loggers_leave_nothing(tmp_path: Path) -> None:
    run = train_run(tmp_path / "run", "train.epochs=1", "train.loggers=[]")
    assert not (run.path / "tensorboard").exists()


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_logger_that_is_not_installed_fails_before_anything_is_made(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec(name) is not None:
        pytest.skip(f"{name} is installed here")
    folder = tmp_path / "run"
    arguments = ["train", "fizzbuzz", "--set", f"train.loggers=[{name}]", "--run-dir", str(folder)]
    assert wfctl(arguments) == 2
    extra = "visdom" if name == "visdom" else "loggers"
    assert capsys.readouterr().err == (
        f"wfctl: error: train.loggers: {name} is not installed: pip install 'wfctl[{extra}]', or "
        "leave it out of train.loggers\n"
    )
    assert not folder.exists()


def test_installed_loggers_pass_without_being_imported() -> None:
    check_loggers(["tensorboard"])
    with pytest.raises(MissingDependency, match="no_such_logger is not installed"):
        check_loggers(["tensorboard", "no_such_logger"])


def test_a_logger_that_fails_is_named_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("the server is gone")

    monkeypatch.setattr(TensorBoard, "write", fail)
    run = train_run(tmp_path / "run", "train.epochs=2", "train.log_every=1")
    assert len(run.metrics_file.read_text().splitlines()) == 4
    error = capsys.readouterr().err
    assert error.count("tensorboard: no longer logs (ConnectionError: the server is gone)") == 1


def test_learning_rates_of_several_groups_are_told_apart() -> None:
    one, two = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    assert learning_rates(torch.optim.SGD([one], lr=0.5)) == {"iteration/learning_rate": 0.5}
    groups = [{"params": [one], "lr": 0.1}, {"params": [two], "lr": 0.2, "name": "head"}]
    assert learning_rates(torch.optim.SGD(groups)) == {
        "iteration/learning_rate/0": 0.1,
        "iteration/learning_rate/head": 0.2,
    }


def test_a_list_gives_a_scalar_a_class_and_a_table_none() -> None:
    metrics: dict[str, Any] = {"loss": 0.5, "iou": [0.25, 0.75], "confusion_matrix": [[1], [2]]}
    assert split_scalars("val", metrics) == {"val/loss": 0.5, "val/iou/0": 0.25, "val/iou/1": 0.75}
