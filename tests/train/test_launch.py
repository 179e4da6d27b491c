import os
import signal
import sys
from pathlib import Path

import pytest

from wfctl.train.launch import command_line, launch


def test_the_command_of_another_process() -> None:
    assert command_line(["train", "digits"]) == [
        sys.executable, "-P", "-m", "wfctl.cli.main", "train", "digits"]  # fmt: skip


def test_the_first_process_prints_the_result(capfd: pytest.CaptureFixture[str]) -> None:
    assert launch(["--version"], processes=2) == 0
    output = capfd.readouterr()
    assert output.out.startswith("wfctl ")
    assert output.out.count("\n") == 1
    assert output.err == ""


def test_an_error_that_all_have_is_shown_once(capfd: pytest.CaptureFixture[str]) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert launch(["recipes", "--jsn"], processes=2) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


ONLY_ONE = """
import os, signal, sys
if os.environ["RANK"] == "1":
    {act}
import time
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("act", "code", "message"),
    [
        ("print('boom', file=sys.stderr); sys.exit(3)", 3, "boom\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "wfctl: process 1 was ended by SIGKILL\n"),
    ],
)
def test_the_failure_of_one_ends_all_and_is_shown(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    act: str,
    code: int,
    message: str,
) -> None:
    from wfctl.train import launch as module

    script = [sys.executable, "-c", ONLY_ONE.format(act=act)]
    monkeypatch.setattr(module, "command_line", lambda _arguments: script)
    monkeypatch.setattr(module, "GRACE_S", 0.1)
    assert launch([], processes=2) == code
    assert capfd.readouterr().err == message


def test_what_one_does_behind_the_end_of_the_first_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All was saved by then: an abort while Python ends is no failed training."""
    from wfctl.train import launch as module

    script = "import os; os.environ['RANK'] == '1' and os.abort()"
    monkeypatch.setattr(module, "command_line", lambda _arguments: [sys.executable, "-c", script])
    assert launch([], processes=2) == 0


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from wfctl.train import launch as module

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    environment = module._environment(1, 2, tmp_path)
    assert environment["OMP_NUM_THREADS"] == "4"
    assert (environment["RANK"], environment["WORLD_SIZE"]) == ("1", "2")
    assert "SLURM_JOB_ID" not in environment
    assert environment["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert module._environment(0, 2, tmp_path)["OMP_NUM_THREADS"] == "1"
