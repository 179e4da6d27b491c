"""Tasks: what a network's output means, how it is trained, scored and compared.

Everything that differs between classification, regression, segmentation and metric learning is
here; trainer, exporter and gate know only this contract.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.manifest import TensorSpec

Floats = NDArray[np.floating]
ClassesOf = Callable[[Floats], NDArray[np.int64]]
SMALLEST_PROBABILITY = 1e-12


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
        loss: built-in loss of the trainer when the recipe names none.
        metrics: held-out metrics of the trainer when the recipe names none.
        score: the metric that decides which epoch is best, unless the recipe says.
        scorer: metrics of exported files, from answers.
        classes_of: class indices of answers (B, ...) -> (B, ...), or None where there are none.
    """

    name: str
    activation: Callable[[], nn.Module]
    output: str
    loss: str
    metrics: tuple[str, ...]
    score: str
    scorer: Callable[[], Scorer]
    classes_of: ClassesOf | None = None

    def output_spec(self, shape: Sequence[int]) -> TensorSpec:
        """The answer tensor, from the shape of one answer without the batch axis."""
        return TensorSpec(name=self.output, dtype="float32", shape=(-1, *shape))


class ClassAxis(nn.Module):
    """Logits to probabilities over the class axis, which is axis 1: (B, C, ...) -> same."""

    def forward(self, logits: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...) that sums to 1 over C."""
        return logits.softmax(dim=1)


class ClassificationScorer:
    """Accuracy, and the mean negative log-likelihood as `loss`."""

    def __init__(self) -> None:
        self._correct, self._loss, self._count = 0, 0.0, 0

    def update(self, outputs: Floats, targets: NDArray[np.generic]) -> None:
        """Probabilities (B, C) and classes (B,)."""
        self._correct += int((outputs.argmax(axis=1) == targets).sum())
        chosen = np.take_along_axis(outputs.astype(np.float64), targets[:, None], axis=1)  # type: ignore[arg-type]
        self._loss -= float(np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).sum())
        self._count += len(targets)

    def compute(self) -> dict[str, float]:
        """`accuracy` and `loss`."""
        return {"accuracy": self._correct / self._count, "loss": self._loss / self._count}


def most_probable(outputs: Floats) -> NDArray[np.int64]:
    """Probabilities (B, C, ...) -> class indices (B, ...)."""
    return np.asarray(outputs.argmax(axis=1))


CLASSIFICATION = Task(
    name="classification",
    activation=ClassAxis,
    output="probabilities",
    loss="cross_entropy",
    metrics=("Accuracy", "Loss"),
    score="accuracy",
    scorer=ClassificationScorer,
    classes_of=most_probable,
)

TASKS: Mapping[str, Task] = {task.name: task for task in (CLASSIFICATION,)}
