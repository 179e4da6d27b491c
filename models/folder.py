"""Pictures in folders named by their class, as torchvision's ImageFolder has them."""

from pathlib import Path

from ..core.errors import RecipeError
from .held_out import DEFAULT_RATIO, held_out_by_ratio
from .picture_files import (
    EXTENSIONS,
    Backend,
    OnBroken,
    PictureFiles,
    PictureReader,
    announce_backend,
    notify,
    readable,
)

HELD_OUT_FOLDERS = ("val", "test")


class Folder(PictureFiles):
    """`<root>/<split>/<class>/**/<picture>`, or `<root>/<class>/**/<picture>` split by ratio.

    The classes are the folders of the training split in alphabetical order, for both splits.

    Args:
        split: `train`, or the held-out one, as `find_splits` names it.
        root: holds `train/` and `val/` or `test/`; or the folders of the classes themselves.
        mode: colour mode that files are decoded to, `L` or `RGB`.
        held_out: share of every class that is held out, where `root` holds the classes.
        on_broken: what to do about files that cannot be read; see `readable`.
        image_backend: `PIL`, or another of torchvision's.

    Raises:
        RecipeError: there are no such folders, a class is unknown, or pictures are broken.
    """

    def __init__(
        self,
        split: str,
        root: str,
        mode: str,
        held_out: float | None = None,
        on_broken: OnBroken = "error",
        image_backend: Backend = "PIL",
    ) -> None:
        base = Path(root).expanduser()
        has_splits = (base / "train").is_dir()
        if has_splits and held_out is not None:
            raise RecipeError(
                [f"data.options.held_out: {root} has its own split (train/); leave this out"]
            )
        folder = base / split if has_splits else base
        classes = _class_folders(base / "train" if has_splits else base)
        paths, targets = _pictures(folder, classes)
        if not has_splits:
            keys = [path.relative_to(base).as_posix() for path in paths]
            ratio = DEFAULT_RATIO if held_out is None else held_out
            chosen = [held == (split != "train")
                      for held in held_out_by_ratio(keys, targets, ratio)]  # fmt: skip
            paths = [path for path, mine in zip(paths, chosen, strict=True) if mine]
            targets = [target for target, mine in zip(targets, chosen, strict=True) if mine]
        reader = PictureReader(mode, image_backend)
        announce_backend(reader, paths)
        whole = readable(paths, reader, on_broken, f"{split} of {root}")
        super().__init__(
            [paths[index] for index in whole], [targets[index] for index in whole], classes, reader
        )

    @staticmethod
    def find_splits(root: str) -> tuple[str, str]:
        """`train`, and the held-out split that is there."""
        base = Path(root).expanduser()
        there = [name for name in HELD_OUT_FOLDERS if (base / name).is_dir()]
        if (base / "train").is_dir() and not there:
            raise RecipeError(
                [f"data.root: {root} has train/, but neither val/ nor test/ beside it"]
            )
        return "train", there[0] if there else "val"


def _class_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise RecipeError([f"data.root: there is no folder {folder}"])
    names = sorted(each.name for each in folder.iterdir()
                   if each.is_dir() and not each.name.startswith("."))  # fmt: skip
    if not names:
        raise RecipeError([f"data.root: {folder} holds no folders, which would name the classes"])
    return names


def _pictures(folder: Path, classes: list[str]) -> tuple[list[Path], list[int]]:
    """The pictures of each class, sorted; what is no picture by its name is counted aloud."""
    if not folder.is_dir():
        raise RecipeError([f"data.root: there is no folder {folder}"])
    unknown = sorted({*_class_folders(folder)} - {*classes})
    if unknown:
        raise RecipeError([f"data.root: {folder} has the class {unknown[0]!r}, which train/ lacks"])
    paths: list[Path] = []
    targets: list[int] = []
    others: list[Path] = []
    for target, name in enumerate(classes):
        files = sorted(each for each in (folder / name).rglob("*")
                       if each.is_file() and not each.name.startswith("."))  # fmt: skip
        pictures = [each for each in files if each.suffix.lower() in EXTENSIONS]
        others += [each for each in files if each.suffix.lower() not in EXTENSIONS]
        if not pictures:
            notify(f"{folder / name}: holds no pictures")
        paths += pictures
        targets += [target] * len(pictures)
    if others:
        notify(f"{folder}: {len(others)} files are no pictures by their name, such as {others[0]}")
    return paths, targets
