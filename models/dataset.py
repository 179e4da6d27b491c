"""Data sets as recipes name them: two splits, the second held out."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from ..core.errors import RecipeError
from ..core.recipe import Data
from .component import bind_component, find_component

DEFAULT_SPLITS = ("train", "val")


class Samples(Protocol):
    """A map-style data set of (raw sample, target), with the names of its classes."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, int]: ...


class InMemory(Protocol):
    """A data set that can give a whole split: raw samples (N, ...) and targets (N,)."""

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All samples and all targets."""
        ...


@dataclass(frozen=True)
class Splits:
    """The data of a recipe."""

    train: Samples
    held_out: Samples
    held_out_name: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their index."""
        return tuple(map(str, self.train.classes))


def check_data(data: Data) -> None:
    """Check that the source exists and takes the recipe's options, without building it.

    Raises:
        RecipeError: all faults at once.
    """
    given = {"split": "train", **_folder_arguments(data)}
    bind_component("data", data.source, data.options, given, "data.options")


def load_splits(data: Data) -> Splits:
    """Build both splits of a recipe's data.

    Raises:
        RecipeError: the source is unknown, takes other options, is empty, or has no `classes`.
    """
    source = find_component("data", data.source)
    train_name, held_out_name = getattr(source, "splits", DEFAULT_SPLITS)
    given = _folder_arguments(data)
    component = bind_component(
        "data", data.source, data.options, {"split": train_name, **given}, "data.options"
    )
    train, held_out = (component(split=name, **given) for name in (train_name, held_out_name))
    for name, split in ((train_name, train), (held_out_name, held_out)):
        if not hasattr(split, "classes"):
            raise RecipeError(
                [f"data.source: {data.source} has no `classes` (the labels in order)"]
            )
        if len(split) == 0:
            raise RecipeError([f"data.source: the split {name!r} of {data.source} is empty"])
    if tuple(train.classes) != tuple(held_out.classes):
        raise RecipeError([f"data.source: the splits of {data.source} have different classes"])
    return Splits(cast(Samples, train), cast(Samples, held_out), held_out_name)


def check_labels(splits: Splits, labels: Sequence[str]) -> None:
    """Check that the data has the classes that a model was trained with, in that order.

    Raises:
        RecipeError: they differ, so that no metric on this data would mean anything.
    """
    if splits.classes == tuple(labels):
        return
    if len(splits.classes) != len(labels):
        difference = f"{len(splits.classes)} classes, but the model was trained with {len(labels)}"
    else:
        pairs = enumerate(zip(splits.classes, labels, strict=True))
        index, (given, expected) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        difference = f"class {index} as {given!r}, but the model was trained with {expected!r}"
    raise RecipeError([f"data.source: the data has {difference}"])


def whole_split(samples: Samples) -> tuple[Tensor, Tensor] | None:
    """Raw samples (N, ...) and targets (N,) of a data set that is in memory, else None."""
    # torch's own TensorDataset has a tuple of that name, which may hold anything.
    if not callable(getattr(samples, "tensors", None)):
        return None
    return cast(InMemory, samples).tensors()


def raw_batches(samples: Samples, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """A split in order, as raw batches; neighbours of different shape come in batches apart."""
    whole = whole_split(samples)
    if whole is not None:
        yield from zip(*(torch.split(part, batch_size) for part in whole), strict=True)
        return
    pending: list[tuple[Tensor, int]] = []
    for index in range(len(samples)):
        raw, target = samples[index]
        raw = torch.as_tensor(raw)
        if pending and (len(pending) == batch_size or pending[0][0].shape != raw.shape):
            yield _stack(pending)
            pending = []
        pending.append((raw, int(target)))
    if pending:
        yield _stack(pending)


def _stack(pending: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    raw, targets = zip(*pending, strict=True)
    return torch.stack(raw), torch.tensor(targets)


def _folder_arguments(data: Data) -> dict[str, Any]:
    """`root` and `download`, where the recipe says them and the source takes them."""
    parameters = inspect.signature(find_component("data", data.source)).parameters
    arguments: dict[str, Any] = {}
    if data.root is not None:
        arguments["root"] = data.root
    if data.download or ("download" in parameters and data.root is not None):
        arguments["download"] = data.download
    return arguments
