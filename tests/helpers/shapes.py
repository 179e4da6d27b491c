"""Pictures of discs and squares on noise with their masks, written as real PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("background", "disc", "square")
PALETTE = [0, 0, 0, 220, 40, 40, 40, 90, 220] + 253 * [255, 255, 255]  # whole: 8 bits a pixel
IGNORED_VALUE = 255


def write_shapes(root: Path, train: int = 48, val: int = 16, side: int = 32) -> Path:
    """`root` as `data.source: mask-folder` reads it; the same files every time."""
    random = np.random.RandomState(0)
    for split, count in (("train", train), ("val", val)):
        for folder in ("images", "masks"):
            (root / split / folder).mkdir(parents=True)
        for number in range(count):
            write_pair(root / split, f"{number:03d}", random, side)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return root


def write_pair(folder: Path, name: str, random: np.random.RandomState, side: int) -> None:
    """One picture with a disc and a square; a ring of the mask's disc is of no class."""
    rows, columns = np.mgrid[:side, :side]
    mask = np.zeros((side, side), dtype=np.uint8)
    radius = side // 6
    centres = random.randint(radius, side - radius, size=(2, 2))
    half = random.randint(radius // 2, radius)
    square = np.maximum(abs(rows - centres[0, 0]), abs(columns - centres[0, 1])) <= half
    distance = np.hypot(rows - centres[1, 0], columns - centres[1, 1])
    mask[square] = 2
    mask[distance <= radius] = 1
    mask[abs(distance - radius) < 0.5] = IGNORED_VALUE
    pixels = random.randint(0, 100, size=(side, side, 3))
    pixels[mask == 1, 0] += 120
    pixels[mask == 2, 2] += 120
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{name}.png")
    indexed = Image.frombytes("P", (side, side), mask.tobytes())
    indexed.putpalette(PALETTE)
    indexed.save(folder / "masks" / f"{name}.png")
