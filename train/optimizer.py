"""Optimisers of torch by name."""

import difflib
import inspect
from typing import Any

import torch

from ..core.errors import RecipeError
from ..core.recipe import Train


def find_optimizer(train: Train) -> type[torch.optim.Optimizer]:
    """The class in torch.optim that a recipe names, known to take the recipe's options.

    Raises:
        RecipeError: unknown names, the nearest ones given.
    """
    optimizers = _optimizers()
    if train.optimizer not in optimizers:
        hint = _nearest(train.optimizer, list(optimizers))
        raise RecipeError([f"train.optimizer: torch.optim has no {train.optimizer!r}{hint}"])
    found = optimizers[train.optimizer]
    valid = [name for name in inspect.signature(found).parameters if name not in {"params", "lr"}]
    faults = [
        f"train.optimizer_options.{name}: "
        f"{train.optimizer} has no such option{_nearest(name, valid)}"
        for name in train.optimizer_options
        if name not in valid
    ]
    if faults:
        raise RecipeError(faults)
    return found


def build_optimizer(train: Train, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser of a recipe over groups of parameters, each with its `lr`."""
    options: dict[str, Any] = dict(train.optimizer_options)
    try:
        return find_optimizer(train)(groups, lr=train.lr, **options)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise RecipeError([f"train.optimizer_options: {error}"]) from error


def _optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    return {
        name: value for name, value in vars(torch.optim).items()
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
    }  # fmt: skip


def _nearest(name: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    return f" (did you mean {close[0]!r}?)" if close else f" (valid: {', '.join(valid)})"
