from collections.abc import Callable
from pathlib import Path

import pytest

from wfctl.tests.helpers.tiny_artifact import write_artifact


@pytest.fixture(scope="session")
def image_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("artifacts") / "digits").path


@pytest.fixture(scope="session")
def number_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts") / "fizzbuzz"
    return write_artifact(folder, "number").path


@pytest.fixture
def make_artifact(tmp_path: Path) -> Callable[[], Path]:
    """One more artifact, which the test may damage."""
    return lambda: write_artifact(tmp_path / "artifact").path
