"""Segmentation: one class a pixel."""

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..task import IGNORED, SMALLEST_PROBABILITY, ClassAxis, Floats, Task, most_probable


class PixelCrossEntropy(nn.Module):
    """Mean cross-entropy over the pixels that have a class; 0 where none has one."""

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Logits (B, C, h, w) and class indices (B, h, w), of which `IGNORED` is passed over."""
        total = F.cross_entropy(logits, masks, ignore_index=IGNORED, reduction="sum")
        return total / (masks != IGNORED).sum().clamp(min=1)


class SegmentationScorer:
    """Accuracy over pixels, mean intersection over union, negative log-likelihood a pixel.

    As in Ignite's `mIoU`, a class that is neither in the data nor in the answers counts as 0.
    """

    def __init__(self) -> None:
        self._confusion: NDArray[np.int64] | None = None  # [true, predicted]
        self._loss = 0.0

    def update(self, outputs: Floats, targets: NDArray[np.generic]) -> None:
        """Probabilities (B, C, h, w) and class indices (B, h, w)."""
        classes = outputs.shape[1]
        pixels = np.moveaxis(outputs, 1, -1).reshape(-1, classes).astype(np.float64)
        truth = targets.reshape(-1).astype(np.int64)
        known = truth != IGNORED
        pixels, truth = pixels[known], truth[known]
        counts = np.bincount(truth * classes + pixels.argmax(axis=1), minlength=classes**2)
        previous = 0 if self._confusion is None else self._confusion
        self._confusion = previous + counts.reshape(classes, classes)
        chosen = np.take_along_axis(pixels, truth[:, None], axis=1)
        self._loss -= float(np.log(np.maximum(chosen, SMALLEST_PROBABILITY)).sum())

    def compute(self) -> dict[str, float]:
        """`miou`, `accuracy` and `loss`."""
        assert self._confusion is not None
        correct, count = np.diag(self._confusion), max(int(self._confusion.sum()), 1)
        union = self._confusion.sum(axis=0) + self._confusion.sum(axis=1) - correct
        return {
            "miou": float(np.mean(correct / np.maximum(union, 1))),
            "accuracy": float(correct.sum() / count),
            "loss": self._loss / count,
        }


SEGMENTATION = Task(
    name="segmentation",
    activation=ClassAxis,
    output="probabilities",
    target="mask",
    loss="pixel_cross_entropy",
    metrics=("mIoU", "IoU", "Accuracy", "Loss"),
    suited_metrics=(
        "Accuracy", "Loss", "Precision", "Recall", "TopKCategoricalAccuracy", "RunningAverage",
        "IoU", "mIoU", "ConfusionMatrix",
    ),
    score="miou",
    scorer=SegmentationScorer,
    classes_of=most_probable,
)  # fmt: skip
