"""torchvision's data sets by class name, `torchvision:<class>`, as sources of recipes.

Each class says in its own way which part of the data it is to give; here all take `split`.
"""

import contextlib
import difflib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from ..core.errors import RecipeError
from .held_out import DEFAULT_RATIO, held_out_by_ratio
from .picture_files import Backend, PictureReader, announce_backend
from .torchvision_samples import TorchvisionSamples, Wanted, known_targets, wrap

# How classes say which part they give, besides `split`: in this order, the first that one takes.
SPLIT_ARGUMENTS = ("train", "split", "image_set")
OTHER_SPLIT_ARGUMENTS = {"LSUN": "classes", "INaturalist": "version"}
SPLITS: Mapping[str, tuple[str, str]] = {
    "CLEVRClassification": ("train", "val"),
    "Cityscapes": ("train", "val"),
    "FlyingChairs": ("train", "val"),
    "ImageNet": ("train", "val"),
    "Imagenette": ("train", "val"),
    "INaturalist": ("2021_train", "2021_valid"),
    "Kinetics": ("train", "val"),
    "LSUN": ("train", "val"),
    "OxfordIIITPet": ("trainval", "test"),
    "Places365": ("train-standard", "val"),
    "SBDataset": ("train", "val"),
    "VOCDetection": ("train", "val"),
    "VOCSegmentation": ("train", "val"),
    "WIDERFace": ("train", "val"),
}
SPLIT_FIELD = "{split}"  # in paths: where the parts of a data set lie apart
USUAL_SPLITS = ("train", "test")
OWN_SPLITS = ("train", "val")  # where the class has none, and part is held out here
GIVEN_HERE = frozenset({"split", "mode", "task"})  # an option so named is reached as own_<name>
WITH_MASKS = frozenset({"Cityscapes", "OxfordIIITPet", "SBDataset", "VOCSegmentation"})
HIDDEN = frozenset({"transform", "target_transform", "transforms", "loader", "is_valid_file"})


def torchvision_source(name: str) -> "TorchvisionSource":
    """The source of a class of torchvision.datasets.

    Raises:
        RecipeError: there is none of that name; the nearest is given.
    """
    from torchvision import datasets

    valid = [each for each in datasets.__all__ if inspect.isclass(getattr(datasets, each))]
    valid.remove("VisionDataset")
    if name not in valid:
        close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
        hint = f" (did you mean {close[0]!r}?)" if close else f" (it has: {', '.join(valid)})"
        raise RecipeError([f"data.source: torchvision.datasets has no {name!r}{hint}"])
    return TorchvisionSource(name, getattr(datasets, name))


@dataclass(frozen=True)
class TorchvisionSource:
    """A callable `(split, root, mode, ...)` that gives `TorchvisionSamples`.

    `{split}` in `root` and in options that are text stands for the name of the split, as in
    `annFile: annotations/instances_{split}2017.json`. An option of the class that has the name of
    an argument here is called `own_split` or `own_mode`, as for the groups of EMNIST. Of LSUN,
    `categories` are those to take, without the name of the split.
    """

    name: str
    dataset: type

    @property
    def splits(self) -> tuple[str, str]:
        """The names of the training and of the held-out split."""
        usual = USUAL_SPLITS if self._split_argument else OWN_SPLITS
        return SPLITS.get(self.name, usual)

    @property
    def __signature__(self) -> inspect.Signature:
        """What a recipe may say: arguments of wfctl, and the options of the class."""
        own = self._parameters
        keyword = inspect.Parameter.KEYWORD_ONLY
        ours: dict[str, Any] = {"split": inspect.Parameter.empty}
        if "root" in own:
            ours["root"] = own["root"].default
        ours |= {"mode": inspect.Parameter.empty, "task": None, "class_names": None}
        if "download" in own:
            ours["download"] = False
        if "loader" in own:
            ours["image_backend"] = "PIL"
        if self._split_argument is None and "root" in own:
            ours["held_out"] = DEFAULT_RATIO
        if self.name in WITH_MASKS:
            ours["ignore_index"] = 255
        if self.name == "LSUN":
            ours["categories"] = None
        hidden = HIDDEN | {"root", "download", self._split_argument}
        options = {self._option_name(name): each.default for name, each in own.items()
                   if name not in hidden and not name.startswith("_")}  # fmt: skip
        parameters = (ours | options).items()
        return inspect.Signature(
            [inspect.Parameter(name, keyword, default=default) for name, default in parameters]
        )

    def __call__(
        self,
        split: str,
        mode: str,
        task: str | None = None,
        class_names: list[str] | None = None,
        image_backend: Backend = "PIL",
        held_out: float = DEFAULT_RATIO,
        ignore_index: int = 255,
        **options: Any,
    ) -> TorchvisionSamples:
        """Build the data set of a split.

        Args:
            task: the kind of learning that targets are checked for; None takes any.
            class_names: in the order of their index, where the class of torchvision has none.
            held_out: share of every class that is held out, where torchvision has no splits.
            ignore_index: the value in masks of pixels without a class.
            options: `root`, `download`, and those of the class.

        Raises:
            RecipeError: the data is not there, or its targets are not what the task learns.
        """
        root, download = options.get("root"), options.get("download", False)
        arguments = {self._own_name(key): _filled_in(value, split)
                     for key, value in options.items() if key != "categories"}  # fmt: skip
        arguments |= self._split_value(split, options.get("categories"))
        reader = PictureReader(mode, image_backend)
        if "loader" in self._parameters:
            arguments["loader"] = reader
        wanted = Wanted(f"torchvision:{self.name}", mode, task, class_names, ignore_index)
        with _explained(wanted.name, root, download, "download" in self._parameters):
            dataset = self.dataset(**arguments)
        announce_backend(reader, [Path(path) for path, _ in getattr(dataset, "samples", ())])
        divided = self._split_argument is not None or any(
            isinstance(value, str) and SPLIT_FIELD in value for value in options.values()
        )
        chosen = None if divided else self._by_ratio(dataset, split, held_out)
        return wrap(dataset, split, wanted, chosen)

    @property
    def _parameters(self) -> dict[str, inspect.Parameter]:
        """The arguments of the class, with those that it hands on to its parents."""
        found: dict[str, inspect.Parameter] = {}
        for each in self.dataset.__mro__:
            if "__init__" not in vars(each):
                continue
            own = inspect.signature(vars(each)["__init__"]).parameters
            kinds = {parameter.kind for parameter in own.values()}
            named = {name: parameter for name, parameter in own.items()
                     if name != "self" and parameter.kind not in
                     {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}}  # fmt: skip
            found = named | found
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                break
        return found

    @property
    def _split_argument(self) -> str | None:
        if self.name in OTHER_SPLIT_ARGUMENTS:
            return OTHER_SPLIT_ARGUMENTS[self.name]
        return next((name for name in SPLIT_ARGUMENTS if name in self._parameters), None)

    def _split_value(self, split: str, categories: list[str] | None) -> dict[str, Any]:
        argument = self._split_argument
        if argument is None:
            return {}
        if argument == "train":
            if split not in {"train", "val", "test"}:
                raise RecipeError(
                    [f"data.splits: torchvision:{self.name} has train and test, not {split!r}"]
                )
            return {"train": split == "train"}
        if categories is not None:
            return {argument: [f"{category}_{split}" for category in categories]}
        return {argument: split}

    def _by_ratio(self, dataset: Any, split: str, ratio: float) -> list[int] | None:
        """Indices of one side of a data set that torchvision does not split."""
        if "root" not in self._parameters:
            return None  # made up in memory: FakeData
        targets = known_targets(dataset)
        classes = targets if targets is not None else [0] * len(dataset)
        held = held_out_by_ratio([str(index) for index in range(len(dataset))], classes, ratio)
        return [index for index, each in enumerate(held) if each == (split != OWN_SPLITS[0])]

    def _option_name(self, name: str) -> str:
        return f"own_{name}" if name in GIVEN_HERE else name

    def _own_name(self, option: str) -> str:
        name = option.removeprefix("own_")
        return name if name in GIVEN_HERE else option


def _filled_in(value: Any, split: str) -> Any:
    return value.replace(SPLIT_FIELD, split) if isinstance(value, str) else value


@contextlib.contextmanager
def _explained(name: str, root: str | None, download: bool, can_download: bool) -> Iterator[None]:
    """Turn what torchvision raises into one line; what it prints goes to stderr."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (RuntimeError, OSError, URLError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        if download:
            raise RecipeError([f"data.download: {name} cannot be fetched: {reason}"]) from error
        reason = reason.partition(". You can use download=")[0]  # Python's way of saying it
        advice = "set data.download=true to fetch it, or name" if can_download else (
            "torchvision cannot fetch it; name")  # fmt: skip
        raise RecipeError(
            [f"data.root: {name} is not whole in {root} ({reason}); {advice} the folder that "
             "holds it"]
        ) from error  # fmt: skip
