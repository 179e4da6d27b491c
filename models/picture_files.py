"""Picture files on disk as raw samples: read as serving reads them, the broken ones named."""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from ..core.decode import decode_image, to_pixels
from ..core.errors import InputError, RecipeError

Backend = Literal["PIL", "accimage"]
OnBroken = Literal["error", "skip", "at-use"]

# The extensions of the formats that `core.decode` takes.
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
NAMED_AT_MOST = 5
COMPARED = 8  # pictures that are decoded twice to tell how far another backend departs


@dataclass(frozen=True)
class PictureReader:
    """A picture file to pixels (height, width, channels) uint8.

    Args:
        mode: `L` or `RGB`.
        backend: `PIL` reads as serving does, through `core.decode`. Another one is read through
            torchvision; `announce_backend` says what that means.
    """

    mode: str
    backend: Backend = "PIL"

    def __call__(self, path: str | Path) -> NDArray[np.uint8]:
        """Read one file.

        Raises:
            InputError: it is missing, damaged, too large or no picture; the path is named.
        """
        try:
            if self.backend == "PIL":
                return decode_image(Path(path).read_bytes(), self.mode)
            return self._read_by_torchvision(path)
        except InputError as error:
            raise InputError(f"{path}: {error}", error.status) from error
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise InputError(f"{path}: cannot be read ({reason.lower()})") from error

    def _read_by_torchvision(self, path: str | Path) -> NDArray[np.uint8]:
        import torchvision
        from torchvision.datasets.folder import default_loader
        from torchvision.transforms.functional import pil_to_tensor

        torchvision.set_image_backend(self.backend)  # here: a worker process starts with its own
        pixels = pil_to_tensor(default_loader(str(path))).permute(1, 2, 0).contiguous().numpy()
        return to_pixels(Image.fromarray(pixels), self.mode)


class PictureFiles(Dataset[tuple[Tensor, int]]):
    """Labelled picture files, read one by one.

    Attributes:
        paths, targets: of each sample; `targets` lets a sampler weigh classes without reading.
        classes: names of the classes, in the order of their index.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        targets: Sequence[int],
        classes: Sequence[str],
        reader: PictureReader,
    ) -> None:
        self.paths = tuple(paths)
        self.targets = tuple(targets)
        self.classes = tuple(classes)
        self._reader = reader

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Pixels (H, W, C) uint8, and the class.

        Raises:
            InputError: the file cannot be read; it is named.
        """
        return torch.tensor(self._reader(self.paths[index])), self.targets[index]


def readable(
    paths: Sequence[Path], reader: PictureReader, on_broken: OnBroken, origin: str
) -> list[int]:
    """Which of the files can be read: all of them are decoded once, in threads.

    Args:
        on_broken: `error` refuses all if one is broken, `skip` names each and leaves it out,
            `at-use` does not look.
        origin: what the files are, for messages, such as `train of data/ants-and-bees`.

    Returns:
        Indices into `paths`, in order.

    Raises:
        RecipeError: there are broken files; their number and the first of them.
    """
    if on_broken == "at-use":
        return list(range(len(paths)))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        reasons = list(threads.map(lambda path: _reason(path, reader), paths))
    broken = [reason for reason in reasons if reason is not None]
    if broken and on_broken == "error":
        shown = "; ".join(broken[:NAMED_AT_MOST])
        more = f"; and {len(broken) - NAMED_AT_MOST} more" if len(broken) > NAMED_AT_MOST else ""
        raise RecipeError(
            [f"data.root: {len(broken)} of {len(paths)} pictures ({origin}) cannot be read: "
             f"{shown}{more}. Mend or remove them, or leave them out by data.on_broken=skip"]
        )  # fmt: skip
    for reason in broken:
        notify(f"left out: {reason}")
    if broken:
        notify(f"left out {len(broken)} of {len(paths)} pictures ({origin})")
    return [index for index, reason in enumerate(reasons) if reason is None]


def announce_backend(reader: PictureReader, paths: Sequence[Path]) -> None:
    """Say how far pictures of another backend depart from those that serving will see.

    Raises:
        RecipeError: the backend is not installed.
    """
    if reader.backend == "PIL":
        return
    try:
        __import__(reader.backend)
    except ModuleNotFoundError as error:
        raise RecipeError(
            [f"data.image_backend: {reader.backend} is not installed; PIL is what serving uses"]
        ) from error
    serving = PictureReader(reader.mode)
    try:
        differences = [_difference(reader(path), serving(path)) for path in paths[:COMPARED]]
    except InputError:
        return  # the check for broken files names them all
    notify(
        f"data.image_backend: training reads pictures by {reader.backend}, serving by Pillow; "
        f"of {len(differences)} pictures {sum(each != 0 for each in differences)} differ, by up "
        f"to {max(differences, default=0)} of 255"
    )


def notify(message: str) -> None:
    """A message to the user on stderr, beside the result on stdout."""
    print(f"wfctl: {message}", file=sys.stderr, flush=True)  # noqa: T201


def _reason(path: Path, reader: PictureReader) -> str | None:
    try:
        reader(path)
    except InputError as error:
        return str(error)
    return None


def _difference(ours: NDArray[np.uint8], served: NDArray[np.uint8]) -> int:
    if ours.shape != served.shape:
        return 255
    return int(np.abs(ours.astype(np.int16) - served).max())
