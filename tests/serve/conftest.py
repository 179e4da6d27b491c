from collections.abc import Iterator
from pathlib import Path

import pytest

from wfctl.tests.helpers.server_process import ServerProcess, running_server


@pytest.fixture(scope="session")
def image_server(image_artifact: Path) -> Iterator[ServerProcess]:
    with running_server(image_artifact) as server:
        yield server


@pytest.fixture(scope="session")
def number_server(number_artifact: Path) -> Iterator[ServerProcess]:
    with running_server(number_artifact) as server:
        yield server
