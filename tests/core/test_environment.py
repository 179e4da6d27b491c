import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from wfctl import __version__
from wfctl.core import environment
from wfctl.core.environment import describe_environment, git_commit, version_of, versions


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return tmp_path


def test_versions_of_what_is_installed() -> None:
    found = versions(("wfctl", "numpy", "no-such-package"))
    assert found == {
        "python": platform.python_version(),
        "wfctl": __version__,
        "numpy": version("numpy"),
    }


def test_version_of_what_is_not_installed() -> None:
    assert version_of("no-such-package") is None


def test_commit_of_a_clean_checkout(checkout: Path) -> None:
    assert git_commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_commit_with_changes_has_a_plus(checkout: Path) -> None:
    (checkout / "file").write_text("two")
    assert git_commit(checkout) == git(checkout, "rev-parse", "HEAD") + "+"


def test_untracked_files_are_no_change(checkout: Path) -> None:
    (checkout / "other").write_text("x")
    assert git_commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_no_commit_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit(tmp_path) is None


def test_no_commit_without_git(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_commit(checkout) is None


def test_description_is_complete_and_plain() -> None:
    described = describe_environment()
    assert set(described) == {
        "versions", "platform", "processor", "cores", "memory_bytes", "git_commit"
    }  # fmt: skip
    assert 1 <= described["cores"] <= (os.cpu_count() or 1)
    assert described["memory_bytes"] > 2**28
    assert described["processor"]


def test_cores_follow_the_affinity_of_the_process() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no processor affinity")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert environment.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
