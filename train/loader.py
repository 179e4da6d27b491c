"""Batches for training from any iteration on, and for evaluation in order."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..core.errors import RecipeError
from ..core.recipe import Data, Recipe
from ..models.dataset import Samples, Splits, whole_split
from ..models.preprocess import prepare_target
from ..models.task import Task
from .augment import Augmentation, build_augmentation
from .batch import Batch
from .order import BatchPlan, derived_seed
from .random_state import kept_random_state, seed_host

PREPROCESS_CHUNK = 1024
Place = tuple[int, int]  # epoch, index in the split


class TrainingBatches(Protocol):
    """Batches of the training split."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        ...

    def stream(self, first: int, last: int) -> Generator[Batch, None, None]:
        """The batches behind iteration `first`, up to iteration `last`, over all epochs.

        Close it when it is done with: worker processes end then.
        """
        ...


class TensorBatches:
    """Batches of data in memory: preprocessed once, then cut out by indexing whole tensors."""

    def __init__(self, inputs: Tensor, targets: Tensor, plan: BatchPlan) -> None:
        self.inputs = inputs
        self.targets = targets
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan)

    def stream(self, first: int, last: int) -> Generator[Batch, None, None]:
        """See `TrainingBatches.stream`."""
        for _, indices, weight in self._plan.shares(first, last):
            inputs = self.inputs.index_select(0, indices)  # faster than indexing by a tensor
            yield Batch(inputs, self.targets.index_select(0, indices), indices, weight)


class LoadedBatches:
    """Batches of data that is loaded sample by sample, in worker processes where asked."""

    def __init__(self, dataset: "PreparedSamples", plan: BatchPlan, data: Data) -> None:
        self._dataset = dataset
        self._plan = plan
        self._data = data

    def __len__(self) -> int:
        return len(self._plan)

    def stream(self, first: int, last: int) -> Generator[Batch, None, None]:
        """See `TrainingBatches.stream`."""
        loader = build_loader(
            self._dataset,
            lambda: ([(epoch, index) for index in indices.tolist()]
                     for epoch, indices, _ in self._plan.shares(first, last)),
            self._data,
        )  # fmt: skip
        for batch, share in zip(loader, self._plan.shares(first, last), strict=True):
            yield Batch(batch[0], batch[1], batch[2], share.weight)


class PreparedSamples(Dataset[tuple[Tensor, Tensor, int]]):
    """Single samples behind augmentation and preprocessing, where they all have one shape."""

    def __init__(
        self,
        samples: Samples,
        preprocess: nn.Module,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        self._samples = samples
        self._preprocess = preprocess
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor, int]:
        """The sample of (epoch, index); what is random about it follows from both and the seed."""
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[Place]) -> list[tuple[Tensor, Tensor, int]]:
        """Several samples at once, as a DataLoader asks for them."""
        with kept_random_state():
            return [self._load(epoch, index) for epoch, index in places]

    def _load(self, epoch: int, index: int) -> tuple[Tensor, Tensor, int]:
        # A data set may draw from the generators of all, whichever process it is called in.
        seed_host(derived_seed(self._seed, epoch, index))
        sample, answer = self._samples[index]
        raw, target = torch.as_tensor(sample), torch.as_tensor(answer)
        if self._augmentation is not None:
            raw, target = self._augmentation(raw, target, epoch, index)
        with torch.no_grad():
            prepared = self._preprocess(raw.unsqueeze(0))
            return prepared[0], prepare_target(target.unsqueeze(0), prepared)[0], index


class _IndexLists:
    """A DataLoader's batch sampler over what a function gives each time it is asked."""

    def __init__(self, lists: Callable[[], Iterator[list[Place]]]) -> None:
        self._lists = lists

    def __iter__(self) -> Iterator[list[Place]]:
        return iter(self._lists())


def build_loader(
    dataset: PreparedSamples, lists: Callable[[], Iterator[list[Place]]], data: Data
) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
    """A DataLoader over given lists of places; it gives inputs, targets and indices."""
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_sampler=_IndexLists(lists),
        num_workers=data.workers,
        prefetch_factor=data.prefetch if data.workers else None,
        pin_memory=data.pin_memory and torch.cuda.is_available(),
        generator=torch.Generator(),  # or it would draw from the one that dropout uses
    )
    return loader


def training_batches(
    recipe: Recipe, splits: Splits, preprocess: nn.Module, rank: int = 0, processes: int = 1
) -> TrainingBatches:
    """The training split of a recipe in batches."""
    data, whole = recipe.data, whole_split(splits.train)
    augmentation = build_augmentation(recipe)
    plan = BatchPlan(
        samples=len(splits.train),
        batch_size=data.batch_size,
        seed=recipe.train.seed,
        sampler=data.sampler,
        classes=_classes_of(splits.train) if data.sampler == "weighted" else None,
        rank=rank,
        processes=processes,
    )
    if whole is None or augmentation is not None:
        samples = PreparedSamples(splits.train, preprocess, augmentation, recipe.train.seed)
        return LoadedBatches(samples, plan, data)
    raw, targets = whole
    inputs = _preprocess_all(raw, preprocess)
    return TensorBatches(inputs, prepare_target(targets, inputs), plan)


def check_sampler(data: Data, task: Task) -> None:
    """Check that the task has what the sampler needs.

    Raises:
        RecipeError: `weighted` where samples have no class.
    """
    if data.sampler == "weighted" and task.target != "class":
        raise RecipeError(
            [f"data.sampler: weighted needs one class a sample, which task {task.name} has not"]
        )


class HeldOutBatches:
    """The held-out split in order; with several processes, this one's part of it."""

    def __init__(
        self, recipe: Recipe, splits: Splits, preprocess: nn.Module, rank: int, processes: int
    ) -> None:
        self._data = recipe.data
        self._whole = whole_split(splits.held_out)
        self._dataset = PreparedSamples(splits.held_out, preprocess, None, recipe.train.seed)
        self._preprocess = preprocess
        self._indices = torch.arange(len(splits.held_out))[rank::processes]

    def __iter__(self) -> Iterator[Batch]:
        parts = torch.split(self._indices, self._data.batch_size)
        if self._whole is None:
            lists = [[(0, index) for index in part.tolist()] for part in parts]
            for batch in build_loader(self._dataset, lambda: iter(lists), self._data):
                yield Batch(batch[0], batch[1], batch[2])
            return
        raw, targets = self._whole
        for part in parts:
            with torch.no_grad():
                inputs = self._preprocess(raw[part])
            yield Batch(inputs, prepare_target(targets[part], inputs), part)


def _preprocess_all(raw: Tensor, preprocess: nn.Module) -> Tensor:
    with torch.no_grad():
        return torch.cat([preprocess(part) for part in torch.split(raw, PREPROCESS_CHUNK)])


def _classes_of(samples: Samples) -> Tensor:
    """The class of every sample; from `targets` where the data set has it, without loading."""
    whole = whole_split(samples)
    if whole is not None:
        return whole[1]
    targets = getattr(samples, "targets", None)
    if targets is None:
        targets = [samples[index][1] for index in range(len(samples))]
    return torch.as_tensor(targets)
