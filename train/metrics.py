"""Ignite's metrics by name, as recipes list them, and the two of embeddings."""

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
from ..core.recipe import Train
from ..models.task import IGNORED, TargetKind, Task
from .embedding_metric import EmbeddingMetric
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
    "mIoU", "ConfusionMatrix", "RecallAt1",
)  # fmt: skip
RESULT_NAMES: Mapping[str, str] = {"IoU": "iou", "mIoU": "miou", "RecallAt1": "recall_at_1"}
NOT_SCORES = frozenset({"iou", "confusion_matrix"})  # their values are lists


def check_metrics(names: Sequence[str], key: str, task: Task) -> None:
    """Check the names of metrics without building any.

    Raises:
        RecipeError: an unknown name, with the nearest, or one that means nothing for the task;
            all of them at once.
    """
    faults = []
    for name in names:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(NAMES)}"
            faults.append(f"{key}: unknown metric {name!r} ({hint})")
        elif name not in task.suited_metrics:
            suited = ", ".join(task.suited_metrics)
            faults.append(f"{key}: {name} means nothing for task {task.name} (it has: {suited})")
    if faults:
        raise RecipeError(faults)


def check_score(train: Train, task: Task) -> None:
    """Check that the score is one of the held-out metrics.

    Raises:
        RecipeError: it is not, so that no epoch would ever be the best.
    """
    names = train.metrics or task.metrics
    usable = [name for name in map(result_name, names) if name not in NOT_SCORES]
    score = train.score or task.score
    if score in usable or not {*names} <= {*task.suited_metrics}:  # that is a fault of its own
        return
    close = difflib.get_close_matches(score, usable, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(usable) or 'none'}"
    said = "" if train.score else f", the score of task {task.name},"
    raise RecipeError(
        [f"train.score: {score!r}{said} is not one of the numbers of train.metrics ({hint})"]
    )


def build_metrics(
    names: Sequence[str], task: Task, loss: LossFunction, classes: int, device: torch.device
) -> dict[str, Metric]:
    """Metrics over outputs of type `StepOutput`, keyed by `result_name`."""
    pair, whole_pair, count = _PAIRS[task.target], _predictions_and_targets, _COUNTS[task.target]
    embeds = task.name == "metric-learning"

    def pairwise_distance() -> Metric:
        if embeds:
            return EmbeddingMetric("mean_pairwise_distance", whole_pair, device)
        return MeanPairwiseDistance(output_transform=whole_pair, device=device)

    builders: Mapping[str, Callable[[], Metric]] = {
        "Accuracy": lambda: Accuracy(pair, device=device),
        "Loss": lambda: Loss(loss, whole_pair, batch_size=count, device=device),
        "Precision": lambda: Precision(pair, average="macro", device=device),
        "Recall": lambda: Recall(pair, average="macro", device=device),
        "TopKCategoricalAccuracy": lambda: TopKCategoricalAccuracy(
            min(5, classes), pair, device=device
        ),
        "MeanAbsoluteError": lambda: MeanAbsoluteError(pair, device=device),
        "MeanSquaredError": lambda: MeanSquaredError(pair, device=device),
        "RootMeanSquaredError": lambda: RootMeanSquaredError(pair, device=device),
        "MeanPairwiseDistance": pairwise_distance,
        "RecallAt1": lambda: EmbeddingMetric("recall_at_1", whole_pair, device),
        "RunningAverage": lambda: RunningAverage(output_transform=_loss, device=device),
        "IoU": lambda: IoU(ConfusionMatrix(classes, output_transform=pair, device=device)),
        "mIoU": lambda: mIoU(ConfusionMatrix(classes, output_transform=pair, device=device)),
        "ConfusionMatrix": lambda: ConfusionMatrix(classes, output_transform=pair, device=device),
    }
    return {result_name(name): builders[name]() for name in names}


def result_name(name: str) -> str:
    """`TopKCategoricalAccuracy` -> `top_k_categorical_accuracy`, `mIoU` -> `miou`."""
    if name in RESULT_NAMES:
        return RESULT_NAMES[name]
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


def _known_pixels(output: StepOutput) -> tuple[Tensor, Tensor]:
    """(B, C, h, w) and (B, h, w) -> (N, C) and (N,), of the pixels that have a class."""
    known = output.targets != IGNORED
    return output.predictions.movedim(1, -1)[known], output.targets[known]


def _all_values(output: StepOutput) -> tuple[Tensor, Tensor]:
    """(B, T) -> (B * T,): Ignite's errors are sums over the values of a sample, not means."""
    return output.predictions.flatten(), output.targets.flatten()


def _count_known(targets: Tensor) -> int:
    return int((targets != IGNORED).sum())


_PAIRS: Mapping[TargetKind, Callable[[StepOutput], tuple[Tensor, Tensor]]] = {
    "class": _predictions_and_targets,
    "values": _all_values,
    "mask": _known_pixels,
}
_COUNTS: Mapping[TargetKind, Callable[[Tensor], int]] = {
    "class": len,
    "values": len,
    "mask": _count_known,
}


def _loss(output: StepOutput) -> Tensor:
    return output.loss
