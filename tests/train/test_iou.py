import torch
from ignite.engine import Engine
from ignite.metrics import ConfusionMatrix, IoU, mIoU
from torch import Tensor

from wfctl.train.iou import IntersectionOverUnion, MeanIntersectionOverUnion

CLASSES = 5


def batches() -> list[tuple[Tensor, Tensor]]:
    """Predictions and masks in which class 4 is nowhere."""
    torch.manual_seed(1)
    pairs = [(torch.randn(3, CLASSES, 6, 7), torch.randint(CLASSES - 1, (3, 6, 7)))
             for _ in range(3)]  # fmt: skip
    for predictions, _ in pairs:
        predictions[:, CLASSES - 1] = -9
    return pairs


def test_values_are_those_of_ignite() -> None:
    evaluator = Engine(lambda _, batch: batch)
    IoU(ConfusionMatrix(CLASSES)).attach(evaluator, "theirs")
    mIoU(ConfusionMatrix(CLASSES)).attach(evaluator, "their_mean")
    IntersectionOverUnion(CLASSES).attach(evaluator, "ours")
    MeanIntersectionOverUnion(CLASSES).attach(evaluator, "our_mean")
    metrics = evaluator.run(batches()).metrics
    torch.testing.assert_close(metrics["ours"], metrics["theirs"])
    assert float(metrics["ours"][-1]) == 0
    torch.testing.assert_close(metrics["our_mean"], metrics["their_mean"])
