"""Weights to start training from: a file, or those that torchvision offers by name.

They are read once, when a training starts; checkpoints hold everything from then on.
"""

import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError
from ..core.recipe import Model
from .picture_files import notify
from .torchvision_models import AUXILIARY_PARTS

WEIGHTS_SUFFIXES = frozenset({".pt", ".pth", ".bin", ".ckpt", ".safetensors"})
FAMILY = "torchvision:"
NAMED_AT_MOST = 5
State = Mapping[str, Tensor]


def load_initial_weights(network: nn.Module, model: Model, classes: int) -> None:
    """Put the weights of `model.weights` into a network, all but a head for other classes.

    What is left out is said on stderr.

    Raises:
        RecipeError: they are not there, or do not fit the network; the names are given.
    """
    if model.weights is None:
        return
    if is_weights_file(model.weights):
        state = _read_file(Path(model.weights).expanduser())
    else:
        state = _fetch(network, model)
    state = _fitted(network, state)
    given, own = set(state), network.state_dict()
    head = [
        name for name in own if name in state and _is_other_head(own[name], state[name], classes)
    ]
    faults = _faults(own, {name: state[name] for name in given - set(head)}, head)
    if faults:
        raise RecipeError([f"model.weights: {model.weights} does not fit {model.name}: {faults}"])
    if head:
        notify(
            f"model.weights: {model.weights} is for {len(state[head[0]])} classes, this data has "
            f"{classes}: the head starts anew ({', '.join(head)})"
        )
    # Not strict: batch norms of old files have no counter, which torch then sets to 0.
    network.load_state_dict(_without(network, state, head), strict=False)


def is_weights_file(weights: str) -> bool:
    """Whether `model.weights` is a path rather than a name of torchvision's."""
    return Path(weights).suffix in WEIGHTS_SUFFIXES or Path(weights).is_file()


def _read_file(path: Path) -> State:
    if not path.is_file():
        raise RecipeError([f"model.weights: there is no file {path}"])
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # the readers raise many kinds for damaged files
        raise RecipeError(
            [f"model.weights: {path} is no readable file of weights (tensors only; reading one "
             "never runs code)"]
        ) from error  # fmt: skip
    state = _state_in(content)
    if state is None:
        raise RecipeError([f"model.weights: {path} holds no state dict (names and tensors)"])
    return state


def _state_in(content: Any) -> State | None:
    """The state dict in what a file holds: itself, or below the usual keys of checkpoints."""
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(each, Tensor) for each in content.values()):
        return content
    # Of a checkpoint of wfctl the average of the weights, as is exported.
    below = (_state_in(content[key]) for key in ("ema", "state_dict", "model") if key in content)
    return next((state for state in below if state is not None), None)


def _fetch(network: nn.Module, model: Model) -> State:
    """torchvision's weights of a name, through its own code, which keeps a copy on disk."""
    from torchvision import models

    if not model.name.startswith(FAMILY):
        raise RecipeError(
            [f"model.weights: there is no file {model.weights} (names of weights go with "
             f"{FAMILY}<builder>)"]
        )  # fmt: skip
    builder, name = model.name.removeprefix(FAMILY), str(model.weights)
    valid = models.get_model_weights(builder)
    if "." in name:  # of another builder, such as the backbone's
        try:
            weights = models.get_weight(name)
        except ValueError as error:
            raise RecipeError([f"model.weights: torchvision has no weights {name}"]) from error
        builder = name.partition("_Weights")[0].lower()
    elif name in valid.__members__:
        weights = valid[name]
    else:
        names = ", ".join(valid.__members__) or "none"
        raise RecipeError(
            [f"model.weights: there is no file {name}, and torchvision's weights for {builder} "
             f"are: {names}"]
        )  # fmt: skip
    if getattr(network, "transform_input", None) is False:
        raise RecipeError([f"model.options.transform_input: {name} was trained with true; set it"])
    try:
        with torch.random.fork_rng(devices=[]):
            fetched = models.get_model(builder, weights=weights, progress=False)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError([f"model.weights: {name} cannot be fetched: {reason}"]) from error
    state: State = fetched.state_dict()
    return state


def _fitted(network: nn.Module, state: State) -> State:
    """Names as the network has them: without wrappers, auxiliary heads, and older spellings."""
    names = {name: re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)
             for name in state}  # fmt: skip
    if all(name.startswith("module.") for name in state):  # DistributedDataParallel
        names = {name: name.removeprefix("module.") for name in state}
    own = network.state_dict()
    parts = {name.partition(".")[0] for name in names.values()}
    unused = (parts & AUXILIARY_PARTS) - {name.partition(".")[0] for name in own}
    if unused:
        notify(f"model.weights: auxiliary heads are not used: {', '.join(sorted(unused))}")
    fitted = OrderedDict((new, state[old]) for old, new in names.items()
                         if new.partition(".")[0] not in unused)  # fmt: skip
    if hasattr(state, "_metadata"):
        fitted._metadata = state._metadata  # type: ignore[attr-defined]
    return _as_backbone(own, fitted) or fitted


def _as_backbone(own: State, state: State) -> State | None:
    """A state with the weights of a classifier in the backbone of a network for pixels."""
    inside = [name.removeprefix("backbone.") for name in own if name.startswith("backbone.")]
    for prefix in ("", "features."):
        if inside and all(prefix + name in state for name in inside):
            taken = {f"backbone.{name}": state[prefix + name] for name in inside}
            left = sorted({name.rpartition(".")[0] for name in state} -
                          {(prefix + name).rpartition(".")[0] for name in inside})  # fmt: skip
            notify(f"model.weights: go into the backbone alone; not used: {', '.join(left)}")
            return {**own, **taken}
    return None


def _is_other_head(own: Tensor, given: Tensor, classes: int) -> bool:
    """Whether two tensors differ in nothing but the number of classes."""
    same_rest = own.ndim > 0 and own.shape[1:] == given.shape[1:] and own.ndim == given.ndim
    return same_rest and own.shape[0] == classes and own.shape != given.shape


def _faults(own: State, given: State, head: list[str]) -> str:
    """What does not fit, in words; empty where all does."""
    missing = [name for name in own if name not in given and name not in head
               and not name.endswith(".num_batches_tracked")]  # fmt: skip
    kinds = {
        "it lacks": missing,
        "unknown": [name for name in given if name not in own],
        "of another shape": [
            f"{name} {tuple(given[name].shape)} for {tuple(own[name].shape)}"
            for name in given
            if name in own and own[name].shape != given[name].shape
        ],
    }
    return "; ".join(f"{kind}: {_first(names)}" for kind, names in kinds.items() if names)


def _first(names: list[str]) -> str:
    ordered = sorted(names)
    more = len(ordered) - NAMED_AT_MOST
    return ", ".join(ordered[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _without(network: nn.Module, state: State, head: list[str]) -> "OrderedDict[str, Tensor]":
    """A state dict without the head, with the versions that torch's loaders look for."""
    kept = OrderedDict((name, each) for name, each in state.items() if name not in head)
    complete = all(name in state for name in network.state_dict())
    metadata = getattr(state, "_metadata", None)
    if metadata is None and complete:
        metadata = getattr(network.state_dict(), "_metadata", None)
    if metadata is not None:
        kept._metadata = metadata  # type: ignore[attr-defined]
    return kept
