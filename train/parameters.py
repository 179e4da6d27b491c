"""Which parameters are trained, and at which rate."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from ..core.errors import RecipeError
from ..core.recipe import Model, Train


def freeze(network: nn.Module, model: Model) -> list[nn.Module]:
    """Keep parts of a network as they are: no gradients, and no new running statistics.

    Returns:
        The frozen modules, which have to stay in evaluation mode. A part without parameters and
        statistics, such as the dropout before a head, has nothing to keep and goes on as it is.

    Raises:
        RecipeError: a name fits no parameter; the parts there are are given.
    """
    if model.freeze == "all-but-head":
        head = _head_name(network)
        prefixes = [name for name, _ in network.named_children() if name != head]
        prefixes += [name for name, _ in network.named_parameters(recurse=False)]
    else:
        prefixes = list(model.freeze)
    _check_prefixes(network, prefixes, "model.freeze")
    for name, parameter in network.named_parameters():
        if _longest_prefix(name, prefixes) is not None:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise RecipeError(["model.freeze: nothing is left to train"])
    return [
        module
        for name, module in network.named_modules()
        if name and _longest_prefix(name, prefixes) is not None and module.state_dict()
    ]


def set_training_mode(network: nn.Module, frozen: Iterable[nn.Module]) -> None:
    """Training mode, but for frozen modules, whose batch statistics must not move."""
    network.train()
    for module in frozen:
        module.eval()


def parameter_groups(network: nn.Module, train: Train) -> list[dict[str, Any]]:
    """Trained parameters by rate: those of `lr_by_part` first, all others at `lr`.

    Raises:
        RecipeError: a part's name fits no parameter.
    """
    parts = list(train.lr_by_part)
    _check_prefixes(network, parts, "train.lr_by_part")
    groups: dict[str | None, list[nn.Parameter]] = {part: [] for part in parts}
    groups[None] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[_longest_prefix(name, parts)].append(parameter)
    return [
        {"params": parameters, "lr": train.lr if part is None else train.lr_by_part[part]}
        for part, parameters in groups.items()
        if parameters
    ]


def _head_name(network: nn.Module) -> str:
    """The last child that has parameters."""
    named = [name for name, child in network.named_children() if list(child.parameters())]
    if len(named) < 2:
        raise RecipeError(["model.freeze: the network has no head apart from the rest"])
    return named[-1]


def _check_prefixes(network: nn.Module, prefixes: Sequence[str], key: str) -> None:
    names = [name for name, _ in network.named_parameters()]
    unknown = [prefix for prefix in prefixes
               if not any(_is_part(name, prefix) for name in names)]  # fmt: skip
    # A part without parameters, such as a pooling layer, is no mistake.
    unknown = [prefix for prefix in unknown
               if prefix not in {name for name, _ in network.named_modules()}]  # fmt: skip
    if unknown:
        parts = ", ".join(name for name, _ in network.named_children())
        names_given = ", ".join(unknown)
        raise RecipeError([f"{key}: the network has no part {names_given} (it has: {parts})"])


def _longest_prefix(name: str, prefixes: Sequence[str]) -> str | None:
    return max((each for each in prefixes if _is_part(name, each)), key=len, default=None)


def _is_part(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")
