import errno
import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest
import torch

from wfctl.cli.main import run as wfctl
from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.runs import RunFolder
from wfctl.models.trained import load_trained
from wfctl.tests.helpers.commands import start, write_recipe
from wfctl.tests.helpers.commands import wfctl as in_a_process
from wfctl.tests.helpers.training import PICTURES

FIZZBUZZ = ["train", "fizzbuzz", "--device", "cpu"]
SHORT = ["--set", "train.epochs=1", "--set", "train.loggers=[]", "--set", "train.report=false"]
NOTE = """
def note(trainer):
    with open("noted", "a") as stream:
        stream.write(f"{trainer.state.iteration} ")
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)


def iterations_of(run: str) -> list[int]:
    return [entry.iteration for entry in CheckpointIndex.read(Path(run) / "checkpoints").entries]


def test_train_prints_the_run_and_resume_goes_on_with_it(capsys: Captured) -> None:
    assert wfctl([*FIZZBUZZ, *SHORT, "--set", "train.epochs=2", "--stop-at", "3"]) == 0
    first = capsys.readouterr().out.strip()
    assert Path(first).parent == Path("runs/fizzbuzz")
    assert iterations_of(first) == [3]

    assert wfctl([*FIZZBUZZ, "--resume", "auto"]) == 0
    output = capsys.readouterr()
    assert output.out.strip() == first
    assert "going on behind iteration 3 (epoch 1)" in output.err
    assert "going on with the run's own train.loggers" not in output.err
    assert iterations_of(first)[-1] == 16

    assert wfctl([*FIZZBUZZ, "--resume", first]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"wfctl: error: {first}: has finished its 2 epochs; go on with --epochs-more N"
    )
    assert wfctl([*FIZZBUZZ, "--epochs-more", "1"]) == 0
    output = capsys.readouterr()
    assert output.out.strip() == first
    assert "epoch 3/3" in output.err
    assert iterations_of(first)[-1] == 24


def test_a_run_goes_on_with_its_own_recipe_and_says_so(capsys: Captured) -> None:
    changed = ["--set", "train.lr=0.05", "--stop-at", "2"]
    assert wfctl([*FIZZBUZZ, *SHORT, *changed]) == 0
    assert wfctl([*FIZZBUZZ, "--resume", "auto"]) == 0
    assert "going on with the run's own train.lr: 0.05, not 0.01" in capsys.readouterr().err
    assert wfctl([*FIZZBUZZ, "--resume", "auto", "--set", "train.lr=0.01"]) == 2
    assert "cannot be resumed with another recipe (train.lr: 0.05 -> 0.01)" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fizzbuzz", "--resume", "auto"], "there is no run of fizzbuzz under runs/"),
        (["fizzbuzz", "--epochs-more", "2"], "there is no run of fizzbuzz under runs/"),
        (["fizzbuzz", "--resume", "absent"], "absent: there is no such run folder"),
        (["fizzbuzz", "--resume", "auto", "--run-dir", "x"], "leave --run-dir out"),
        (["fizzbuzz", "--epochs-more", "0"], "0 is not in the range"),
        (["fizzbuz"], "unknown recipe 'fizzbuz' (did you mean 'fizzbuzz'?)"),
        (["fizzbuzz", "--device", "cpu:1"], "expected auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: Captured, arguments: list[str], message: str
) -> None:
    assert wfctl(["train", *arguments]) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_a_run_of_another_recipe_is_not_resumed(capsys: Captured) -> None:
    assert wfctl([*FIZZBUZZ, *SHORT, "--stop-at", "2"]) == 0
    run = capsys.readouterr().out.strip()
    assert wfctl(["train", "digits", "--resume", run]) == 2
    assert f"{run}: is a run of fizzbuzz, not of digits" in capsys.readouterr().err


def test_a_schedule_of_fixed_length_cannot_be_extended(capsys: Captured) -> None:
    schedule = ["--set", "train.scheduler=OneCycleLR",
                "--set", "train.scheduler_options={max_lr: 0.1}"]  # fmt: skip
    assert wfctl([*FIZZBUZZ, *SHORT, *schedule]) == 0
    assert wfctl([*FIZZBUZZ, "--epochs-more", "1"]) == 2
    assert "the number of epochs cannot be changed: OneCycleLR was laid out for 1 epochs" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_the_users_own_code_goes_on_from_the_run(tmp_path: Path) -> None:
    """Although the recipe's folder is gone."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    handler = {"call": "mine:note", "event": "ITERATION_COMPLETED", "every": 2}
    recipe = write_recipe(folder, module=NOTE, epochs=1, handlers=[handler])
    begun = in_a_process("train", str(recipe), "--device", "cpu", "--stop-at", "3", folder=tmp_path)
    run = begun.stdout.strip()
    (folder / "mine.py").unlink()
    on = ["train", f"{run}/recipe.yaml", "--device", "cpu", "--resume", run]
    assert in_a_process(*on, folder=tmp_path).returncode == 0
    assert (tmp_path / "noted").read_text() == "2 4 6 8 "


def test_a_full_disk_is_one_line_and_the_last_checkpoint_is_whole(capsys: Captured) -> None:
    large = ["--set", "model.options={hidden: 4000}", "--set", "train.epochs=3"]
    assert wfctl([*FIZZBUZZ, *SHORT, *large, "--stop-at", "9"]) == 0
    run = RunFolder(Path(capsys.readouterr().out.strip()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        assert wfctl([*FIZZBUZZ, "--resume", "auto"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (error,) = (line for line in capsys.readouterr().err.splitlines() if "error" in line)
    file = run.checkpoints / "epoch-0002-iteration-00000016.pt"
    assert error == f"wfctl: error: {os.strerror(errno.EFBIG).lower()}: {file}"
    assert iterations_of(str(run.path)) == [8, 9]
    assert load_trained(run).epoch == 1
    assert not list(run.path.rglob("*.tmp"))
    assert wfctl([*FIZZBUZZ, "--resume", "auto"]) == 0
    assert iterations_of(str(run.path))[-1] == 24


@pytest.mark.slow
def test_ctrl_c_with_worker_processes_saves_and_resumes(tmp_path: Path) -> None:
    """A terminal sends SIGINT to the workers, too."""
    data = PICTURES["data"] | {"workers": 2}
    recipe = str(write_recipe(tmp_path, PICTURES | {"data": data}, epochs=5000))
    arguments = ["train", recipe, "--device", "cpu", "--run-dir", "run"]
    process = start(*arguments, folder=tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not (metrics.is_file() and len(metrics.read_text().splitlines()) >= 2):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (last,) = iterations_of("run")[-1:]
    assert [line for line in err.splitlines() if not line.startswith("epoch")] == [
        f"wfctl: error: stopped by SIGINT at iteration {last}; all is saved. "
        "Go on with: wfctl train run/recipe.yaml --resume run"
    ]
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert len(epochs) == 2 * (last // 8)


@pytest.mark.slow
def test_two_trainings_in_one_run_folder_are_refused(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, epochs=5000))
    first = start("train", recipe, "--device", "cpu", "--run-dir", "run", folder=tmp_path)
    while not (tmp_path / "run" / "checkpoints" / "index.json").is_file():
        assert first.poll() is None
        time.sleep(0.05)
    try:
        second = start("train", recipe, "--device", "cpu", "--resume", "run", folder=tmp_path)
        _, err = second.communicate(timeout=60)
        assert second.returncode == 2
        assert err == (
            f"wfctl: error: run: process {first.pid} is training in this run folder; wait for it, "
            "or stop it first\n"
        )
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()
