"""Batches for training, from any position on: an endless stream over epochs."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..core.recipe import Recipe
from ..models.dataset import Samples, Splits, raw_batches, whole_split
from ..models.preprocess import build_preprocess
from .order import epoch_order

Batch = tuple[Tensor, Tensor]  # boundary (B, ...), targets (B,)
PREPROCESS_CHUNK = 1024


class TrainingBatches(Protocol):
    """Shuffled batches of the training split."""

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        ...

    def stream(self, iteration: int) -> Iterator[Batch]:
        """Endless batches, beginning behind the one that was number `iteration`."""
        ...


@dataclass(frozen=True)
class _Plan:
    """Which samples are in which batch."""

    samples: int
    batch_size: int
    seed: int

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def from_iteration(self, iteration: int) -> Iterator[Tensor]:
        """Sample indices of each batch, (B,), endlessly."""
        first_epoch, skipped = divmod(iteration, len(self))
        for epoch in itertools.count(first_epoch + 1):
            order = epoch_order(self.samples, self.seed, epoch)
            yield from torch.split(order, self.batch_size)[skipped:]
            skipped = 0


class TensorBatches:
    """Batches of data in memory: preprocessed once, then cut out by indexing whole tensors."""

    def __init__(self, inputs: Tensor, targets: Tensor, batch_size: int, seed: int) -> None:
        self._inputs = inputs
        self._targets = targets
        self._plan = _Plan(len(inputs), batch_size, seed)

    def __len__(self) -> int:
        return len(self._plan)

    def stream(self, iteration: int) -> Iterator[Batch]:
        """See `TrainingBatches.stream`."""
        for indices in self._plan.from_iteration(iteration):
            yield self._inputs[indices], self._targets[indices]


class LoadedBatches:
    """Batches of data that is loaded sample by sample, in worker processes where asked."""

    def __init__(
        self, samples: Samples, preprocess: nn.Module, batch_size: int, seed: int, workers: int
    ) -> None:
        self._dataset = _Preprocessed(samples, preprocess)
        self._plan = _Plan(len(samples), batch_size, seed)
        self._workers = workers

    def __len__(self) -> int:
        return len(self._plan)

    def stream(self, iteration: int) -> Iterator[Batch]:
        """See `TrainingBatches.stream`."""
        loader = DataLoader(
            self._dataset,
            batch_sampler=_IndexLists(self._plan, iteration),
            num_workers=self._workers,
        )
        yield from loader


class _IndexLists:
    """The plan in the form of a DataLoader's batch sampler."""

    def __init__(self, plan: _Plan, iteration: int) -> None:
        self._plan = plan
        self._iteration = iteration

    def __iter__(self) -> Iterator[list[int]]:
        for indices in self._plan.from_iteration(self._iteration):
            yield indices.tolist()


class _Preprocessed(Dataset[tuple[Tensor, int]]):
    """Single samples behind preprocessing, where they all have one shape."""

    def __init__(self, samples: Samples, preprocess: nn.Module) -> None:
        self._samples = samples
        self._preprocess = preprocess

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        raw, target = self._samples[index]
        with torch.no_grad():
            return self._preprocess(torch.as_tensor(raw).unsqueeze(0))[0], int(target)


def training_batches(recipe: Recipe, splits: Splits) -> TrainingBatches:
    """The training split of a recipe in batches."""
    preprocess = build_preprocess(recipe.preprocess)
    whole = whole_split(splits.train)
    data, seed = recipe.data, recipe.train.seed
    if whole is None:
        return LoadedBatches(splits.train, preprocess, data.batch_size, seed, data.workers)
    raw, targets = whole
    return TensorBatches(_preprocess_all(raw, preprocess), targets, data.batch_size, seed)


def held_out_batches(recipe: Recipe, splits: Splits) -> Sequence[Batch]:
    """The held-out split in order, preprocessed and in batches."""
    preprocess = build_preprocess(recipe.preprocess)
    with torch.no_grad():
        return [
            (preprocess(raw), targets)
            for raw, targets in raw_batches(splits.held_out, recipe.data.batch_size)
        ]


def _preprocess_all(raw: Tensor, preprocess: nn.Module) -> Tensor:
    with torch.no_grad():
        return torch.cat([preprocess(part) for part in torch.split(raw, PREPROCESS_CHUNK)])
