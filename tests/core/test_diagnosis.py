from pathlib import Path

import pytest

from wfctl import __version__
from wfctl.core.dependencies import NEEDED_BY, Dependency
from wfctl.core.diagnosis import CommandState, Diagnosis, PackageState, probe

CODE = {
    "fails_to_import": "raise ImportError('libexample.so.1: cannot open shared object file')",
    "ends_by_signal": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "leaves_quietly": "import sys; sys.exit(3)",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in CODE.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_package_that_works() -> None:
    state = probe(Dependency("wfctl", "wfctl"))
    assert state == PackageState("wfctl", __version__, "works", "", {})


def test_onnxruntime_names_its_providers() -> None:
    state = probe(Dependency("onnxruntime", "onnxruntime"))
    assert "CPUExecutionProvider" in state.facts["providers"]


def test_a_package_that_is_missing() -> None:
    state = probe(Dependency("no_such_module", "no-such-package"))
    assert state == PackageState("no-such-package", None, "missing", "", {})


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("module", "detail"),
    [
        ("fails_to_import", "ImportError: libexample.so.1: cannot open shared object file"),
        ("ends_by_signal", "importing it ended by signal 11"),
        ("leaves_quietly", "importing it ended with exit code 3"),
    ],
)
def test_a_package_that_does_not_load(module: str, detail: str) -> None:
    state = probe(Dependency(module, "wfctl"))  # wfctl: a distribution that is installed
    assert (state.state, state.detail) == ("broken", detail)


def test_a_file_in_the_current_folder_is_not_taken_for_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('not the real one')")
    monkeypatch.chdir(tmp_path)
    assert probe(Dependency("onnxruntime", "onnxruntime")).state == "works"


def diagnosis(packages: list[PackageState], not_ready: tuple[str, ...] = ()) -> Diagnosis:
    commands = {name: CommandState(name not in not_ready, (), None) for name in NEEDED_BY}
    return Diagnosis("3.12.1", "Linux", "cpu", 2, 2**30, 2**30, tuple(packages), commands)


@pytest.mark.parametrize(
    ("found", "healthy"),
    [
        (diagnosis([]), True),
        (diagnosis([PackageState("torch", None, "missing", "", {})], ("train",)), True),
        (diagnosis([PackageState("torch", "2.14.1", "broken", "x", {})], ("train",)), False),
        (diagnosis([PackageState("torchtext", "0.18.0", "broken", "x", {})]), True),
        (diagnosis([PackageState("bentoml", None, "missing", "", {})], ("serve",)), False),
    ],
    ids=["all there", "no extra", "broken extra", "not needed", "cannot serve"],
)
def test_healthy(found: Diagnosis, healthy: bool) -> None:
    assert found.healthy is healthy
    assert found.as_json()["healthy"] is healthy
