"""Augmentation by torchvision's v2 transforms, as a function of (seed, epoch, sample)."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor

from ..core.errors import RecipeError
from ..core.recipe import Recipe
from .order import derived_seed


class Augmentation:
    """Transforms whose randomness depends on the seed, the epoch and the sample's number only.

    Args:
        transform: of a picture (C, H, W) and, for masks, a mask (H, W) at once.
    """

    def __init__(self, transform: Callable[..., Any], seed: int) -> None:
        self._transform = transform
        self._seed = seed

    def __call__(
        self, raw: Tensor, target: Tensor, epoch: int, index: int
    ) -> tuple[Tensor, Tensor]:
        """A raw picture (H, W, C) uint8 and its target; a mask (H, W) moves with the picture."""
        from torchvision import tv_tensors

        image = tv_tensors.Image(raw.permute(2, 0, 1))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derived_seed(self._seed, epoch, index))
            if target.ndim == 2:
                image, mask = self._transform(image, tv_tensors.Mask(target))
                target = mask.as_subclass(Tensor)
            else:
                image = self._transform(image)
        return image.as_subclass(Tensor).permute(1, 2, 0).contiguous(), target


def build_augmentation(recipe: Recipe) -> Augmentation | None:
    """The augmentation of a recipe, or None.

    Raises:
        RecipeError: an unknown transform or option, with the nearest name; all at once.
    """
    if not recipe.augment:
        return None
    if recipe.preprocess.kind != "image":
        raise RecipeError([f"augment: goes with pictures, not with {recipe.preprocess.kind}"])
    from torchvision.transforms import v2

    parts, faults = [], []
    for place, entry in enumerate(recipe.augment):
        for name, options in _named(entry).items():
            try:
                parts.append(_build_transform(name, options))
            except (RecipeError, TypeError, ValueError) as error:
                faults.append(f"augment.{place}: {error}")
    if faults:
        raise RecipeError(faults)
    return Augmentation(v2.Compose(parts), recipe.train.seed)


def _build_transform(name: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    from torchvision.transforms import v2

    valid = {each: value for each, value in vars(v2).items()
             if inspect.isclass(value) and issubclass(value, v2.Transform)}  # fmt: skip
    if name not in valid:
        close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise RecipeError([f"torchvision.transforms.v2 has no {name!r}{hint}"])
    taken = list(inspect.signature(valid[name]).parameters)
    for option in options:
        if option not in taken:
            close = difflib.get_close_matches(option, taken, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes: {', '.join(taken)}"
            raise RecipeError([f"{name} has no option {option!r} ({hint})"])
    return cast(Callable[..., Any], valid[name](**options))


def _named(entry: str | Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return {entry: {}} if isinstance(entry, str) else entry
