"""Scores to labelled answers: the same for `wfctl predict` and for the service."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray


class Prediction(TypedDict):
    """One candidate answer. `score` is a probability between 0 and 1."""

    label: str
    index: int
    score: float


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
