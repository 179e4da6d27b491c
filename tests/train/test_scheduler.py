import math

import pytest
import torch

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Train
from wfctl.train.scheduler import build_scheduler, check_scheduler


def optimizer(lr: float = 1.0) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(train: Train, steps: int, epoch_length: int = 10) -> list[float]:
    over = optimizer(train.lr)
    scheduler = build_scheduler(train, over, epoch_length)
    assert scheduler is not None
    seen = []
    for _ in range(steps):
        seen.append(over.param_groups[0]["lr"])
        over.step()
        scheduler.step()
    return seen


def test_no_scheduler_leaves_the_rate() -> None:
    assert build_scheduler(Train(epochs=1), optimizer(), epoch_length=10) is None


def test_cosine_length_follows_from_the_epochs() -> None:
    train = Train(epochs=4, lr=1.0, scheduler="CosineAnnealingLR")
    expected = [0.5 * (1 + math.cos(math.pi * step / 4)) for step in range(4)]
    assert rates(train, 4) == pytest.approx(expected)


def test_length_given_by_the_recipe_wins() -> None:
    train = Train(epochs=4, lr=1.0, scheduler="CosineAnnealingLR", scheduler_options={"T_max": 8})
    assert rates(train, 2)[1] == pytest.approx(0.5 * (1 + math.cos(math.pi / 8)))


def test_warmup_grows_linearly_and_hands_over() -> None:
    train = Train(
        epochs=2, lr=1.0, scheduler="CosineAnnealingLR", scheduler_step="iteration",
        warmup_iterations=4,
    )  # fmt: skip
    seen = rates(train, 20)
    assert seen[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert seen[4] == pytest.approx(1.0)
    assert seen[5:] == sorted(seen[5:], reverse=True)


def test_warmup_alone_ends_at_the_full_rate() -> None:
    assert rates(Train(epochs=1, lr=1.0, warmup_iterations=2), 5)[2:] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "CosineAnealingLR"}, r"no 'CosineAnealingLR' \(did you mean 'CosineAnn"),
        (
            {"scheduler": "StepLR", "scheduler_options": {"step_sise": 2}},
            r"scheduler_options.step_sise: StepLR has no such option \(did you mean 'step_size'",
        ),
        (
            {"scheduler": "StepLR", "scheduler_options": {"step_size": 2}, "warmup_iterations": 3},
            r"train.warmup_iterations: goes with train.scheduler_step: iteration",
        ),
        (
            {"scheduler": "ReduceLROnPlateau", "scheduler_step": "iteration"},
            "ReduceLROnPlateau goes by epoch",
        ),
    ],
)
def test_faults_are_found_before_anything_is_built(
    options: dict[str, object], message: str
) -> None:
    train = Train.model_validate({"epochs": 1, **options})
    with pytest.raises(RecipeError, match=message):
        check_scheduler(train)


def test_missing_option_names_the_key() -> None:
    with pytest.raises(RecipeError, match=r"train.scheduler_options: .*step_size"):
        build_scheduler(Train(epochs=1, scheduler="StepLR"), optimizer(), epoch_length=1)
