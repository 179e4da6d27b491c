"""Preprocessing as torch modules: the very code that training runs is what is exported."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import CheckpointError, RecipeError
from ..core.manifest import HostPreprocess, ImageInput, NumberInput, TableInput, TensorSpec
from ..core.recipe import ImagePreprocess, NumberPreprocess, Preprocess, TablePreprocess
from .columns import StandardiseColumns
from .dataset import Samples, columns_of, raw_batches

CHANNELS = {"L": 1, "RGB": 3}
FIT_CHUNK = 1024


class ImageToTensor(nn.Module):
    """Raw pixels to what the network sees: resize, scale to 0-1, normalise.

    Args:
        size: height and width of the output.
        mean, std: per channel, for pixels scaled to 0-1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, size: tuple[int, int], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        super().__init__()
        self.height, self.width = size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1) * 255, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, C) uint8 -> (B, C, height, width) float32."""
        pixels = image.permute(0, 3, 1, 2).float()
        pixels = F.interpolate(
            pixels, size=[self.height, self.width], mode="bilinear", antialias=True
        )
        return (pixels - self.mean) / self.std


class NumberToBits(nn.Module):
    """Whole numbers to their binary digits, least significant first."""

    weights: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.register_buffer("weights", 2 ** torch.arange(bits), persistent=False)

    def forward(self, number: Tensor) -> Tensor:
        """(B,) int64 -> (B, bits) float32 of 0 and 1."""
        # Remainders stay whole numbers in ONNX; a floor division would go through float32 there.
        remainders = number.unsqueeze(1) % (2 * self.weights)
        return (remainders >= self.weights).float()


def build_preprocess(preprocess: Preprocess) -> nn.Module:
    """The module of a recipe's `preprocess` section."""
    match preprocess:
        case ImagePreprocess():
            return ImageToTensor(preprocess.size, preprocess.mean, preprocess.std)
        case NumberPreprocess():
            return NumberToBits(preprocess.bits)
        case TablePreprocess():
            return StandardiseColumns()
        case _:
            assert_never(preprocess)


def fit_preprocess(preprocess: nn.Module, samples: Samples) -> None:
    """Let a module that learns from data learn from the training split, before any batch is made.

    Raises:
        RecipeError: the data is not what the module learns from.
    """
    if not isinstance(preprocess, StandardiseColumns):
        return
    columns = columns_of(samples)
    if not columns:
        raise RecipeError(
            ["preprocess: kind table needs data that has `columns` (the names of its features)"]
        )
    rows = torch.cat([raw for raw, _ in raw_batches(samples, FIT_CHUNK)])
    preprocess.fit(columns, rows)


def check_same_fit(preprocess: nn.Module, state: Mapping[str, Any]) -> None:
    """Check that what was learned from the data is what a checkpoint's training had learned.

    Raises:
        CheckpointError: it is not, so that the data is another one.
    """
    if not isinstance(preprocess, StandardiseColumns):
        return
    earlier = StandardiseColumns()
    earlier.load_state_dict(state)
    if preprocess.columns != earlier.columns:
        names = ", ".join(earlier.columns)
        raise CheckpointError(f"the checkpoint is of a table with the columns {names}")
    for index, name in enumerate(earlier.columns):
        pairs = ((preprocess.mean, earlier.mean), (preprocess.std, earlier.std))
        # Another machine may add up in another order.
        if not all(torch.allclose(now[index], then[index], rtol=1e-5) for now, then in pairs):
            raise CheckpointError(
                f"the checkpoint is of other data: column {name!r} had the mean "
                f"{earlier.mean[index]:g}, and now has {preprocess.mean[index]:g}"
            )


def prepare_target(targets: Tensor, inputs: Tensor) -> Tensor:
    """Targets as the network's output has them: masks (B, H, W) in the size of its input."""
    if targets.ndim != 3 or targets.shape[-2:] == inputs.shape[-2:]:
        return targets
    size = inputs.shape[-2:]
    masks = F.interpolate(targets.unsqueeze(1).float(), size=size, mode="nearest-exact")
    return masks[:, 0].to(targets.dtype)


def describe_input(
    preprocess: Preprocess, columns: Sequence[str] = ()
) -> tuple[HostPreprocess, TensorSpec]:
    """What comes before the graph, and the tensor that enters it.

    Args:
        columns: names of the features, where the data is a table.
    """
    match preprocess:
        case ImagePreprocess():
            shape = (-1, -1, -1, CHANNELS[preprocess.mode])
            return ImageInput(mode=preprocess.mode), TensorSpec(
                name="image", dtype="uint8", shape=shape
            )
        case NumberPreprocess():
            host = NumberInput(minimum=0, maximum=2**preprocess.bits - 1)
            return host, TensorSpec(name="number", dtype="int64", shape=(-1,))
        case TablePreprocess():
            spec = TensorSpec(name="row", dtype="float32", shape=(-1, len(columns)))
            return TableInput(columns=tuple(columns)), spec
        case _:
            assert_never(preprocess)


def describe_boundary(preprocess: Preprocess, columns: Sequence[str] = ()) -> TensorSpec:
    """The tensor between preprocessing and network, where all samples have one shape."""
    match preprocess:
        case ImagePreprocess():
            shape = (-1, CHANNELS[preprocess.mode], *preprocess.size)
            return TensorSpec(name="pixels", dtype="float32", shape=shape)
        case NumberPreprocess():
            return TensorSpec(name="digits", dtype="float32", shape=(-1, preprocess.bits))
        case TablePreprocess():
            return TensorSpec(name="features", dtype="float32", shape=(-1, len(columns)))
        case _:
            assert_never(preprocess)
