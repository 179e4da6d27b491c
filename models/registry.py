"""Built-in parts by name. Plain dictionaries, so that listing them imports nothing heavy.

A value is `module:name` and is imported when a recipe uses it. The modules of `STARTERS` import
nothing of wfctl, so that `wfctl init` can hand a copy to the user.
"""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["data", "model", "loss", "step"]

DATA: Mapping[str, str] = {
    "diabetes": "wfctl.models.diabetes:Diabetes",
    "digits": "wfctl.models.digits:Digits",
    "fizzbuzz": "wfctl.models.fizzbuzz:FizzBuzz",
    "folder": "wfctl.models.folder:Folder",
    "image-table": "wfctl.models.image_table:ImageTable",
    "mask-folder": "wfctl.models.mask_folder:MaskFolder",
    "table": "wfctl.models.table:Table",
}
MODELS: Mapping[str, str] = {
    "digits-cnn": "wfctl.models.digits:DigitsCnn",
    "fizzbuzz-mlp": "wfctl.models.fizzbuzz:FizzBuzzMlp",
    "mlp": "wfctl.models.mlp:Mlp",
    "small-cnn": "wfctl.models.small_cnn:SmallCnn",
    "unet": "wfctl.models.unet:UNet",
}
LOSSES: Mapping[str, str] = {
    "cross_entropy": "torch.nn:CrossEntropyLoss",
    "pixel_cross_entropy": "wfctl.models.tasks.segmentation:PixelCrossEntropy",
    "mean_squared_error": "torch.nn:MSELoss",
    "mean_absolute_error": "torch.nn:L1Loss",
    "huber": "torch.nn:HuberLoss",
    "contrastive": "wfctl.models.tasks.metric_learning:ContrastiveLoss",
    "triplet": "wfctl.models.tasks.metric_learning:TripletLoss",
}
REGISTRIES: Mapping[Kind, Mapping[str, str]] = {
    "data": DATA,
    "model": MODELS,
    "loss": LOSSES,
    "step": {},
}
# Names of the form `family:member`: the family's function gives the callable of a member.
FAMILIES: Mapping[tuple[Kind, str], str] = {
    ("data", "torchvision"): "wfctl.models.torchvision_data:torchvision_source",
    ("model", "torchvision"): "wfctl.models.torchvision_models:torchvision_builder",
}
STARTERS = frozenset({
    "wfctl.models.diabetes", "wfctl.models.digits", "wfctl.models.fizzbuzz", "wfctl.models.mlp",
    "wfctl.models.small_cnn", "wfctl.models.unet",
})  # fmt: skip


def starter_reference(kind: Kind, name: str) -> str | None:
    """`module:name` of a built-in part whose module a user can copy and edit, else None."""
    reference = REGISTRIES[kind].get(name)
    if reference is None or reference.partition(":")[0] not in STARTERS:
        return None
    return reference
