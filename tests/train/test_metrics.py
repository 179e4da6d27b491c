import io
import json
import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from torch import Tensor

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Train
from wfctl.models.task import IGNORED, Task
from wfctl.models.tasks.registry import TASKS
from wfctl.train.batch import Batch
from wfctl.train.build import build_loss
from wfctl.train.handlers.epoch_metrics import EpochMetrics
from wfctl.train.metrics import (
    NAMES,
    MetricValue,
    build_metrics,
    check_metrics,
    check_score,
    plain_value,
    result_name,
    score_of,
)
from wfctl.train.step import StepOutput

CLASSES = 4
CPU = torch.device("cpu")
PAIRS = [(task, name) for task in TASKS.values() for name in task.suited_metrics]


def outputs_of(task: Task) -> list[tuple[Tensor, Tensor]]:
    """Predictions of a network with their targets, in batches of different size."""
    torch.manual_seed(3)
    batches = []
    for size in (5, 8, 2):
        match task.target:
            case "class":
                pair = torch.randn(size, CLASSES), torch.randint(CLASSES, (size,))
            case "values":
                pair = torch.randn(size, CLASSES) * 50, torch.randn(size, CLASSES) * 50
            case "mask":
                masks = torch.randint(CLASSES, (size, 6, 7))
                masks[torch.rand(masks.shape) < 0.1] = IGNORED
                pair = torch.randn(size, CLASSES, 6, 7), masks
        batches.append(pair)
    return batches


def measure(task: Task, names: Sequence[str]) -> dict[str, MetricValue]:
    """What a run logs for metrics by name."""
    loss = build_loss(task.loss)

    def step(engine: Engine, batch: tuple[Tensor, Tensor]) -> StepOutput:
        return StepOutput(loss(*batch), *batch)

    evaluator = Engine(step)
    for name, metric in build_metrics(names, task, loss, CLASSES, CPU).items():
        metric.attach(evaluator, name)
    values = evaluator.run(outputs_of(task)).metrics
    return {name: plain_value(value) for name, value in values.items()}


@pytest.mark.parametrize(("task", "name"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_every_suited_metric_has_a_value_that_json_can_hold(task: Task, name: str) -> None:
    value = measure(task, [name])[result_name(name)]
    flat = np.ravel(json.loads(json.dumps(value)))
    assert len(flat) == {"IoU": CLASSES, "ConfusionMatrix": CLASSES**2}.get(name, 1)
    assert np.isfinite(flat).all()


@pytest.mark.parametrize(("task", "name"), PAIRS, ids=lambda each: getattr(each, "name", each))
def test_a_stop_in_mid_epoch_changes_no_metric(task: Task, name: str) -> None:
    loss, batches = build_loss(task.loss), outputs_of(task)

    def run(metrics: EpochMetrics, some: Sequence[tuple[Tensor, Tensor]]) -> None:
        trainer = Engine(lambda _, batch: StepOutput(loss(*batch[:2]), *batch[:2]))
        metrics.attach(trainer)
        trainer.run([Batch(*pair, torch.arange(len(pair[0]))) for pair in some])

    def build() -> EpochMetrics:
        return EpochMetrics(build_metrics([name], task, loss, CLASSES, CPU))

    whole, stopped, resumed = build(), build(), build()
    run(whole, batches)
    run(stopped, batches[:2])
    stream = io.BytesIO()
    torch.save(stopped.state_dict(), stream)
    stream.seek(0)
    resumed.load_state_dict(torch.load(stream, weights_only=True))
    run(resumed, batches[2:])
    assert resumed.finish_epoch() == whole.finish_epoch()


def test_every_metric_is_of_some_task() -> None:
    assert {name for _, name in PAIRS} == {*NAMES}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_what_training_logs_is_what_an_exported_file_scores(task: Task) -> None:
    """Ignite over the network's outputs, NumPy over those of the exported pipeline."""
    scorer, activation = task.scorer(), task.activation()
    for predictions, targets in outputs_of(task):
        scorer.update(activation(predictions).numpy(), targets.numpy())
    scored = scorer.compute()
    names = [name for name in task.suited_metrics if result_name(name) in scored]
    logged = measure(task, names)
    assert logged == pytest.approx(scored, rel=1e-5)
    assert task.score in scored
    assert result_name("Accuracy") in scored or task.target != "mask"


def test_pixels_of_no_class_count_for_nothing() -> None:
    task, (predictions, masks) = TASKS["segmentation"], outputs_of(TASKS["segmentation"])[0]
    known = masks != IGNORED
    correct = (predictions.argmax(dim=1) == masks)[known]
    loss = torch.nn.functional.cross_entropy(predictions, masks, ignore_index=IGNORED)
    step = StepOutput(loss, predictions, masks)
    engine = Engine(lambda *_: step)
    for name, metric in build_metrics(
        ["Accuracy", "Loss", "ConfusionMatrix"], task, build_loss(task.loss), CLASSES, CPU
    ).items():
        metric.attach(engine, name)
    metrics = engine.run([None]).metrics
    assert metrics["accuracy"] == pytest.approx(float(correct.float().mean()))
    assert metrics["loss"] == pytest.approx(float(loss), rel=1e-6)
    assert int(metrics["confusion_matrix"].sum()) == int(known.sum())


def test_errors_of_several_values_are_means_over_values() -> None:
    """Ignite's own divide by the number of samples."""
    predictions, targets = (
        torch.cat(each) for each in zip(*outputs_of(TASKS["regression"]), strict=True)
    )
    difference = predictions - targets
    metrics = measure(
        TASKS["regression"], ["MeanAbsoluteError", "RootMeanSquaredError", "MeanPairwiseDistance"]
    )
    assert metrics["mean_absolute_error"] == pytest.approx(float(difference.abs().mean()))
    expected = math.sqrt(float(difference.square().mean()))
    assert metrics["root_mean_squared_error"] == pytest.approx(expected)
    distance = float(difference.norm(dim=1).mean())
    assert metrics["mean_pairwise_distance"] == pytest.approx(distance, rel=1e-5)


@pytest.mark.parametrize(
    ("task", "name"),
    [("regression", "IoU"), ("classification", "MeanSquaredError"), ("segmentation", "RecallAt1")],
)
def test_a_metric_that_means_nothing_for_the_task_is_refused(task: str, name: str) -> None:
    message = rf"train.metrics: {name} means nothing for task {task} \(it has: "
    with pytest.raises(RecipeError, match=message):
        check_metrics([name], "train.metrics", TASKS[task])


def test_all_unknown_metrics_are_named_with_the_nearest() -> None:
    with pytest.raises(RecipeError) as caught:
        check_metrics(["Acuracy", "Loss", "mIOU"], "train.metrics", TASKS["segmentation"])
    assert caught.value.faults == (
        "train.metrics: unknown metric 'Acuracy' (did you mean 'Accuracy'?)",
        "train.metrics: unknown metric 'mIOU' (did you mean 'mIoU'?)",
    )


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_measures_its_own_score(task: Task) -> None:
    check_metrics(task.metrics, "train.metrics", task)
    check_score(Train(epochs=1), task)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (Train(epochs=1, score="mioo"), r"'mioo' is not one of .* \(did you mean 'miou'\?\)"),
        (Train(epochs=1, score="iou"), "'iou' is not one of the numbers of train.metrics"),
        (
            Train(epochs=1, metrics=("Accuracy",)),
            r"'miou', the score of task segmentation, is not one of .* \(there are: accuracy\)",
        ),
    ],
)
def test_a_score_that_is_never_measured_is_refused(train: Train, message: str) -> None:
    with pytest.raises(RecipeError, match=f"^train.score: {message}"):
        check_score(train, TASKS["segmentation"])


def test_errors_are_better_when_lower() -> None:
    metrics = cast(dict[str, MetricValue], {"root_mean_squared_error": 2.0, "miou": 0.5})
    assert score_of(metrics, "root_mean_squared_error") == -2.0
    assert score_of(metrics, "miou") == 0.5
    assert score_of({"miou": math.nan}, "miou") is None
    assert score_of({"iou": [0.5]}, "iou") is None
