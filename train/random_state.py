"""The state of every random generator that training may use, as tensors and plain values."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

CPU = torch.device("cpu")


def seed_everything(seed: int) -> None:
    """Start Python's, NumPy's and torch's generators from one seed."""
    seed_host(seed)
    torch.manual_seed(seed)


def seed_host(seed: int) -> None:
    """Start the generators of the CPU: all that code which loads samples can draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # torch.manual_seed also goes through every accelerator, which takes 100 times as long.
    torch.default_generator.manual_seed(seed)


def random_state(device: torch.device = CPU) -> dict[str, Any]:
    """What `restore_random_state` takes; readable by `torch.load(weights_only=True)`."""
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    inner = {**numpy_state["state"], "key": numpy_state["state"]["key"].tolist()}
    return {
        "python": [version, list(words), gauss],
        "numpy": {**numpy_state, "state": inner},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_random_state(state: Mapping[str, Any], device: torch.device = CPU) -> None:
    """Continue every generator where `random_state` saw it."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    inner = state["numpy"]["state"]
    key = np.array(inner["key"], dtype=np.uint32)
    np.random.set_state({**state["numpy"], "state": {**inner, "key": key}})
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave the generators of the CPU as they were, whatever is drawn inside."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch_state = torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
