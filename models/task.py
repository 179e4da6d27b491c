"""The contract of a task: what a network's output means, how it is trained, scored and compared.

Everything that differs between classification, regression, segmentation and metric learning is
in `tasks/`; trainer, exporter and gate know only this contract.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..core.manifest import TensorSpec
from .dataset import Splits

Floats = NDArray[np.floating]
ClassesOf = Callable[[Floats], NDArray[np.int64]]
TargetKind = Literal["class", "values", "mask"]
SMALLEST_PROBABILITY = 1e-12
IGNORED = -100  # in a mask: no class; also what torch's cross-entropy passes over

_EXPECTED: dict[TargetKind, str] = {
    "class": "the index of a class, a whole number",
    "values": "a float32 tensor with one value for each of its classes",
    "mask": "a mask of class indices, whole numbers of shape (height, width)",
}


class Scorer(Protocol):
    """Adds up answers of exported files, batch by batch, into the task's metrics."""

    def update(self, outputs: Floats, targets: NDArray[np.generic]) -> None:
        """One batch of answers with what they should be."""
        ...

    def compute(self) -> dict[str, float]:
        """The metrics of all batches so far."""
        ...


@dataclass(frozen=True)
class Task:
    """The contract of one kind of learning.

    Attributes:
        activation: builds the module from the network's output to the answer.
        output: name of the answer tensor.
        target: what a target is: `class` (B,) int64, `values` (B, T) float32, or `mask`
            (B, H, W) int64, in which `IGNORED` stands for no class.
        loss: built-in loss of the trainer when the recipe names none.
        metrics: held-out metrics of the trainer when the recipe names none.
        suited_metrics: all that mean something for this task.
        score: the metric that decides which epoch is best, unless the recipe says.
        scorer: metrics of exported files, from answers. Metrics of one name agree with Ignite's.
        classes_of: class indices of answers (B, ...) -> (B, ...), or None where there are none.
    """

    name: str
    activation: Callable[[], nn.Module]
    output: str
    target: TargetKind
    loss: str
    metrics: tuple[str, ...]
    suited_metrics: tuple[str, ...]
    score: str
    scorer: Callable[[], Scorer]
    classes_of: ClassesOf | None = None

    def output_spec(self, shape: Sequence[int]) -> TensorSpec:
        """The answer tensor, from the shape of one answer without the batch axis."""
        return TensorSpec(name=self.output, dtype="float32", shape=(-1, *shape))

    def check_targets(self, splits: Splits) -> None:
        """Check that the data's first target is of this task's kind.

        Raises:
            RecipeError: it is not; a wrong shape would be broadcast without a word.
        """
        target = torch.as_tensor(splits.train[0][1])
        if not self._fits(target, len(splits.classes)):
            given = f"{str(target.dtype).removeprefix('torch.')} of shape {tuple(target.shape)}"
            raise RecipeError(
                [f"data.source: for task {self.name} each target must be "
                 f"{_EXPECTED[self.target]}; the first one is {given}"]
            )  # fmt: skip

    def _fits(self, target: Tensor, classes: int) -> bool:
        whole = not target.is_floating_point() and not target.is_complex()
        match self.target:
            case "class":
                return whole and target.ndim == 0
            case "values":
                return target.dtype == torch.float32 and tuple(target.shape) == (classes,)
            case "mask":
                return whole and target.ndim == 2


class ClassAxis(nn.Module):
    """Logits to probabilities over the class axis, which is axis 1: (B, C, ...) -> same."""

    def forward(self, logits: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...) that sums to 1 over C."""
        return logits.softmax(dim=1)


def most_probable(outputs: Floats) -> NDArray[np.int64]:
    """Probabilities (B, C, ...) -> class indices (B, ...)."""
    return np.asarray(outputs.argmax(axis=1))
