"""Metric learning: samples of one class close together, of different classes apart."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..task import Floats, Task

ROWS_AT_ONCE = 1024


class UnitLength(nn.Module):
    """Embeddings to length 1."""

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        return F.normalize(embeddings, dim=1)


def embedding_metrics(embeddings: Floats, classes: NDArray[np.generic]) -> dict[str, float]:
    """How well a whole split is told apart by distance.

    Args:
        embeddings: shape (N, D); they are normalised here.
        classes: shape (N,).

    Returns:
        `recall_at_1`: the share of samples whose nearest other sample is of their class.
        `mean_pairwise_distance`: between two samples of one class, over all such pairs.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings.astype(np.float64) / np.maximum(lengths, 1e-12)
    found, distance, pairs = 0, 0.0, 0
    for start in range(0, len(units), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(units)))
        similarity = units[rows] @ units.T
        same = classes[rows, None] == classes[None]
        same[np.arange(len(rows)), rows] = False  # a sample is no pair with itself
        distances = np.sqrt(np.maximum(2 - 2 * similarity, 0))
        distance, pairs = distance + float(distances[same].sum()), pairs + int(same.sum())
        similarity[np.arange(len(rows)), rows] = -np.inf
        nearest = similarity.argmax(axis=1)
        found += int((classes[nearest] == classes[rows]).sum()) if len(units) > 1 else 0
    return {
        "recall_at_1": found / len(units),
        "mean_pairwise_distance": distance / max(pairs, 1),
    }


class MetricLearningScorer:
    """`embedding_metrics` of a whole split."""

    def __init__(self) -> None:
        self._embeddings: list[Floats] = []
        self._classes: list[NDArray[np.generic]] = []

    def update(self, outputs: Floats, targets: NDArray[np.generic]) -> None:
        """Embeddings (B, D) and classes (B,)."""
        self._embeddings.append(outputs)
        self._classes.append(targets)

    def compute(self) -> dict[str, float]:
        """`recall_at_1` and `mean_pairwise_distance`."""
        return embedding_metrics(np.concatenate(self._embeddings), np.concatenate(self._classes))


class ContrastiveLoss(nn.Module):
    """Over all pairs of a batch: pull those of one class together, push the others apart.

    The mean over the pairs of one class of distance², and over the other pairs of
    max(0, margin - distance)²; the sum of both.

    Args:
        margin: the distance from which on two classes are far enough apart, of at most 2.
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Embeddings (B, D), normalised here, and classes (B,)."""
        distances, same, other = _pairs(embeddings, classes)
        pulled = distances.square() * same
        pushed = (self.margin - distances).clamp(min=0).square() * other
        return pulled.sum() / same.sum().clamp(min=1) + pushed.sum() / other.sum().clamp(min=1)


class TripletLoss(nn.Module):
    """Each sample shall be nearer to the farthest of its class than to the nearest other one.

    max(0, margin + farthest of its class - nearest of another), the mean over all samples of a
    batch that have both.

    Args:
        margin: how much nearer.
    """

    def __init__(self, margin: float = 0.3) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Embeddings (B, D), normalised here, and classes (B,)."""
        distances, same, other = _pairs(embeddings, classes)
        farthest = (distances * same).amax(dim=1)
        nearest = distances.masked_fill(~other, 2.0).amin(dim=1)
        complete = same.any(dim=1) & other.any(dim=1)
        losses = (self.margin + farthest - nearest).clamp(min=0) * complete
        return losses.sum() / complete.sum().clamp(min=1)


def _pairs(embeddings: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances, and which pairs are of one class and of two, all (B, B); none with itself."""
    units = F.normalize(embeddings.float(), dim=1)
    # Not by a matrix product, which mixed precision would round to 8 bits.
    distances = torch.cdist(units, units, compute_mode="donot_use_mm_for_euclid_dist")
    equal = classes[:, None] == classes[None]
    same = equal.clone().fill_diagonal_(False)
    return distances, same, ~equal


METRIC_LEARNING = Task(
    name="metric-learning",
    activation=UnitLength,
    output="embedding",
    target="class",
    loss="contrastive",
    metrics=("RecallAt1", "MeanPairwiseDistance", "Loss"),
    suited_metrics=("RecallAt1", "MeanPairwiseDistance", "Loss", "RunningAverage"),
    score="recall_at_1",
    scorer=MetricLearningScorer,
)
