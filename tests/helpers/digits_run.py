"""A run of `digits` and its artifact, made once a test session by the real commands."""

from pathlib import Path

import pytest

from wfctl.cli.main import run as wfctl


def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of three epochs. It is shared: copy it before changing it."""
    folder = tmp_path_factory.getbasetemp() / "shared-digits-run"
    if not folder.exists():
        arguments = ["train", "digits", "--device", "cpu", "--set", "train.epochs=3"]
        assert wfctl([*arguments, "--run-dir", str(folder)]) == 0
    return folder


def digits_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of `digits_run`, TorchScript and ONNX, inside the run. It is shared, too."""
    run = digits_run(tmp_path_factory)
    artifact = run / "export" / "digits"
    if not artifact.exists():
        assert wfctl(["export", str(run)]) == 0
    return artifact
