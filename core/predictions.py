"""Outputs to labelled answers: the same for `wfctl predict` and for the service.

What an answer to one sample holds depends on the task:

    classification   [{"label", "index", "score"}, ...]   probability, the best first
    segmentation     [{"label", "index", "score"}, ...]   share of the pixels, the largest first
    regression       [{"label", "index", "value"}, ...]   every target, in the order of the labels
    metric-learning  [{"embedding": [...]}]               of length 1
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .manifest import Manifest

Predictions = Sequence[Mapping[str, Any]]


class Prediction(TypedDict):
    """One candidate answer. `score` is a probability, or a share of pixels, from 0 to 1."""

    label: str
    index: int
    score: float


class Value(TypedDict):
    """One number of a regression. `label` is the name of its target."""

    label: str
    index: int
    value: float


class Embedding(TypedDict):
    """Where a sample lies among others: near to those that are like it."""

    embedding: list[float]


def label_outputs(
    manifest: Manifest, outputs: NDArray[np.floating], top_k: int | None = None
) -> Predictions:
    """The answer to one sample.

    Args:
        outputs: the model's first output, without the batch axis.
        top_k: candidates; None takes what the recipe says.

    Raises:
        InputError: `top_k` is given where the task has no candidates.
    """
    if manifest.task not in {"regression", "metric-learning"}:
        count = manifest.top_k if top_k is None else top_k
        scores = pixel_shares(outputs) if manifest.task == "segmentation" else outputs
        return top_predictions(scores, manifest.labels, count)
    if top_k is not None:
        raise InputError(f"top_k is for candidates; {manifest.name} ({manifest.task}) has none")
    if manifest.task == "regression":
        return target_values(outputs, manifest.labels)
    return [Embedding(embedding=outputs.tolist())]


def top_predictions(
    probabilities: NDArray[np.floating], labels: Sequence[str], top_k: int
) -> list[Prediction]:
    """The `top_k` most probable labels, best first; equal scores keep the order of the labels.

    Args:
        probabilities: shape (len(labels),).
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return [
        {"label": labels[index], "index": int(index), "score": float(probabilities[index])}
        for index in order
    ]


def pixel_shares(probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
    """Probabilities (C, h, w) -> for each class the share of pixels where it is most probable."""
    best = probabilities.argmax(axis=0)
    return np.asarray(np.bincount(best.ravel(), minlength=len(probabilities)) / best.size)


def target_values(values: NDArray[np.floating], labels: Sequence[str]) -> list[Value]:
    """Values (len(labels),) with the names of their targets."""
    return [
        {"label": label, "index": index, "value": float(value)}
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
