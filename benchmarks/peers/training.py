"""`make benchmark-train`: wfctl's training beside a bare loop, the usual loop, and Lightning.

Every number is a ratio of rounds in which all variants took turns, in this process, with the same
network, data, batch size and optimiser. wfctl is measured as it is used: `train()` with all its
handlers and loggers. Lightning is measured where it is installed (extra `peers`).
"""

import importlib.util
import itertools
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ...core.environment import processor_name, usable_cores, versions
from ...core.recipe import Recipe
from ...train.build import build_training
from ...train.checkpoint import CheckpointStore
from ...train.loader import TensorBatches
from ...train.order import BatchPlan
from ...train.run import train
from ...train.run_folder import start_run
from ...train.training import Training
from . import marks
from .rounds import Comparison, compare

CPU = torch.device("cpu")
MARKS = "wfctl.benchmarks.peers.marks"
PICTURES = "wfctl.benchmarks.peers.synthetic:Pictures"
SMALL_CNN = "wfctl.benchmarks.peers.synthetic:SmallCnn"
_numbers = itertools.count()


def recipe_for(network: str, batch_size: int, samples: int, size: int, channels: int) -> Recipe:
    """One epoch over synthetic pictures."""
    return Recipe.model_validate({
        "name": "measured", "task": "classification",
        "data": {
            "source": PICTURES, "batch_size": batch_size,
            "options": {"samples": samples, "size": size, "channels": channels},
        },
        "preprocess": {
            "kind": "image", "mode": "L" if channels == 1 else "RGB", "size": [size, size],
            "mean": [0.5] * channels, "std": [0.5] * channels,
        },
        "model": {"name": network},
        "train": {
            "epochs": 1, "lr": 1e-3, "optimizer": "SGD",
            "handlers": [
                {"call": f"{MARKS}:note_epoch", "event": "EPOCH_STARTED"},
                {"call": f"{MARKS}:note_iteration", "event": "ITERATION_COMPLETED"},
            ],
        },
    })  # fmt: skip


def wfctl_epoch(recipe: Recipe, folder: Path) -> float:
    """Seconds of the iterations of one epoch of `train()`, its evaluation and saves apart."""
    number = next(_numbers)
    run = start_run(recipe, run_dir=folder / f"run-{number}")
    with redirect_stderr(StringIO()):
        train(recipe, run, CPU)
    return marks.elapsed_s()


def loop_epoch(training: Training, batches: Iterable[Any]) -> float:
    """Seconds of one epoch of the loop that everybody writes, over (inputs, targets, ...)."""
    network, optimizer, loss = training.network, training.optimizer, training.loss
    network.train()
    total, start = 0.0, time.perf_counter()
    for inputs, targets, *_ in batches:
        optimizer.zero_grad()
        value = loss(network(inputs), targets)
        value.backward()
        optimizer.step()
        total += value.item()
    return time.perf_counter() - start


def dataloader_over(training: Training) -> DataLoader[tuple[Tensor, ...]]:
    """The usual loader of the same preprocessed samples: shuffled, in this process."""
    batches = training.batches
    if not isinstance(batches, TensorBatches):
        raise TypeError("the measured data is in memory")
    dataset = TensorDataset(batches.inputs, batches.targets)
    return DataLoader(dataset, batch_size=training.recipe.data.batch_size, shuffle=True)


def lightning_epoch(training: Training, loader: DataLoader[tuple[Tensor, ...]]) -> float:
    """Seconds of one epoch of Lightning's Trainer as it comes, in a folder that is thrown away."""
    import pytorch_lightning as lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = training.network

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            inputs, targets = batch
            return training.loss(self.network(inputs), targets)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return training.optimizer

        def on_train_epoch_start(self) -> None:
            self.start_s = time.perf_counter()

        def on_train_epoch_end(self) -> None:
            self.elapsed_s = time.perf_counter() - self.start_s

    module = Module()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=folder)
        with redirect_stderr(StringIO()):
            trainer.fit(module, loader)
    return float(module.elapsed_s)


def step_ratio(recipe: Recipe, folder: Path, rounds: int) -> Comparison:
    """Time per step: wfctl's whole loop, and a bare loop over the same batches."""
    training = build_training(recipe, CPU)
    length = len(training.batches)
    return compare(
        {
            "wfctl": lambda: wfctl_epoch(recipe, folder),
            "bare loop": lambda: loop_epoch(training, training.batches.stream(0, length)),
        },
        rounds,
    )


def epoch_ratio(recipe: Recipe, folder: Path, rounds: int) -> Comparison:
    """An epoch: wfctl, the usual loop over a DataLoader, and Lightning where it is installed."""
    training = build_training(recipe, CPU)
    loader = dataloader_over(training)
    variants: dict[str, Callable[[], float]] = {
        "wfctl": lambda: wfctl_epoch(recipe, folder),
        "usual loop": lambda: loop_epoch(training, loader),
    }
    if importlib.util.find_spec("pytorch_lightning") is not None:
        variants["Lightning"] = lambda: lightning_epoch(training, loader)
    return compare(variants, rounds)


def iteration_ratio(samples: int, batch_size: int, rounds: int) -> Comparison:
    """Iterating shuffled data in memory, without training on it."""
    inputs, targets = torch.randn(samples, 1, 28, 28), torch.zeros(samples, dtype=torch.long)
    batches = TensorBatches(inputs, targets, BatchPlan(samples, batch_size, seed=0))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=batch_size, shuffle=True)

    def timed(make: Callable[[], Iterable[Any]]) -> float:
        start = time.perf_counter()
        for _ in make():
            pass
        return time.perf_counter() - start

    return compare(
        {
            "wfctl": lambda: timed(lambda: batches.stream(0, len(batches))),
            "DataLoader": lambda: timed(lambda: loader),
        },
        rounds,
    )


def checkpoint_share(recipe: Recipe, folder: Path, rounds: int) -> Comparison:
    """Saving once, and one epoch of training."""
    training = build_training(recipe, CPU)
    length = len(training.batches)
    store_folder = folder / "store"
    store_folder.mkdir()
    store = CheckpointStore(store_folder, keep=2)
    training.trainer.state.iteration = length

    def save() -> float:
        start = time.perf_counter()
        store.save(training.state_dict(), epoch=next(_numbers), iteration=length, score=0.5)
        return time.perf_counter() - start

    def epoch() -> float:
        return loop_epoch(training, training.batches.stream(0, length))

    return compare({"checkpoint": save, "epoch": epoch}, rounds)


def main() -> None:
    """Measure, and print one line a ratio."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    lenet = recipe_for(SMALL_CNN, batch_size=256, samples=25_600, size=8, channels=1)
    digits = recipe_for("digits-cnn", batch_size=64, samples=6_400, size=8, channels=1)
    resnet = recipe_for("torchvision:resnet18", batch_size=32, samples=320, size=64, channels=3)
    installed = versions(("torch", "pytorch-ignite", "pytorch-lightning"))
    described = ", ".join(f"{name} {version}" for name, version in installed.items())
    _print(f"{processor_name()}, {usable_cores()} cores, {described}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for name_of, recipe, rounds in (
            ("LeNet in small", lenet, 15),
            ("digits-cnn", digits, 9),
            ("resnet18", resnet, 7),
        ):
            steps = step_ratio(recipe, folder, rounds)
            title = f"time per step, {name_of}, wfctl / bare loop"
            _print_ratio(title, steps, "wfctl", "bare loop")
        iterating = iteration_ratio(samples=20_000, batch_size=64, rounds=9)
        _print_ratio("iterating in memory, DataLoader / wfctl", iterating, "DataLoader", "wfctl")
        epochs = epoch_ratio(lenet, folder, rounds=15)
        for other in epochs.seconds:
            if other != "wfctl":
                _print_ratio(f"epoch, LeNet in small, {other} / wfctl", epochs, other, "wfctl")
        share = checkpoint_share(resnet, folder, rounds=7)
        _print_ratio("one save / one epoch, resnet18", share, "checkpoint", "epoch")


def _print_ratio(title: str, comparison: Comparison, name: str, reference: str) -> None:
    middle, lower, upper = comparison.ratio(name, reference)
    _print(f"{title}: {middle:.3f} (quartiles {lower:.3f} to {upper:.3f})")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
