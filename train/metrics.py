"""Ignite's metrics by name, as recipes list them."""

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from ignite.metrics import (
    Accuracy,
    ConfusionMatrix,
    IoU,
    Loss,
    MeanAbsoluteError,
    MeanPairwiseDistance,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    RootMeanSquaredError,
    RunningAverage,
    TopKCategoricalAccuracy,
    mIoU,
)
from torch import Tensor

from ..core.errors import RecipeError
from .step import StepOutput

LossFunction = Callable[[Tensor, Tensor], Tensor]
MetricValue = float | list[Any]
LOWER_IS_BETTER = frozenset({
    "loss", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error",
    "mean_pairwise_distance", "running_average",
})  # fmt: skip
NAMES = (
    "Accuracy", "Loss", "Precision", "Recall", "TopKCategoricalAccuracy", "MeanAbsoluteError",
    "MeanSquaredError", "RootMeanSquaredError", "MeanPairwiseDistance", "RunningAverage", "IoU",
    "mIoU", "ConfusionMatrix",
)  # fmt: skip


def check_metrics(names: Sequence[str], key: str) -> None:
    """Check the names of metrics without building any.

    Raises:
        RecipeError: an unknown name, with the nearest; all of them at once.
    """
    faults = []
    for name in names:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(NAMES)}"
            faults.append(f"{key}: unknown metric {name!r} ({hint})")
    if faults:
        raise RecipeError(faults)


def build_metrics(
    names: Sequence[str], loss: LossFunction, classes: int, device: torch.device
) -> dict[str, Metric]:
    """Metrics over outputs of type `StepOutput`, keyed by `result_name`."""
    pair = _predictions_and_targets
    builders: Mapping[str, Callable[[], Metric]] = {
        "Accuracy": lambda: Accuracy(pair, device=device),
        "Loss": lambda: Loss(loss, pair, batch_size=len, device=device),
        "Precision": lambda: Precision(pair, average="macro", device=device),
        "Recall": lambda: Recall(pair, average="macro", device=device),
        "TopKCategoricalAccuracy": lambda: TopKCategoricalAccuracy(
            min(5, classes), pair, device=device
        ),
        "MeanAbsoluteError": lambda: MeanAbsoluteError(pair, device=device),
        "MeanSquaredError": lambda: MeanSquaredError(pair, device=device),
        "RootMeanSquaredError": lambda: RootMeanSquaredError(pair, device=device),
        "MeanPairwiseDistance": lambda: MeanPairwiseDistance(output_transform=pair, device=device),
        "RunningAverage": lambda: RunningAverage(output_transform=_loss, device=device),
        "IoU": lambda: IoU(ConfusionMatrix(classes, output_transform=pair, device=device)),
        "mIoU": lambda: mIoU(ConfusionMatrix(classes, output_transform=pair, device=device)),
        "ConfusionMatrix": lambda: ConfusionMatrix(classes, output_transform=pair, device=device),
    }
    return {result_name(name): builders[name]() for name in names}


def result_name(name: str) -> str:
    """`TopKCategoricalAccuracy` -> `top_k_categorical_accuracy`, `mIoU` -> `miou`."""
    if name in {"IoU", "mIoU"}:
        return name.lower()
    return re.sub(r"(?<=[a-zK])(?=[A-Z])", "_", name).lower()


def plain_value(value: Any) -> MetricValue:
    """A metric's value as JSON can hold it."""
    if isinstance(value, Tensor):
        value = value.tolist()
    return value if isinstance(value, list) else float(value)


def score_of(metrics: Mapping[str, MetricValue], name: str) -> float | None:
    """A metric as a score, of which higher is better; None when it is no finite number."""
    value = metrics.get(name)
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    return -value if name in LOWER_IS_BETTER else value


def _predictions_and_targets(output: StepOutput) -> tuple[Tensor, Tensor]:
    return output.predictions, output.targets


def _loss(output: StepOutput) -> Tensor:
    return output.loss
