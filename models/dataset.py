"""Data sets as recipes name them: two splits, the second held out."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from ..core.errors import RecipeError
from ..core.manifest import TensorSpec
from ..core.recipe import Data, ImagePreprocess, Recipe
from .component import bind_component, find_component

DEFAULT_SPLITS = ("train", "val")
PICTURE_KEYS = ("image_backend", "on_broken")  # keys of `data` for sources that read pictures
NOTHING_KNOWN: Mapping[str, Any] = MappingProxyType({})


class Samples(Protocol):
    """A map-style data set of (raw sample, target), with the names of its classes.

    For regression `classes` names the target columns, one for each value of a target.
    """

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | int]: ...


class InMemory(Protocol):
    """A data set that can give a whole split: raw samples (N, ...) and targets (N, ...)."""

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

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the features, where the data is a table; else empty."""
        return columns_of(self.train)


def columns_of(samples: Samples) -> tuple[str, ...]:
    """The names of the features of a table, in the order of its rows; else empty."""
    return tuple(map(str, getattr(samples, "columns", ())))


def known_to_sources(recipe: Recipe) -> dict[str, Any]:
    """What a recipe says outside of `data` that a source gets if it takes an argument so named.

    `task`, and of a recipe for pictures `mode`, the colour mode of raw samples.
    """
    known: dict[str, Any] = {"task": recipe.task}
    if isinstance(recipe.preprocess, ImagePreprocess):
        known["mode"] = recipe.preprocess.mode
    return known


def check_data(data: Data, known: Mapping[str, Any] = NOTHING_KNOWN) -> None:
    """Check that the source exists and takes the recipe's options, without building it.

    Args:
        known: what `known_to_sources` gives.

    Raises:
        RecipeError: all faults at once.
    """
    given = {"split": "train", **_given_arguments(data, known)}
    bind_component("data", data.source, data.options, given, "data.options")


def load_splits(data: Data, known: Mapping[str, Any] = NOTHING_KNOWN) -> Splits:
    """Build both splits of a recipe's data.

    Args:
        known: what `known_to_sources` gives.

    Raises:
        RecipeError: the source is unknown, takes other options, is empty, or has no `classes`.
    """
    source = find_component("data", data.source)
    given = _given_arguments(data, known)
    component = bind_component(
        "data", data.source, data.options, {"split": "train", **given}, "data.options"
    )
    train_name, held_out_name = data.splits or _split_names(source, data.root)
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
    if columns_of(train) != columns_of(held_out):
        raise RecipeError([f"data.source: the splits of {data.source} have different columns"])
    return Splits(cast(Samples, train), cast(Samples, held_out), held_out_name)


def check_labels(splits: Splits, labels: Sequence[str], columns: Sequence[str] = ()) -> None:
    """Check that the data has the classes that a model was trained with, in that order.

    Args:
        columns: the features that it was trained with, where the data is a table.

    Raises:
        RecipeError: they differ, so that no metric on this data would mean anything.
    """
    _check_names("class", "classes", splits.classes, labels)
    _check_names("column", "columns", splits.columns, columns)


def _check_names(one: str, many: str, given: Sequence[str], expected: Sequence[str]) -> None:
    if tuple(given) == tuple(expected):
        return
    if len(given) != len(expected):
        difference = f"{len(given)} {many}, but the model was trained with {len(expected)}"
    else:
        pairs = enumerate(zip(given, expected, strict=True))
        index, (here, there) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        difference = f"{one} {index} as {here!r}, but the model was trained with {there!r}"
    raise RecipeError([f"data.source: the data has {difference}"])


def check_raw_samples(splits: Splits, spec: TensorSpec) -> None:
    """Check that the data's first raw sample is what preprocessing takes.

    Raises:
        RecipeError: its type or shape is another, such as grey where the recipe says RGB.
    """
    raw = torch.as_tensor(splits.train[0][0])
    given = str(raw.dtype).removeprefix("torch.")
    expected = spec.shape[1:]
    fits = raw.ndim == len(expected) and all(
        size in {-1, there} for size, there in zip(expected, raw.shape, strict=True)
    )
    if given != spec.dtype or not fits:
        shape = ", ".join("any" if size == -1 else str(size) for size in expected)
        raise RecipeError(
            [f"preprocess: takes samples of {spec.dtype} and shape ({shape}), but the first one "
             f"of data.source is {given} of shape ({', '.join(map(str, raw.shape))})"]
        )  # fmt: skip


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
    pending: list[tuple[Tensor, Tensor]] = []
    for index in range(len(samples)):
        raw, target = samples[index]
        raw = torch.as_tensor(raw)
        if pending and (len(pending) == batch_size or pending[0][0].shape != raw.shape):
            yield _stack(pending)
            pending = []
        pending.append((raw, torch.as_tensor(target)))
    if pending:
        yield _stack(pending)


def _stack(pending: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    raw, targets = zip(*pending, strict=True)
    return torch.stack(raw), torch.stack(targets)


def _split_names(source: Callable[..., Any], root: str | None) -> tuple[str, str]:
    """The names of both splits: fixed, or where the source says so, as `root` has them."""
    find_splits = getattr(source, "find_splits", None)
    if find_splits is not None and root is not None:
        return cast(tuple[str, str], find_splits(root))
    return cast(tuple[str, str], getattr(source, "splits", DEFAULT_SPLITS))


def _check_needs(
    data: Data, known: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]
) -> None:
    """Check that the recipe has what the source needs, and nothing of `data` that it lacks."""
    needed = {name for name, each in parameters.items() if each.default is each.empty}
    faults = []
    if "root" in needed and data.root is None:
        faults.append(f"data.root: {data.source} needs the folder that holds its data")
    if "mode" in needed and "task" in known and "mode" not in known:
        faults.append(f"preprocess.kind: {data.source} gives pictures; expected image")
    for key in PICTURE_KEYS:
        value, default = getattr(data, key), Data.model_fields[key].default
        if key not in parameters and value != default:
            faults.append(f"data.{key}: {data.source} does not take this key; leave it out")
    if faults:
        raise RecipeError(faults)


def _given_arguments(data: Data, known: Mapping[str, Any]) -> dict[str, Any]:
    """`root` and `download` where the recipe says them, and what else the source takes."""
    parameters = inspect.signature(find_component("data", data.source)).parameters
    _check_needs(data, known, parameters)
    arguments = {name: value for name, value in known.items() if name in parameters}
    arguments |= {key: getattr(data, key) for key in PICTURE_KEYS if key in parameters}
    if data.root is not None:
        arguments["root"] = data.root
    if data.download or ("download" in parameters and data.root is not None):
        arguments["download"] = data.download
    return arguments
