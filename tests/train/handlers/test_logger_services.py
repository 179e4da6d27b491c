"""The services themselves, each where it is installed; all of them without network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Run by a Python of its own: these packages change the process that imports them. Anything that
# looks up or connects to another machine is an error.
GUARDED = """
import sys
def refuse(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect"
                                         and isinstance(arguments[1], tuple)):
        print("NETWORK", event, arguments[1:], file=sys.stderr)
sys.addaudithook(refuse)
from wfctl.cli.main import main
main()
"""


def wfctl(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    chosen = {name: value for name, value in os.environ.items()
              if not name.startswith(("WANDB_", "MLFLOW_", "CLEARML_"))}  # fmt: skip
    command = [sys.executable, "-c", GUARDED, *arguments]
    return subprocess.run(
        command, cwd=folder, env=chosen, capture_output=True, text=True, timeout=240, check=False
    )


def train_and_resume(logger: str, folder: Path) -> Path:
    """Two epochs, then two more of the same run."""
    run = folder / "run"
    given = ("--set", f"train.loggers=[{logger}]", "--set", "train.log_every=4")
    first = wfctl("train", "fizzbuzz", *given, "--set", "train.epochs=2", "--run-dir", str(run),
                  folder=folder)  # fmt: skip
    second = wfctl("train", "fizzbuzz", "--resume", str(run), "--set", "train.epochs=4",
                   folder=folder)  # fmt: skip
    for done in (first, second):
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{run}\n"
        assert "NETWORK" not in done.stderr
    return run


def losses_of(run: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {line["iteration"]: line["loss"] for line in lines if line["split"] == "train"}


@pytest.mark.slow
def test_mlflow_has_one_run_with_every_point_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the extra loggers")
    run = train_and_resume("mlflow", tmp_path)
    read = (
        "import json, mlflow; client = mlflow.MlflowClient()\n"
        f"run = json.load(open({str(run / 'loggers.json')!r}))['mlflow']\n"
        "print(json.dumps({name: [(point.step, point.value) for point in "
        "client.get_metric_history(run, name)] for name in ('train/loss', 'iteration/loss')}))"
    )
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", read], cwd=tmp_path, capture_output=True,
                          env=environment, text=True, timeout=120, check=True)  # fmt: skip
    curves = json.loads(done.stdout)
    assert dict(curves["train/loss"]) == pytest.approx(losses_of(run))
    assert len(curves["train/loss"]) == 4
    assert [step for step, _ in curves["iteration/loss"]] == [4, 8, 12, 16, 20, 24, 28, 32]


@pytest.mark.slow
def test_wandb_stays_in_the_run_folder(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra loggers")
    run = train_and_resume("wandb", tmp_path)
    identity = json.loads((run / "loggers.json").read_text())["wandb"]
    folders = list((run / "wandb").glob(f"offline-run-*-{identity}"))
    assert len(folders) == 2
    assert all(list(folder.glob("run-*.wandb")) for folder in folders)


@pytest.mark.slow
def test_clearml_stays_in_the_run_folder(tmp_path: Path) -> None:
    pytest.importorskip("clearml", reason="needs the extra loggers")
    run = train_and_resume("clearml", tmp_path)
    files = sorted((run / "clearml" / "offline").glob("*/metrics.jsonl"))
    assert len(files) == 2
    assert all("loss" in file.read_text() for file in files)


def test_visdom_without_a_server_fails_before_the_first_batch(tmp_path: Path) -> None:
    pytest.importorskip("visdom", reason="needs the extra visdom")
    given = ("--set", "train.loggers=[visdom]", "--run-dir", str(tmp_path / "run"))
    done = wfctl("train", "fizzbuzz", *given, folder=tmp_path)
    assert done.returncode == 2
    assert "train.loggers: there is no Visdom server at http://localhost:8097" in done.stderr
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
