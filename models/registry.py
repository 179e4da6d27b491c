"""Built-in parts by name. Plain dictionaries, so that listing them imports nothing heavy.

A value is `module:name` and is imported when a recipe uses it. The modules of `STARTERS` import
nothing of wfctl, so that `wfctl init` can hand a copy to the user.
"""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["data", "model", "loss", "step"]

DATA: Mapping[str, str] = {
    "digits": "wfctl.models.digits:Digits",
    "fizzbuzz": "wfctl.models.fizzbuzz:FizzBuzz",
}
MODELS: Mapping[str, str] = {
    "digits-cnn": "wfctl.models.digits:DigitsCnn",
    "fizzbuzz-mlp": "wfctl.models.fizzbuzz:FizzBuzzMlp",
}
LOSSES: Mapping[str, str] = {
    "cross_entropy": "torch.nn:CrossEntropyLoss",
}
REGISTRIES: Mapping[Kind, Mapping[str, str]] = {
    "data": DATA,
    "model": MODELS,
    "loss": LOSSES,
    "step": {},
}
STARTERS = frozenset({"wfctl.models.digits", "wfctl.models.fizzbuzz"})


def starter_reference(kind: Kind, name: str) -> str | None:
    """`module:name` of a built-in part whose module a user can copy and edit, else None."""
    reference = REGISTRIES[kind].get(name)
    if reference is None or reference.partition(":")[0] not in STARTERS:
        return None
    return reference
