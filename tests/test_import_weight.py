"""What must not be imported: torch by the tool's frame and by serving, anything at `--help`."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from wfctl.tests.helpers.tiny_artifact import write_artifact

TRAINING = {"torch", "torchvision", "torchaudio", "ignite", "onnxscript", "sklearn"}
HEAVY = TRAINING | {"onnxruntime", "bentoml", "numpy", "pydantic", "yaml"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules of a fresh Python that ran `code`."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def modules_of(repository: Path, package: str) -> list[str]:
    files = sorted((repository / package).rglob("*.py"))
    names = [".".join(("wfctl", *file.relative_to(repository).with_suffix("").parts))
             for file in files]  # fmt: skip
    return [name.removesuffix(".__init__") for name in names]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["trian"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_after(f"from wfctl.cli.main import run; run({arguments})")
    assert loaded.isdisjoint(HEAVY)


def test_help_imports_no_command() -> None:
    code = "from wfctl.cli.main import run; run(['--help']); import sys; " \
        "print(*[name for name in sys.modules if name.startswith('wfctl.cli.')])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "wfctl.cli.main"


@pytest.mark.parametrize("package", ["core", "serve", "cli", "recipes"])
def test_no_torch_in(
    package: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = modules_of(repository, package)
    assert f"wfctl.{package}" in names
    # serve.service reads the manifest of the artifact it is to serve when it is imported.
    monkeypatch.setenv("WFCTL_ARTIFACT", str(write_artifact(tmp_path / "tiny").path))
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert loaded.isdisjoint(TRAINING)


def test_core_imports_no_other_folder(repository: Path) -> None:
    names = modules_of(repository, "core")
    code = "\n".join(f"import {name}" for name in names)
    code += "\nimport sys; print(*[n for n in sys.modules if n.startswith('wfctl.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[1] for name in done.stdout.split()} == {"core"}


@pytest.mark.slow
def test_help_takes_at_most_four_times_as_long_as_importing_click() -> None:
    def seconds(*arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        return time.perf_counter() - start

    rounds = [
        (seconds("-c", "import click"), seconds("-m", "wfctl.cli.main", "--help"))
        for _ in range(10)
    ]
    click_s, help_s = (min(column) for column in zip(*rounds, strict=True))
    assert help_s <= 4 * click_s
