"""Small data sets, networks and handlers that test recipes name as the user's own."""

import os
import random
import signal
import time
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine
from torch import Tensor, nn
from torch.utils.data import Dataset

from wfctl.train.batch import Batch
from wfctl.train.precision import Precision
from wfctl.train.step import LossFunction, StepOutput, TrainingStep

Sample = tuple[Tensor, int]


class Crash(Exception):
    """In place of a kill: nothing of the training is run after it."""


armed_at: set[int] = set()


def crash(trainer: Engine) -> None:
    """A handler that ends training behind each iteration in `armed_at`, once."""
    if trainer.state.iteration in armed_at:
        armed_at.remove(trainer.state.iteration)
        raise Crash(f"iteration {trainer.state.iteration}")


def draw(trainer: Engine) -> None:
    """A handler that draws from every generator."""
    random.random()
    np.random.random()
    torch.rand(())


class DropoutMlp(nn.Module):
    """Binary digits (B, bits) to logits (B, classes)."""

    def __init__(self, classes: int, bits: int = 10, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(bits, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.4),
            nn.Linear(hidden, classes),
        )  # fmt: skip

    def forward(self, digits: Tensor) -> Tensor:
        logits: Tensor = self.layers(digits)
        return logits


class Pictures(Dataset[Sample]):
    """Grey pictures (8, 8, 1) that are loaded one by one, brighter from class to class.

    Args:
        noisy: draw noise from the generators of Python, NumPy and torch.
    """

    splits = ("train", "val")
    classes = ("dark", "grey", "bright")

    def __init__(self, split: str, count: int = 30, noisy: bool = False) -> None:
        self.targets = [0 if index % 5 else index % 3 for index in range(count)]
        self.noisy = noisy

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Sample:
        target = self.targets[index]
        pixels = torch.full((8, 8, 1), 20 + 70 * target) + torch.arange(8).view(1, 8, 1)
        if self.noisy:
            pixels = pixels + torch.randint(0, 9, (8, 8, 1))
            pixels = pixels + random.randint(0, 9) + int(np.random.randint(0, 9))
        return pixels.to(torch.uint8), target


class SecretlyStateful(Pictures):
    """The planted fault: its noise comes from a generator that no checkpoint knows of."""

    def __init__(self, split: str) -> None:
        super().__init__(split)
        self.generator = torch.Generator().manual_seed(1)

    def __getitem__(self, index: int) -> Sample:
        pixels, target = super().__getitem__(index)
        return pixels + torch.randint(0, 9, (1,), generator=self.generator).to(torch.uint8), target


class SpoilingStep(TrainingStep):
    """Makes a weight infinite behind iteration 9, whose loss is finite."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: LossFunction,
        device: torch.device,
    ) -> None:
        super().__init__(network, optimizer, loss, device, Precision("off", device))
        self.network = network

    def __call__(self, engine: Engine, batch: Batch) -> StepOutput:
        output = super().__call__(engine, batch)
        if engine.state.iteration == 9:
            with torch.no_grad():
                next(self.network.parameters()).view(-1)[0] = torch.inf
        return output


class NoisyStep(TrainingStep):
    """Adds noise to the inputs, from a generator of its own that is part of its state."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: LossFunction,
        device: torch.device,
    ) -> None:
        super().__init__(network, optimizer, loss, device, Precision("off", device))
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, engine: Engine, batch: Batch) -> StepOutput:
        noise = torch.rand(batch.inputs.shape, generator=self.generator)
        return super().__call__(engine, batch._replace(inputs=batch.inputs + noise))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.generator.set_state(state["generator"])


class ForgetfulStep(NoisyStep):
    """The planted fault: no checkpoint knows of its generator."""

    def state_dict(self) -> dict[str, Any]:
        return TrainingStep.state_dict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        TrainingStep.load_state_dict(self, state)


def interrupt(trainer: Engine) -> None:
    """A handler, as Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_twice(trainer: Engine) -> None:
    """A handler, as Ctrl-C again before the step ends."""
    interrupt(trainer)
    interrupt(trainer)


def terminate(trainer: Engine) -> None:
    """A handler, as a batch system that wants its machine back."""
    os.kill(os.getpid(), signal.SIGTERM)


def pause(trainer: Engine) -> None:
    """A handler that takes long."""
    time.sleep(0.6)
