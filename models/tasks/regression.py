"""Regression: one or several numbers a sample."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..task import Floats, Task


class RegressionScorer:
    """Mean absolute, mean squared and root mean squared error over all values of all samples."""

    def __init__(self) -> None:
        self._absolute, self._squared, self._count = 0.0, 0.0, 0

    def update(self, outputs: Floats, targets: NDArray[np.generic]) -> None:
        """Values (B, T) and what they should be, (B, T)."""
        errors = outputs.astype(np.float64) - targets.astype(np.float64)
        self._absolute += float(np.abs(errors).sum())
        self._squared += float((errors**2).sum())
        self._count += errors.size

    def compute(self) -> dict[str, float]:
        """`mean_absolute_error`, `mean_squared_error` and `root_mean_squared_error`."""
        mean_squared_error = self._squared / self._count
        return {
            "mean_absolute_error": self._absolute / self._count,
            "mean_squared_error": mean_squared_error,
            "root_mean_squared_error": math.sqrt(mean_squared_error),
        }


REGRESSION = Task(
    name="regression",
    activation=nn.Identity,
    output="values",
    target="values",
    loss="mean_squared_error",
    metrics=("MeanAbsoluteError", "MeanSquaredError", "RootMeanSquaredError"),
    suited_metrics=(
        "MeanAbsoluteError", "MeanSquaredError", "RootMeanSquaredError", "MeanPairwiseDistance",
        "Loss", "RunningAverage",
    ),
    score="root_mean_squared_error",
    scorer=RegressionScorer,
)  # fmt: skip
