"""Fixtures for all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wfctl.tests.helpers.tiny_artifact import write_artifact

REPOSITORY = Path(__file__).resolve().parent.parent
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
# The networks of the tests are tiny: more threads only wait for each other, on a busy machine for
# minutes. Set before torch is imported, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Tests are many small steps: a thread pool for each process would only wait for the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root, which is the package `wfctl`."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures, sounds and texts that lie beside the checkout and are never copied into it."""
    named = os.environ.get("WFCTL_TEST_DATA")
    places = [REPOSITORY / "shared" / "data", REPOSITORY.parent / "shared" / "data"]
    for place in [Path(named)] if named else places:
        if (place / "README.md").is_file():
            return place
    pytest.skip("the shared test data is not here; WFCTL_TEST_DATA can name its folder")


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
