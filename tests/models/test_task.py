import pytest
import torch
from torch import Tensor

from wfctl.core.errors import RecipeError
from wfctl.models.dataset import Splits
from wfctl.models.tasks.registry import TASKS


class OneSample:
    """A data set whose targets are all alike."""

    classes: tuple[str, ...] = ("a", "b")

    def __init__(self, target: Tensor | int) -> None:
        self.target = target

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | int]:
        return torch.zeros(4), self.target


def splits(target: Tensor | int) -> Splits:
    return Splits(OneSample(target), OneSample(target), "val")


@pytest.mark.parametrize(
    ("task", "target"),
    [
        ("classification", 1),
        ("classification", torch.tensor(1)),
        ("metric-learning", 1),
        ("regression", torch.tensor([0.5, 3.0])),
        ("segmentation", torch.zeros(4, 5, dtype=torch.int64)),
    ],
)
def test_targets_of_the_task_are_taken(task: str, target: Tensor | int) -> None:
    TASKS[task].check_targets(splits(target))


@pytest.mark.parametrize(
    ("task", "target", "given"),
    [
        ("classification", torch.tensor([0.5]), r"float32 of shape \(1,\)"),
        ("regression", 1, r"int64 of shape \(\)"),
        # Broadcast against predictions (B, 2) these would train without an error.
        ("regression", torch.tensor(0.5), r"float32 of shape \(\)"),
        ("regression", torch.tensor([0.5]), r"float32 of shape \(1,\)"),
        ("regression", torch.zeros(2, dtype=torch.float64), r"float64 of shape \(2,\)"),
        ("segmentation", 1, r"int64 of shape \(\)"),
        ("segmentation", torch.zeros(1, 4, 5), r"float32 of shape \(1, 4, 5\)"),
        ("metric-learning", torch.zeros(4, 5, dtype=torch.int64), r"int64 of shape \(4, 5\)"),
    ],
)
def test_other_targets_are_refused(task: str, target: Tensor | int, given: str) -> None:
    message = rf"data.source: for task {task} each target must be .*; the first one is {given}"
    with pytest.raises(RecipeError, match=message):
        TASKS[task].check_targets(splits(target))
