import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from wfctl.core.decode import decode_image
from wfctl.core.errors import InputError, RecipeError
from wfctl.core.recipe import Data
from wfctl.models.dataset import Splits, check_data, load_splits
from wfctl.models.folder import Folder
from wfctl.tests.helpers.torchvision_files import write_folder
from wfctl.train.loader import _classes_of
from wfctl.train.order import epoch_order

CLASSES = ["ant", "bee"]


def load(root: Path, mode: str = "RGB", **data: Any) -> Splits:
    recipe_data = Data(source="folder", root=str(root), **data)
    known = {"task": "classification", "mode": mode}
    check_data(recipe_data, known)
    return load_splits(recipe_data, known)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six pictures of each class to train on, and two of each held out."""
    for split, count in (("train", 6), ("val", 2)):
        write_folder(tmp_path / "data" / split, CLASSES, count, suffix=".png")
    return tmp_path / "data"


def names(samples: object) -> list[str]:
    assert isinstance(samples, Folder)
    return [f"{path.parent.name}/{path.name}" for path in samples.paths]


def test_folders_are_classes(root: Path) -> None:
    splits = load(root)
    assert splits.classes == ("ant", "bee")
    assert (len(splits.train), len(splits.held_out), splits.held_out_name) == (12, 4, "val")
    assert names(splits.held_out) == ["ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png"]
    assert [splits.held_out[index][1] for index in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_are_those_that_serving_decodes(root: Path, mode: str) -> None:
    pixels, _ = load(root, mode).train[3]
    served = decode_image((root / "train" / "ant" / "3.png").read_bytes(), mode)
    assert pixels.dtype == torch.uint8
    assert np.array_equal(np.asarray(pixels), served)


def test_a_test_folder_is_held_out_where_there_is_no_val(root: Path) -> None:
    (root / "val").rename(root / "test")
    assert load(root).held_out_name == "test"
    write_folder(root / "val", CLASSES, 1, suffix=".png")
    assert load(root).held_out_name == "val"
    assert load(root, splits=("train", "test")).held_out_name == "test"


def test_one_folder_is_split_by_ratio(tmp_path: Path) -> None:
    write_folder(tmp_path, CLASSES, 10, suffix=".png")
    splits = load(tmp_path, options={"held_out": 0.3})
    train, held_out = names(splits.train), names(splits.held_out)
    assert sorted(train + held_out) == sorted(f"{name}/{n}.png" for name in CLASSES
                                              for n in range(10))  # fmt: skip
    assert [sum(each.startswith(name) for each in held_out) for name in CLASSES] == [3, 3]
    again = load(tmp_path, options={"held_out": 0.3})
    assert names(again.held_out) == held_out
    assert len(load(tmp_path).held_out) == 4  # a fifth, when nothing is said


def test_a_new_picture_moves_at_most_one_other(tmp_path: Path) -> None:
    write_folder(tmp_path, CLASSES, 10, suffix=".png")
    before = set(names(load(tmp_path).held_out))
    (tmp_path / "ant" / "new.png").write_bytes((tmp_path / "ant" / "0.png").read_bytes())
    after = set(names(load(tmp_path).held_out))
    assert len(before ^ after) <= 2


def test_weighing_classes_reads_no_pictures(root: Path) -> None:
    for file in (root / "train" / "bee").glob("[1-5].png"):
        file.unlink()
    samples = load(root).train
    for file in (root / "train").rglob("*.png"):
        file.unlink()
    classes = _classes_of(samples)
    assert classes.tolist() == [0] * 6 + [1]
    drawn = torch.cat([epoch_order(7, 1, epoch, "weighted", classes) for epoch in range(1, 200)])
    assert abs(float(classes[drawn].float().mean()) - 0.5) < 0.05


def break_pictures(root: Path) -> list[Path]:
    """Cut one in half, empty one, put text into a third."""
    cut, empty, text = (root / "train" / name for name in ("ant/1.png", "ant/2.png", "bee/0.png"))
    cut.write_bytes(cut.read_bytes()[:60])
    empty.write_bytes(b"")
    text.write_text("not a picture")
    return [cut, empty, text]


def test_broken_pictures_are_named_and_counted(root: Path) -> None:
    broken = break_pictures(root)
    with pytest.raises(RecipeError, match=r"^data.root: 3 of 12 pictures \(train of ") as caught:
        load(root)
    message = str(caught.value)
    assert "\n" not in message
    assert all(str(each) in message for each in broken)
    assert "data.on_broken=skip" in message


def test_of_many_broken_pictures_the_first_are_named(root: Path) -> None:
    for file in (root / "train").rglob("*.png"):
        file.write_bytes(b"x")
    with pytest.raises(RecipeError, match=r"12 of 12 pictures .*; and 7 more") as caught:
        load(root)
    assert str(caught.value).count(".png") == 5


def test_broken_pictures_are_left_out_aloud(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = break_pictures(root)
    splits = load(root, on_broken="skip")
    assert len(splits.train) == 9
    assert not {f"{each.parent.name}/{each.name}" for each in broken} & {*names(splits.train)}
    captured = capsys.readouterr()
    assert all(f"left out: {each}: " in captured.err for each in broken)
    assert "left out 3 of 12 pictures (train of" in captured.err
    assert captured.out == ""


def test_without_a_check_a_broken_picture_is_named_when_it_is_met(root: Path) -> None:
    (cut, *_) = break_pictures(root)
    samples = load(root, on_broken="at-use").train
    assert len(samples) == 12
    with pytest.raises(InputError, match=f"{cut}: the picture is damaged"):
        samples[1]


def test_other_files_are_counted_aloud(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "train" / "ant" / "notes.txt").write_text("")
    (root / "train" / "ant" / ".hidden").write_text("")
    load(root)
    assert "1 files are no pictures by their name, such as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no root", "data.root: there is no folder .*nowhere"),
        ("no held-out", "data.root: .* has train/, but neither val/ nor test/ beside it"),
        ("unknown class", "data.root: .*val has the class 'wasp', which train/ lacks"),
        ("empty root", "data.root: .* holds no folders, which would name the classes"),
        ("ratio with splits", r"data.options.held_out: .* has its own split"),
        ("ratio", r"data.options.held_out: expected a share above 0 and below 1, got 1.5"),
    ],
)
def test_what_is_refused(root: Path, tmp_path: Path, change: str, message: str) -> None:
    options: dict[str, Any] = {}
    match change:
        case "no root":
            root = root / "nowhere"
        case "no held-out":
            (root / "val").rename(root / "other")
        case "unknown class":
            (root / "val" / "bee").rename(root / "val" / "wasp")
        case "empty root":
            root = tmp_path / "empty"
            root.mkdir()
        case "ratio with splits":
            options = {"held_out": 0.2}
        case "ratio":
            root, options = root / "train", {"held_out": 1.5}
    with pytest.raises(RecipeError, match=message):
        load(root, options=options)


def test_a_class_without_held_out_pictures_keeps_its_index(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (root / "val" / "ant").iterdir():
        file.unlink()
    (root / "val" / "ant").rmdir()
    splits = load(root)
    assert [splits.held_out[index][1] for index in range(len(splits.held_out))] == [1, 1]
    assert "ant: holds no pictures" in capsys.readouterr().err


def test_another_backend_has_to_be_installed(root: Path) -> None:
    with pytest.raises(RecipeError, match=r"data.image_backend: accimage is not installed"):
        load(root, image_backend="accimage")


def test_another_backend_is_torchvisions_and_its_difference_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where accimage fails, torchvision falls back to its own loader, which ignores EXIF."""
    accimage = types.ModuleType("accimage")

    def refuse(path: str) -> None:
        raise OSError

    accimage.Image = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "accimage", accimage)
    monkeypatch.setattr(torchvision, "_image_backend", "PIL")  # put back after the test
    file = root / "train" / "ant" / "0.png"
    with Image.open(file) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6  # stands on its side
        picture.save(file, exif=exif)
    splits = load(root, image_backend="accimage")
    assert torchvision.get_image_backend() == "accimage"
    assert np.asarray(splits.train[0][0]).shape == (24, 30, 3)
    error = capsys.readouterr().err
    assert "training reads pictures by accimage, serving by Pillow" in error
    assert "of 8 pictures 1 differ, by up to 255 of 255" in error
