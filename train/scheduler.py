"""Schedulers of torch by name, with a linear warm-up in front."""

import difflib
import inspect
from typing import Any

import torch
from torch.optim.lr_scheduler import (
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

from ..core.errors import RecipeError
from ..core.recipe import Train

LENGTH_OPTIONS = ("T_max", "total_steps", "total_iters")  # filled in when the recipe is silent
NOT_BY_NAME = frozenset({"LRScheduler", "LambdaLR", "MultiplicativeLR", "SequentialLR",
                         "ChainedScheduler"})  # fmt: skip


def check_scheduler(train: Train) -> None:
    """Check the scheduler of a recipe and its options without building it.

    Raises:
        RecipeError: all faults at once.
    """
    faults: list[str] = []
    if train.warmup_iterations and train.scheduler and train.scheduler_step == "epoch":
        faults.append(
            "train.warmup_iterations: goes with train.scheduler_step: iteration, or no scheduler"
        )
    if train.scheduler is not None:
        schedulers = _schedulers()
        if train.scheduler not in schedulers:
            faults.append(
                f"train.scheduler: torch.optim.lr_scheduler has no {train.scheduler!r}"
                f"{_nearest(train.scheduler, list(schedulers))}"
            )
        else:
            found = schedulers[train.scheduler]
            if found is ReduceLROnPlateau and train.scheduler_step == "iteration":
                faults.append("train.scheduler_step: ReduceLROnPlateau goes by epoch")
            valid = [each for each in inspect.signature(found).parameters if each != "optimizer"]
            faults.extend(
                f"train.scheduler_options.{option}: {train.scheduler} has no such option"
                f"{_nearest(option, valid)}"
                for option in train.scheduler_options
                if option not in valid
            )
    if faults:
        raise RecipeError(faults)


def why_not_extended(train: Train) -> str | None:
    """Why a training cannot be given another number of epochs, or None where it can.

    It can where its schedule up to now would have been the same with that number.
    """
    if train.scheduler is None:
        return None
    parameters = inspect.signature(_schedulers()[train.scheduler]).parameters
    for option in LENGTH_OPTIONS:
        if option in parameters and option not in train.scheduler_options:
            return (
                f"{train.scheduler} was laid out for {train.epochs} epochs; only a run begun with "
                f"train.scheduler_options.{option} can be given others"
            )
    if "total_steps" in parameters:
        return f"{train.scheduler} ends behind its total_steps"
    return None


def build_scheduler(
    train: Train, optimizer: torch.optim.Optimizer, epoch_length: int
) -> LRScheduler | None:
    """The scheduler of a recipe; None where the rate stays as it is.

    `T_max`, `total_steps` and `total_iters` follow from the length of training when not given.

    Raises:
        RecipeError: an option is missing or out of range.
    """
    steps = train.epochs * (epoch_length if train.scheduler_step == "iteration" else 1)
    warmup = train.warmup_iterations
    try:
        parts: list[LRScheduler] = []
        if warmup:
            parts.append(LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup))
        if train.scheduler is not None:
            found = _schedulers()[train.scheduler]
            options: dict[str, Any] = dict(train.scheduler_options)
            for option in LENGTH_OPTIONS:
                if option in inspect.signature(found).parameters:
                    options.setdefault(option, max(steps - warmup, 1))
            parts.append(found(optimizer, **options))
        if len(parts) == 2:
            return SequentialLR(optimizer, parts, milestones=[warmup])
    except (TypeError, ValueError) as error:
        raise RecipeError([f"train.scheduler_options: {error}"]) from error
    return parts[0] if parts else None


def _schedulers() -> dict[str, type[LRScheduler]]:
    return {
        name: value
        for name, value in vars(torch.optim.lr_scheduler).items()
        if isinstance(value, type) and issubclass(value, LRScheduler) and name not in NOT_BY_NAME
        and not name.startswith("_")
    }  # fmt: skip


def _nearest(name: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    return f" (did you mean {close[0]!r}?)" if close else f" (valid: {', '.join(valid)})"
