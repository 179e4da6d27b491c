from pathlib import Path
from typing import Any

import pytest
import torch

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Data
from wfctl.models.dataset import Splits, check_data, load_splits
from wfctl.models.image_table import ImageTable
from wfctl.tests.helpers.torchvision_files import write_folder


def load(root: Path, **data: Any) -> Splits:
    recipe_data = Data(source="image-table", root=str(root), **data)
    known = {"task": "classification", "mode": "RGB"}
    check_data(recipe_data, known)
    return load_splits(recipe_data, known)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five pictures of each class, and no table."""
    write_folder(tmp_path / "pictures", ["a", "b"], 5, suffix=".png")
    return tmp_path


def rows(name: str, *numbers: int, label: str | None = None) -> str:
    return "".join(f"pictures/{name}/{number}.png,{label or name}\n" for number in numbers)


def names(samples: object) -> list[str]:
    assert isinstance(samples, ImageTable)
    return [f"{path.parent.name}{path.stem}" for path in samples.paths]


def test_a_table_for_each_split(root: Path) -> None:
    (root / "train.csv").write_text("path,label\n" + rows("b", 0, 1, 2) + rows("a", 0))
    (root / "test.csv").write_text("label,note,path\na,,pictures/a/4.png\n")
    splits = load(root)
    assert splits.held_out_name == "test"
    assert splits.classes == ("a", "b")
    assert names(splits.train) == ["b0", "b1", "b2", "a0"]
    assert [splits.train[index][1] for index in range(4)] == [1, 1, 1, 0]
    pixels, target = splits.held_out[0]
    assert torch.as_tensor(pixels).shape == (32, 30, 3)
    assert target == 0


def test_tabs_names_of_columns_and_a_byte_order_mark(root: Path) -> None:
    for split in ("train", "val"):
        text = "\ufefffile\tkind\n" + (rows("a", 0) + rows("b", 0)).replace(",", "\t")
        (root / f"{split}.tsv").write_text(text, encoding="utf-8")
    splits = load(root, options={"path_column": "file", "label_column": "kind"})
    assert names(splits.held_out) == ["a0", "b0"]


def test_labels_that_are_numbers_are_ordered_by_value(root: Path) -> None:
    text = "path,label\n" + rows("a", 0, label="10") + rows("b", 0, label="9")
    for split in ("train", "val"):
        (root / f"{split}.csv").write_text(text)
    assert load(root).classes == ("9", "10")


def test_one_table_with_a_column_of_splits(root: Path) -> None:
    lines = [f"pictures/{name}/{number}.png,{name},{'val' if number == 4 else 'train'}"
             for name in "ab" for number in range(5)]  # fmt: skip
    (root / "all.csv").write_text("path,label,split\n" + "\n".join(lines) + "\n")
    splits = load(root, options={"table": "all.csv"})
    assert names(splits.held_out) == ["a4", "b4"]
    assert len(splits.train) == 8


def test_one_table_split_by_ratio(root: Path) -> None:
    (root / "all.csv").write_text("path,label\n" + rows("a", *range(5)) + rows("b", *range(5)))
    splits = load(root, options={"table": "all.csv", "held_out": 0.4})
    held_out, train = names(splits.held_out), names(splits.train)
    assert sorted(each[0] for each in held_out) == ["a", "a", "b", "b"]
    assert len({*train, *held_out}) == 10
    assert names(load(root, options={"table": "all.csv", "held_out": 0.4}).held_out) == held_out


def test_missing_and_broken_files_are_named_and_counted(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "pictures" / "a" / "1.png").write_bytes(b"broken")
    for split in ("train", "val"):
        (root / f"{split}.csv").write_text("path,label\n" + rows("a", 0, 1, 9) + rows("b", 0))
    with pytest.raises(
        RecipeError, match=r"2 of 4 pictures .*a/1.png: not a picture.*a/9.png: cannot be read"
    ):
        load(root)
    assert names(load(root, on_broken="skip").train) == ["a0", "b0"]
    assert "left out 2 of 4 pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("train", "val", "options", "message"),
    [
        ("path\n", "", {}, r"train.csv has no column 'label' \(its columns: path\)"),
        ("", "", {}, r"train.csv has no column 'path' \(its columns: none\)"),
        ("path,label\n,a\n", "", {}, "train.csv:2: no value for 'path'"),
        ("path,label\npictures/a/0.png\n", "", {}, "train.csv:2: no value for 'label'"),
        ("path,label\n" + rows("a", 0), "path,label\n" + rows("b", 0), {},
         "val.csv:2: the label 'b' is not in the training split"),
        ("path,label\n" + rows("a", 0), "path,label\n", {}, "the split 'val' .* is empty"),
        ("path,label\n", None, {}, "has no val.csv or val.tsv; for one table"),
        ("path,label\n", "path,label\n", {"held_out": 0.2}, "held_out: is for one table"),
        ("path,label,split\n" + rows("a", 0).replace("\n", ",train\n"), None,
         {"table": "train.csv", "held_out": 0.2}, "held_out: .*train.csv has a column of splits"),
        ("path,label\n", None, {"table": "none.csv"}, "none.csv cannot be read .no such file"),
    ],
)  # fmt: skip
def test_what_is_refused(
    root: Path, train: str, val: str | None, options: dict[str, Any], message: str
) -> None:
    (root / "train.csv").write_text(train)
    if val is not None:
        (root / "val.csv").write_text(val)
    with pytest.raises(RecipeError, match=message):
        load(root, options=options)


def test_what_is_not_utf_8_is_refused(root: Path) -> None:
    (root / "train.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    with pytest.raises(RecipeError, match=r"train.csv is not a table in UTF-8"):
        load(root)
