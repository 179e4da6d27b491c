import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from wfctl.core.runs import RunFolder
from wfctl.models.trained import read_checkpoint
from wfctl.tests.helpers.commands import start, wfctl, write_recipe
from wfctl.tests.helpers.training import iterations_of
from wfctl.train.distributed import from_first, gathered, is_one_of_several, process_group

ON_CPU = ["--device", "cpu"]


def newest_state(run: RunFolder) -> dict[str, object]:
    return read_checkpoint(max(run.checkpoints.glob("*.pt")))


def wait_for_lines(path: Path, count: int) -> None:
    for _ in range(1200):
        if path.is_file() and len(path.read_text().splitlines()) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} has not got {count} lines")


def test_a_single_process_is_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_one_of_several()
    assert gathered({"a": 1}) == [{"a": 1}]
    assert from_first(lambda: 3) == 3
    with process_group("cpu") as device:
        assert device == torch.device("cpu")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not is_one_of_several()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert is_one_of_several()


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_only_two_go_on(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, training_metrics=["Accuracy"]))
    one, two = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two")
    alone = wfctl("train", recipe, *ON_CPU, "--run-dir", str(one.path), folder=tmp_path)
    together = wfctl("train", recipe, *ON_CPU, "--run-dir", str(two.path), "--nproc", "2",
                     folder=tmp_path)  # fmt: skip
    assert (alone.returncode, together.returncode) == (0, 0), together.stderr
    assert together.stdout == f"{two.path}\n"
    assert [line.split("  ")[0] for line in together.stderr.splitlines()] == [
        "epoch 1/2", "epoch 2/2"]  # fmt: skip

    for name, expected in newest_state(one)["model"].items():  # type: ignore[attr-defined]
        given = newest_state(two)["model"][name]  # type: ignore[index]
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-6)
    lines = [[json.loads(line) for line in run.metrics_file.read_text().splitlines()]
             for run in (one, two)]  # fmt: skip
    for given, expected in zip(*lines, strict=True):
        assert given.keys() == expected.keys()
        for key in given.keys() - {"split"}:
            assert given[key] == pytest.approx(expected[key], rel=1e-5)
    assert len(newest_state(two)["random"]) == 2  # type: ignore[arg-type]
    assert json.loads(two.environment_file.read_text())["processes"] == 2

    more = ["train", recipe, *ON_CPU, "--resume", str(two.path), "--epochs-more", "1"]
    refused = wfctl(*more, folder=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == ("wfctl: error: the checkpoint is of 2 processes, but there are 1; "
                              "resume with --nproc 2\n")  # fmt: skip
    assert wfctl(*more, "--nproc", "2", folder=tmp_path).returncode == 0
    assert iterations_of(two)[-1] == 24


CRASH = """
import os
def crash(trainer):
    if os.environ["RANK"] == "1":
        raise ZeroDivisionError("only the second process")
"""


@pytest.mark.slow
def test_the_crash_of_one_process_ends_all_with_its_error(tmp_path: Path) -> None:
    handler = {"call": "mine:crash", "event": "ITERATION_COMPLETED", "once": 11}
    recipe = write_recipe(tmp_path, module=CRASH, handlers=[handler])
    run = RunFolder(tmp_path / "run")
    ended = wfctl("train", str(recipe), *ON_CPU, "--run-dir", str(run.path), "--nproc", "2",
                  folder=tmp_path)  # fmt: skip
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "ZeroDivisionError: only the second process" in ended.stderr
    assert iterations_of(run) == [8]


@pytest.mark.slow
def test_wrong_recipes_and_devices_are_one_line(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, optimizer="Adm"))
    ended = wfctl("train", recipe, *ON_CPU, "--nproc", "2", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "torch.optim has no 'Adm' (did you mean 'Adam'?)" in ended.stderr
    ended = wfctl("train", recipe, "--device", "cuda:0", "--nproc", "2", folder=tmp_path)
    assert ended.returncode == 2
    assert "--device cuda:0: each process takes its own device; give --device cuda" in ended.stderr


@pytest.mark.slow
def test_a_signal_stops_all_at_one_iteration_and_saves_once(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, epochs=5000))
    run = RunFolder(tmp_path / "run")
    process = start("train", recipe, *ON_CPU, "--run-dir", str(run.path), "--nproc", "2",
                    folder=tmp_path)  # fmt: skip
    wait_for_lines(run.metrics_file, 2)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    (iteration,) = iterations_of(run)[-1:]
    assert err.splitlines()[-1] == (
        f"wfctl: error: stopped by SIGINT at iteration {iteration}; all is saved. Go on with: "
        f"wfctl train {run.recipe_file} --resume {run.path} --nproc 2"
    )


@pytest.mark.slow
def test_the_processes_end_with_the_one_that_launched_them(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, epochs=5000))
    run = RunFolder(tmp_path / "run")
    arguments = ["train", recipe, *ON_CPU, "--run-dir", str(run.path), "--nproc", "2"]
    process = start(*arguments, folder=tmp_path)
    wait_for_lines(run.metrics_file, 4)
    process.kill()
    process.communicate()
    before = iterations_of(run)[-1]
    resumed = wfctl("train", recipe, *ON_CPU, "--resume", str(run.path), "--nproc", "2",
                    "--stop-at", str(before + 40), folder=tmp_path)  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    assert iterations_of(run)[-1] == before + 40


@pytest.mark.slow
def test_torchrun(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path))
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "1", "--nproc_per_node",
               "2", "-m", "wfctl.cli.main", "train", recipe, *ON_CPU]  # fmt: skip
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120,
                           check=False)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (path,) = ended.stdout.splitlines()
    assert iterations_of(RunFolder(tmp_path / path))[-1] == 16
    assert len(newest_state(RunFolder(tmp_path / path))["random"]) == 2  # type: ignore[arg-type]
