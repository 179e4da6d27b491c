import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Networks this small gain nothing from more, and lose much where tests run side by side."""
    torch.set_num_threads(1)
