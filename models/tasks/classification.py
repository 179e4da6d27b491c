"""Classification: one class a sample."""

import numpy as np
from numpy.typing import NDArray

from ..task import SMALLEST_PROBABILITY, ClassAxis, Floats, Task, most_probable


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


CLASSIFICATION = Task(
    name="classification",
    activation=ClassAxis,
    output="probabilities",
    target="class",
    loss="cross_entropy",
    metrics=("Accuracy", "Loss"),
    suited_metrics=(
        "Accuracy", "Loss", "Precision", "Recall", "TopKCategoricalAccuracy", "RunningAverage",
        "IoU", "mIoU", "ConfusionMatrix",
    ),
    score="accuracy",
    scorer=ClassificationScorer,
    classes_of=most_probable,
)  # fmt: skip
