"""torchvision's model builders by name, `torchvision:<builder>`, as networks of recipes."""

import difflib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..core.errors import RecipeError

REFUSED = {
    "detection": "finds boxes, which is no task here",
    "optical_flow": "compares two pictures, which is no task here",
    "quantization": "is for files of whole numbers; train the plain one",
    "video": "takes films; recipes take pictures",
}
AUXILIARY_HEADS = ("aux_logits", "aux_loss")  # losses of their own in training: off
AUXILIARY_PARTS = frozenset({"aux1", "aux2", "AuxLogits", "aux_classifier"})  # their weights
GIVEN_HERE = frozenset({"weights", "weights_backbone", "progress", "num_classes", "self"})
SIZES = ("image_size", "input_size")  # needed by classes, but builders have a default for them


def torchvision_builder(name: str) -> "TorchvisionBuilder":
    """The builder of a network of torchvision.models.

    Raises:
        RecipeError: there is none of that name, with the nearest; or no task here trains it.
    """
    from torchvision import models

    valid = models.list_models()
    if name not in valid:
        close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise RecipeError([f"model.name: torchvision.models has no {name!r}{hint}"])
    build = models.get_model_builder(name)
    reason = REFUSED.get(build.__module__.split(".")[2])
    if reason is not None:
        raise RecipeError([f"model.name: torchvision:{name} {reason}"])
    return TorchvisionBuilder(name, build)


@dataclass(frozen=True)
class TorchvisionBuilder:
    """A callable `(classes, ...)` that gives the network with a head for so many classes.

    Nothing is downloaded: weights come from `model.weights` when training starts, so that a
    trained model needs neither them nor a network.
    """

    name: str
    build: Callable[..., nn.Module]

    @property
    def __signature__(self) -> inspect.Signature:
        """`classes`, and the options of the builder and of its class that have a default."""
        options = {**self._options(self._class()), **self._options(self.build)}
        parameters = {"classes": inspect.Parameter.empty, **options}
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature(
            [inspect.Parameter(name, keyword, default=default)
             for name, default in parameters.items()]
        )  # fmt: skip

    def __call__(self, classes: int, **options: Any) -> nn.Module:
        """Build it, untrained: (B, 3, H, W) -> (B, classes), or (B, classes, H, W) for pixels.

        Raises:
            RecipeError: an option switches an auxiliary head on.
        """
        for each in AUXILIARY_HEADS:
            if options.get(each):
                raise RecipeError([f"model.options.{each}: auxiliary heads are not trained here"])
        taken = {*self._options(self._class()), *self._options(self.build)}
        own = dict(inspect.signature(self.build).parameters)
        fixed: dict[str, Any] = {name: False for name in AUXILIARY_HEADS if name in taken}
        if "init_weights" in taken:
            fixed["init_weights"] = True  # torchvision's default, which it warns about
        if "weights_backbone" in own:
            fixed["weights_backbone"] = None  # torchvision would download them
        network = self.build(weights=None, num_classes=classes, **fixed | options)
        if self.build.__module__.split(".")[2] == "segmentation":
            network.register_forward_hook(_take_out)
        return network

    def _class(self) -> Callable[..., Any]:
        """The class of the network, as the builder's annotation names it."""
        hints = typing.get_type_hints(self.build)
        found: Callable[..., Any] = hints["return"]
        return found

    def _options(self, function: Callable[..., Any]) -> dict[str, Any]:
        """What a recipe can say of a function's arguments: not what is given here, no classes."""
        parameters = inspect.signature(function).parameters.values()
        options = {each.name: each.default for each in parameters
                   if each.name not in GIVEN_HERE and each.default is not each.empty
                   and not re.search("Callable|Module|nn", str(each.annotation))}  # fmt: skip
        return options | {each.name: None for each in parameters if each.name in SIZES}


def _take_out(network: nn.Module, inputs: tuple[Tensor], outputs: dict[str, Tensor]) -> Tensor:
    """The scores themselves; torchvision's networks for pixels give a dictionary."""
    return outputs["out"]
