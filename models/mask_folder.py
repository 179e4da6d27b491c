"""Pictures with a mask each, in folders: one class a pixel."""

import difflib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

from ..core.errors import InputError, RecipeError
from .picture_files import EXTENSIONS, NAMED_AT_MOST, OnBroken, PictureReader, notify
from .task import IGNORED

CLASSES_FILE = "classes.txt"
HELD_OUT_FOLDERS = ("val", "test")


class MaskFolder(Dataset[tuple[Tensor, Tensor]]):
    """`<root>/<split>/images/<name>.jpg` (or .png …) with `<root>/<split>/masks/<name>.png`.

    A mask is a PNG with a palette, or a grey one of 8 bits; its values are class indices.

    Args:
        split: `train`, or the held-out one: `val` or `test`.
        root: holds the folders of the splits, and `classes.txt` where `classes` is left out.
        mode: colour mode that pictures are decoded to, `L` or `RGB`.
        classes: names of the classes, in the order of their value in the masks; left out, the
            lines of `classes.txt`.
        ignore_index: the value of pixels that are of no class: not trained on, not scored.
        on_broken: `error` refuses all if a pair is broken, `skip` names each and leaves it out,
            `at-use` does not look.

    Raises:
        RecipeError: a folder or a mask is missing, or pairs are broken: a file cannot be read,
            the mask is of another size than its picture, or holds a value that is no class.
    """

    def __init__(
        self,
        split: str,
        root: str,
        mode: str,
        classes: Sequence[str] | None = None,
        ignore_index: int = 255,
        on_broken: OnBroken = "error",
    ) -> None:
        base = Path(root).expanduser()
        if not base.is_dir():
            raise RecipeError([f"data.root: there is no folder {root}"])
        self.classes = tuple(classes) if classes is not None else _read_classes(base)
        self._ignore_index = ignore_index
        self._reader = PictureReader(mode)
        self.pairs = _pairs(base / split)
        if on_broken != "at-use":
            self.pairs = self._whole_pairs(f"{split} of {root}", on_broken)

    @staticmethod
    def find_splits(root: str) -> tuple[str, str]:
        """`train`, and the held-out split that is there."""
        base = Path(root).expanduser()
        return "train", next((name for name in HELD_OUT_FOLDERS if (base / name).is_dir()), "val")

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Pixels (H, W, C) uint8, and class indices (H, W) int64 with `IGNORED` for no class.

        Raises:
            InputError: a file cannot be read, or the mask does not fit; it is named.
        """
        picture, mask = self.pairs[index]
        pixels = self._reader(picture)
        values = read_mask(mask, len(self.classes), self._ignore_index)
        if values.shape != pixels.shape[:2]:
            sizes = [f"{shape[1]} x {shape[0]}" for shape in (values.shape, pixels.shape)]
            raise InputError(f"{mask}: the mask has {sizes[0]} pixels, its picture {sizes[1]}")
        return torch.tensor(pixels), torch.from_numpy(values)  # Pillow lends its own memory

    def _whole_pairs(self, origin: str, on_broken: OnBroken) -> list[tuple[Path, Path]]:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            reasons = list(threads.map(self._reason, range(len(self.pairs))))
        broken = [reason for reason in reasons if reason is not None]
        if broken and on_broken == "error":
            more = len(broken) - NAMED_AT_MOST
            shown = "; ".join(broken[:NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")
            raise RecipeError(
                [f"data.root: {len(broken)} of {len(reasons)} pictures with masks ({origin}) "
                 f"cannot be used: {shown}. Mend or remove them, or leave them out by "
                 "data.on_broken=skip"]
            )  # fmt: skip
        for reason in broken:
            notify(f"left out: {reason}")
        if broken:
            notify(f"left out {len(broken)} of {len(reasons)} pictures with masks ({origin})")
        return [pair for pair, reason in zip(self.pairs, reasons, strict=True) if reason is None]

    def _reason(self, index: int) -> str | None:
        try:
            self[index]
        except InputError as error:
            return str(error)
        return None


def read_mask(path: Path, classes: int, ignore_index: int) -> NDArray[np.int64]:
    """A mask file to class indices (height, width), with `IGNORED` for no class.

    Raises:
        InputError: it cannot be read, is no indexed or grey PNG, or holds a value that is
            neither a class nor `ignore_index`; the first such pixel is named.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in {"P", "L"}:
                raise InputError(f"{path}: is {image.mode}; a mask is a PNG with a palette or of "
                                 "8 bits grey")  # fmt: skip
            values = np.asarray(image).astype(np.int64)
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: is not a PNG file") from error
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for a damaged file
        raise InputError(f"{path}: the mask is damaged or missing ({error})") from error
    ignored = values == ignore_index
    unknown = (values >= classes) & ~ignored
    if unknown.any():
        row, column = (int(index) for index in np.argwhere(unknown)[0])
        raise InputError(
            f"{path}: the value {values[row, column]} at row {row}, column {column} is no class "
            f"(classes are 0 to {classes - 1}; {ignore_index} is ignored)"
        )
    values[ignored] = IGNORED
    return values


def _read_classes(root: Path) -> tuple[str, ...]:
    file = root / CLASSES_FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            [f"data.options.classes: name the classes in their order, or one a line in {file}"]
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Every picture with its mask, sorted by name."""
    images, masks = folder / "images", folder / "masks"
    for each in (images, masks):
        if not each.is_dir():
            raise RecipeError([f"data.root: there is no folder {each}"])
    pictures = sorted(each for each in images.iterdir() if each.suffix.lower() in EXTENSIONS)
    there = {each.stem: each for each in masks.iterdir() if each.suffix.lower() == ".png"}
    missing = [each for each in pictures if each.stem not in there]
    if missing:
        name = missing[0].stem
        close = difflib.get_close_matches(name, there, n=1, cutoff=0.7)
        hint = f"; did you mean {there[close[0]].name}?" if close else ""
        raise RecipeError(
            [f"data.root: {len(missing)} of {len(pictures)} pictures in {images} have no mask, "
             f"such as {missing[0].name} ({masks / name}.png is not there{hint})"]
        )  # fmt: skip
    return [(each, there[each.stem]) for each in pictures]
