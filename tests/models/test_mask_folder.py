from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wfctl.core.errors import InputError, RecipeError
from wfctl.core.recipe import Data
from wfctl.models.dataset import Splits, load_splits, raw_batches
from wfctl.models.mask_folder import MaskFolder, read_mask
from wfctl.models.task import IGNORED
from wfctl.tests.helpers.shapes import CLASSES, write_shapes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "shapes", train=3, val=2, side=16)


def load(root: Path, **options: object) -> Splits:
    data = Data.model_validate({"source": "mask-folder", "root": str(root), "options": options})
    return load_splits(data, {"mode": "RGB"})


def damage(mask: Path) -> None:
    mask.write_bytes(mask.read_bytes()[:60])


def resize(mask: Path) -> None:
    with Image.open(mask) as image:
        image.resize((16, 12)).save(mask)


def recolour(mask: Path) -> None:
    with Image.open(mask) as image:
        image.convert("RGB").save(mask)


def put_unknown_class(mask: Path) -> None:
    with Image.open(mask) as image:
        image.putpixel((5, 7), 3)
        image.save(mask)


def test_a_sample_is_a_picture_with_its_classes(root: Path) -> None:
    splits = load(root)
    assert splits.classes == CLASSES
    assert (len(splits.train), len(splits.held_out), splits.held_out_name) == (3, 2, "val")
    pixels, mask = splits.train[1]
    assert isinstance(mask, torch.Tensor)
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (16, 16, 3))
    with Image.open(root / "train" / "masks" / "001.png") as image:
        values = np.asarray(image).astype(np.int64)
    assert {*np.unique(values).tolist()} >= {0, 1, 255}
    assert np.array_equal(mask.numpy(), np.where(values == 255, IGNORED, values))


def test_another_value_can_be_ignored(root: Path) -> None:
    masks = root / "train" / "masks"
    for mask in masks.iterdir():
        with Image.open(mask) as image:
            values = np.asarray(image)
        Image.fromarray(np.where(values == 255, 9, values).astype(np.uint8)).save(mask)
    _, classes = MaskFolder("train", str(root), "RGB", ignore_index=9)[0]
    assert {*classes.unique().tolist()} == {0, 1, 2, IGNORED}


def test_classes_are_named_by_the_recipe_or_by_a_file(root: Path) -> None:
    assert load(root, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    (root / "classes.txt").unlink()
    with pytest.raises(RecipeError, match=r"data.options.classes: .* in .*classes\.txt"):
        load(root)


def test_grey_pictures_stay_grey(root: Path) -> None:
    assert MaskFolder("val", str(root), "L")[0][0].shape == (16, 16, 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (resize, r"001\.png: the mask has 16 x 12 pixels, its picture 16 x 16"),
        (put_unknown_class, r"001\.png: the value 3 at row 7, column 5 is no class .*0 to 2; 255"),
        (recolour, r"001\.png: is RGB; a mask is a PNG with a palette or of 8 bits grey"),
        (damage, r"001\.png: the mask is damaged or missing"),
    ],
)
def test_a_pair_that_does_not_fit_is_named_and_may_be_left_out(
    root: Path,
    spoil: Callable[[Path], None],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mask = root / "train" / "masks" / "001.png"
    spoil(mask)
    with pytest.raises(RecipeError, match=rf"1 of 3 pictures with masks .*{message}"):
        MaskFolder("train", str(root), "RGB")
    assert len(MaskFolder("train", str(root), "RGB", on_broken="skip")) == 2
    assert "left out 1 of 3 pictures with masks" in capsys.readouterr().err
    late = MaskFolder("train", str(root), "RGB", on_broken="at-use")
    assert len(late) == 3
    with pytest.raises(InputError, match=message):
        late[1]


def test_a_broken_picture_is_named_too(root: Path) -> None:
    (root / "val" / "images" / "000.png").write_bytes(b"not a picture")
    with pytest.raises(RecipeError, match=r"images/000\.png: not a picture"):
        load(root)


def test_a_picture_without_a_mask_is_named(root: Path) -> None:
    masks = root / "train" / "masks"
    (masks / "001.png").rename(masks / "0001.png")
    message = r"1 of 3 pictures .* no mask, such as 001\.png .*did you mean 0001\.png\?"
    with pytest.raises(RecipeError, match=message):
        load(root)


@pytest.mark.parametrize("missing", ["", "train", "val", "train/images", "val/masks"])
def test_a_missing_folder_is_named(root: Path, missing: str) -> None:
    (root / missing).rename(root.parent / "elsewhere")
    with pytest.raises(RecipeError, match=rf"data.root: there is no folder .*shapes/?{missing}"):
        load(root)


def test_a_file_that_is_no_png_is_no_mask(tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.new("L", (4, 4)).save(mask, "JPEG")
    with pytest.raises(InputError, match=r"mask\.png: is not a PNG file"):
        read_mask(mask, 3, 255)


def test_pictures_of_another_size_come_in_batches_apart(root: Path) -> None:
    for kind in ("images", "masks"):
        with Image.open(root / "train" / kind / "001.png") as image:
            image.resize((20, 16), Image.Resampling.NEAREST).save(image.filename)
    shapes = [(raw.shape, masks.shape) for raw, masks in raw_batches(load(root).train, 8)]
    assert shapes == [
        ((1, 16, 16, 3), (1, 16, 16)),
        ((1, 16, 20, 3), (1, 16, 20)),
        ((1, 16, 16, 3), (1, 16, 16)),
    ]
