"""Samples of torchvision's data sets as recipes need them: raw pixels, and targets of one kind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Subset

from ..core.decode import to_pixels
from ..core.errors import RecipeError
from .task import IGNORED

TargetKind = Literal["class", "mask", "pair", "other"]
TASKS_OF: dict[TargetKind, tuple[str, ...]] = {
    "class": ("classification", "metric-learning"),
    "mask": ("segmentation",),
}
KIND_NAMES: dict[TargetKind, str] = {
    "class": "classes",
    "mask": "masks of classes",
    "pair": "of patches and pairs of them, which no task here learns from",
    "other": "boxes, captions or other values, which no task here learns",
}
TARGET_ATTRIBUTES = ("targets", "labels", "_labels", "y")
SAMPLE_ATTRIBUTES = ("samples", "_samples")
DIGITS = tuple("0123456789")
NAMES_OF_CLASSES = {"SVHN": DIGITS, "USPS": DIGITS, "SEMEION": DIGITS}
CHANNELS = {"L": 1, "RGB": 3}


@dataclass(frozen=True)
class Wanted:
    """What a recipe wants of a data set.

    Args:
        name: of the data set, for messages.
        mode: colour mode of raw samples, `L` or `RGB`.
        task: targets that are not of this kind of learning are refused; None takes any.
        class_names: in the order of their index; None takes those of torchvision.
        ignore_index: the value in masks of pixels without a class.
    """

    name: str
    mode: str
    task: str | None = None
    class_names: Sequence[str] | None = None
    ignore_index: int = 255


class TorchvisionSamples(Dataset[tuple[Tensor, Any]]):
    """A data set of torchvision, one sample at a time.

    Pixels are (H, W, C) uint8 in the recipe's colour mode. A target is the index of a class, a
    mask (H, W) int64, or what torchvision gives: lists of boxes, captions. A sample of a pair is
    (2, H, W, C), its target 1 where both show the same.

    Attributes:
        kind: of targets.
        targets: classes of all samples, shape (N,) int64, where they are known without reading.
    """

    targets: Tensor

    def __init__(self, dataset: Any, wanted: Wanted) -> None:
        self._dataset = dataset
        self._wanted = wanted
        self.kind = _kind_of(dataset[0])

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        """One sample and its target."""
        picture, target = _item(self._dataset, index)
        if isinstance(picture, tuple):
            return torch.stack([self._pixels(each) for each in picture]), int(target)
        if self.kind == "class":
            target = int(target)
        elif self.kind == "mask":
            target = torch.from_numpy(np.array(target)).long()
            target[target == self._wanted.ignore_index] = IGNORED
        return self._pixels(picture), target

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their index.

        Raises:
            RecipeError: neither torchvision nor the recipe names them, or targets are no classes.
        """
        if self._wanted.class_names is None:
            raise RecipeError(
                [f"data.options.class_names: {self._wanted.name} does not name its classes; "
                 "list them here, in the order of their index"]
            )  # fmt: skip
        return tuple(self._wanted.class_names)

    def _pixels(self, picture: Any) -> Tensor:
        if isinstance(picture, Image.Image):
            return torch.tensor(to_pixels(picture, self._wanted.mode))
        if isinstance(picture, np.ndarray) and picture.ndim == 3:  # read by `PictureReader`
            return torch.tensor(picture)
        if isinstance(picture, Tensor) and picture.ndim == 2:  # a patch of PhotoTour
            return torch.tensor(to_pixels(Image.fromarray(picture.numpy()), self._wanted.mode))
        kind = type(picture).__name__
        raise RecipeError(
            [f"data.source: a sample of {self._wanted.name} is no picture but {kind}"]
        )


class InMemorySamples(TorchvisionSamples):
    """A data set that torchvision holds in memory: the whole split is tensors."""

    def __init__(self, dataset: Any, wanted: Wanted) -> None:
        super().__init__(dataset, wanted)
        self._tensor = _all_pixels(dataset.data, wanted.mode)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Pixels (H, W, C) uint8, and the class."""
        return self._tensor[index], int(self.targets[index])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split: (N, H, W, C) uint8 and (N,) int64."""
        return self._tensor, self.targets


def wrap(
    dataset: Any, split: str, wanted: Wanted, chosen: list[int] | None = None
) -> TorchvisionSamples:
    """A data set of torchvision as samples of a recipe.

    Args:
        split: the name that the recipe has for it.
        chosen: indices of the samples to take; None takes all.

    Raises:
        RecipeError: there are none, the targets are of another kind, or samples have no class.
    """
    targets = known_targets(dataset)
    if wanted.class_names is None:
        wanted = replace(wanted, class_names=_class_names(dataset, split))
    if chosen is not None:
        dataset = Subset(dataset, chosen)
        targets = None if targets is None else [targets[index] for index in chosen]
    if len(dataset) == 0:
        raise RecipeError([f"data.source: the split {split!r} of {wanted.name} is empty"])
    labelled = targets is not None and _kind_of(dataset[0]) == "class"
    in_memory = labelled and _is_in_memory(dataset)
    samples = (InMemorySamples if in_memory else TorchvisionSamples)(dataset, wanted)
    _check_task(samples.kind, wanted)
    if labelled:
        samples.targets = torch.as_tensor(targets, dtype=torch.int64)
        _check_range(samples.targets, split, wanted)
    return samples


def known_targets(dataset: Any) -> list[int] | None:
    """The classes of all samples, where the data set has them beside the pictures."""
    found = next((value for name in TARGET_ATTRIBUTES
                  if (value := getattr(dataset, name, None)) is not None), None)  # fmt: skip
    if found is None:
        samples = next((value for name in SAMPLE_ATTRIBUTES
                        if (value := getattr(dataset, name, None))), None)  # fmt: skip
        if samples is None or not isinstance(samples[0], tuple) or len(samples[0]) != 2:
            return None
        found = [target for _, target in samples]
    try:
        targets = np.asarray(found)
    except ValueError:  # of different lengths: no classes
        return None
    if targets.ndim != 1 or targets.dtype.kind not in "iu" or len(targets) != len(dataset):
        return None
    return [int(each) for each in targets]


def _check_task(kind: TargetKind, wanted: Wanted) -> None:
    if wanted.task is not None and wanted.task not in TASKS_OF.get(kind, ()):
        raise RecipeError(
            [f"data.source: task {wanted.task} cannot learn from {wanted.name}: its targets are "
             f"{KIND_NAMES[kind]}"]
        )  # fmt: skip


def _check_range(targets: Tensor, split: str, wanted: Wanted) -> None:
    if int(targets.min()) < 0:
        raise RecipeError(
            [f"data.splits: split {split!r} of {wanted.name} has samples without a class"]
        )
    names, largest = wanted.class_names, int(targets.max())
    if names is not None and largest >= len(names):
        raise RecipeError(
            [f"data.options.class_names: {wanted.name} has classes up to {largest}, but "
             f"{len(names)} names are given"]
        )  # fmt: skip


def _class_names(dataset: Any, split: str) -> list[str] | None:
    """The names of a data set's classes, each one once."""
    names = getattr(dataset, "classes", None) or getattr(dataset, "categories", None)
    names = names or NAMES_OF_CLASSES.get(type(dataset).__name__)
    if not names:
        return None
    # ImageNet has synonyms, and two classes of one name.
    texts = [each if isinstance(each, str) else ", ".join(map(str, each)) for each in names]
    ids, count = getattr(dataset, "wnids", texts), Counter(texts)
    texts = [text if count[text] == 1 else f"{text} ({each})"
             for text, each in zip(texts, ids, strict=True)]  # fmt: skip
    return [text.removesuffix(f"_{split}") for text in texts]  # LSUN: tower_train


def _item(dataset: Any, index: int) -> tuple[Any, Any]:
    """The picture and target of a sample; of PhotoTour patches with their point, or pairs."""
    item = dataset[index]
    if isinstance(item, Tensor):
        return item, int(dataset.labels[index])
    if len(item) == 3:
        return (item[0], item[1]), item[2]
    picture, target = item
    return picture, target


def _kind_of(item: Any) -> TargetKind:
    if isinstance(item, Tensor) or len(item) == 3:
        return "pair"
    target = item[1]
    if isinstance(target, Image.Image):
        return "mask"
    if isinstance(target, bool | float):
        return "other"
    if isinstance(target, int | np.integer):
        return "class"
    whole = isinstance(target, Tensor) and target.ndim == 0 and not target.is_floating_point()
    return "class" if whole else "other"


def _is_in_memory(dataset: Any) -> bool:
    data = getattr(dataset, "data", None)
    if not isinstance(data, np.ndarray | Tensor) or str(data.dtype).rpartition(".")[2] != "uint8":
        return False
    return len(data) == len(dataset) and _layout(data) is not None


def _layout(data: np.ndarray[Any, Any] | Tensor) -> Literal["NHW", "NHWC", "NCHW"] | None:
    if data.ndim == 3:
        return "NHW"
    if data.ndim == 4 and data.shape[3] == 3:
        return "NHWC"
    return "NCHW" if data.ndim == 4 and data.shape[1] == 3 else None


def _all_pixels(data: np.ndarray[Any, Any] | Tensor, mode: str) -> Tensor:
    """Grey or coloured pictures of any layout to (N, H, W, C) in a colour mode."""
    pixels, layout = torch.as_tensor(data), _layout(data)
    if layout == "NHW":
        pixels = pixels.unsqueeze(-1).expand(-1, -1, -1, CHANNELS[mode])
    elif layout == "NCHW":
        pixels = pixels.permute(0, 2, 3, 1)
    if pixels.shape[-1] == CHANNELS[mode]:
        return pixels.contiguous()
    grey = [to_pixels(Image.fromarray(each.contiguous().numpy()), mode) for each in pixels]
    return torch.from_numpy(np.stack(grey))
