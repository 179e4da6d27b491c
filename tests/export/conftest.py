from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from wfctl.core.runs import RunFolder
from wfctl.models.trained import Trained, load_trained
from wfctl.tests.helpers import digits_run


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The models are tiny: threads would only wait for each other, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of digits, trained once a session. Copy it before changing it."""
    return RunFolder.open(digits_run.digits_run(tmp_path_factory))


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of `run`, inside it, exported once a session. Copy it before changing it."""
    return digits_run.digits_artifact(tmp_path_factory)


@pytest.fixture
def trained(run: RunFolder) -> Trained:
    """The model of `run`, loaded anew for each test, so that a test may spoil it."""
    return load_trained(run)
