"""`wfctl export` as its user meets it: what it prints, its exit code, and what a failure leaves."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wfctl.cli.main import run as wfctl
from wfctl.core.artifact import MANIFEST, Artifact
from wfctl.tests.helpers import digits_run

LIMIT_BYTES = 100_000  # less than the weights of digits


@pytest.fixture(scope="session")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run of digits. Copy it before changing it."""
    return digits_run.digits_run(tmp_path_factory)


@pytest.fixture
def run(shared_run: Path, tmp_path: Path) -> Path:
    """A copy of the run, without artifacts, under `runs/` of an own folder."""
    place = tmp_path / "runs/digits/2026-01-01T00-00-00Z"
    return Path(shutil.copytree(shared_run, place, ignore=shutil.ignore_patterns("export")))


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A file system of its own in `folder`, too small for a model."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={LIMIT_BYTES}", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """The system refuses to let a file grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_path_of_the_artifact_is_all_that_is_printed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shelf/digits"
    assert wfctl(["export", str(run), "--torchscript", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert set(Artifact.open(out).manifest.files) == {"model.torchscript.pt", "golden.npz"}
    assert not (run / "export").exists()


def test_the_newest_run_is_exported_when_none_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, run.parent / "2026-01-02T00-00-00Z")
    assert wfctl(["export", "--torchscript"]) == 0
    assert capsys.readouterr().out == "runs/digits/2026-01-02T00-00-00Z/export/digits\n"


def test_without_a_run_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wfctl(["export"]) == 2
    message = capsys.readouterr().err
    assert message == "wfctl: error: there is no run under runs/; `wfctl train` makes one\n"


def test_a_run_without_checkpoints_is_one_clear_line(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (run / "checkpoints").iterdir():
        file.unlink()
    assert wfctl(["export", str(run)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"wfctl: error: {run}/checkpoints: has no checkpoint; train until the first one is saved\n"
    )


def test_a_truncated_checkpoint_is_one_clear_line(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (run / "checkpoints").glob("*.pt"):
        os.truncate(file, file.stat().st_size // 2)
    assert wfctl(["export", str(run)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert ".pt: the checkpoint is damaged or missing" in output.err


def test_a_file_beyond_the_tolerance_fails_the_command_and_leaves_nothing(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = run / "recipe.yaml"
    text = recipe.read_text()
    recipe.write_text(text.replace("tolerance: 0.0001", "tolerance: 1.0e-12"))
    assert recipe.read_text() != text
    assert wfctl(["export", str(run), "--torchscript"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("wfctl: error: model.torchscript.pt: departs from the trained")
    assert output.err.count("\n") == 1
    assert list((run / "export").iterdir()) == []


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    with full_disk(full):
        assert wfctl(["export", str(run), "--torchscript", "--out", str(full / "digits")]) == 2
        assert list(full.iterdir()) == []
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("wfctl: error: no space left on device")
    assert output.err.count("\n") == 1


def test_a_file_that_the_system_will_not_write_keeps_the_earlier_artifact(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(run), "--torchscript", "--out", str(tmp_path / "shelf/digits")]
    assert wfctl(command) == 0
    before = Artifact.open(tmp_path / "shelf/digits").manifest
    capsys.readouterr()
    with largest_file(LIMIT_BYTES):
        assert wfctl(command) == 2
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "wfctl: error: file too large\n")
    assert Artifact.open(tmp_path / "shelf/digits").manifest == before
    assert list((tmp_path / "shelf").iterdir()) == [tmp_path / "shelf/digits"]


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_that_looks_like_an_artifact(
    run: Path, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    command = [sys.executable, "-m", "wfctl.cli.main", "export", str(run), "--out"]
    process = subprocess.Popen([*command, str(shelf / "digits")], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (shelf.is_dir() and any(shelf.iterdir())):  # until it has begun to write
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert all(left.name.startswith(".") for left in shelf.iterdir())
    assert not list(shelf.rglob(MANIFEST))
    assert wfctl(["export", str(run), "--torchscript", "--out", str(shelf / "digits")]) == 0
    Artifact.open(shelf / "digits")
