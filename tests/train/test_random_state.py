import io
import random

import numpy as np
import torch

from wfctl.train.random_state import (
    kept_random_state,
    random_state,
    restore_random_state,
    seed_everything,
    seed_host,
)


def draw() -> list[float]:
    """From every generator of the CPU; a normal value leaves another one over."""
    return [random.random(), random.gauss(0, 1), np.random.random(), np.random.normal(),
            float(torch.rand(())), float(torch.randn(()))]  # fmt: skip


def test_restored_generators_give_the_same_again() -> None:
    seed_everything(5)
    draw()
    state = random_state()
    expected = [draw(), draw()]
    seed_everything(6)
    restore_random_state(state)
    assert [draw(), draw()] == expected


def test_a_state_survives_a_file_that_holds_no_code() -> None:
    seed_everything(5)
    draw()
    buffer = io.BytesIO()
    torch.save(random_state(), buffer)
    expected = draw()
    buffer.seek(0)
    restore_random_state(torch.load(buffer, weights_only=True))
    assert draw() == expected


def test_seeds() -> None:
    seed_everything(5)
    first = draw()
    seed_everything(5)
    assert draw() == first
    seed_host(5)
    assert draw() == first
    seed_everything(2**33 + 5)  # NumPy's own seeds end at 2**32
    assert draw() != first


def test_kept_random_state() -> None:
    seed_everything(5)
    expected = draw()
    seed_everything(5)
    with kept_random_state():
        seed_host(9)
        draw()
    assert draw() == expected
