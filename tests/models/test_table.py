from pathlib import Path
from typing import Any

import pytest
import torch

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Data
from wfctl.models.dataset import Splits, load_splits, whole_split

TRAIN = "id,area,rooms,city,price\na,50,2,Bonn,100\nb,80,3,Köln,170.5\nc,30,1,Bonn,60\n"
VAL = "price,city,rooms,area,id\n90,Köln,2,45,d\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def load(root: Path, task: str = "regression", **options: Any) -> Splits:
    return load_splits(Data(source="table", root=str(root), options=options), {"task": task})


def test_numbers_are_predicted_from_all_other_columns_of_numbers(tmp_path: Path) -> None:
    splits = load(write(tmp_path, train=TRAIN, val=VAL), target="price")
    assert splits.columns == ("area", "rooms")
    assert splits.classes == ("price",)
    rows, targets = whole_split(splits.train) or (None, None)
    assert rows is not None
    assert targets is not None
    assert rows.tolist() == [[50, 2], [80, 3], [30, 1]]
    assert targets.tolist() == [[100], [170.5], [60]]
    assert splits.held_out[0][0].tolist() == [45, 2]  # by name, in the order of the training split
    assert splits.held_out[0][1].tolist() == [90]  # type: ignore[union-attr]


def test_several_targets_and_chosen_features(tmp_path: Path) -> None:
    root = write(tmp_path, train=TRAIN, val=VAL)
    splits = load(root, target=["price", "rooms"], features=["area"])
    assert (splits.columns, splits.classes) == (("area",), ("price", "rooms"))
    assert splits.train[1][1].tolist() == [170.5, 3]  # type: ignore[union-attr]


def test_labels_are_classes_in_one_order_for_both_splits(tmp_path: Path) -> None:
    splits = load(write(tmp_path, train=TRAIN, val=VAL), "classification", target="city")
    assert splits.classes == ("Bonn", "Köln")
    assert splits.columns == ("area", "rooms", "price")
    assert [int(splits.train[index][1]) for index in range(3)] == [0, 1, 0]
    assert int(splits.held_out[0][1]) == 1


def test_labels_that_are_whole_numbers_are_ordered_by_size(tmp_path: Path) -> None:
    text = "x,y\n1,10\n2,9\n3,10\n4,-1\n5,9\n6,-1\n"
    splits = load(write(tmp_path, train=text, val=text), "classification", target="y")
    assert splits.classes == ("-1", "9", "10")


def test_the_held_out_file_may_be_called_test(tmp_path: Path) -> None:
    assert load(write(tmp_path, train=TRAIN, test=VAL), target="price").held_out_name == "test"
    assert load(write(tmp_path, val=VAL), target="price").held_out_name == "val"


def many(count: int) -> str:
    rows = "".join(f"{number},{'ab'[number % 4 == 0]},{number * 2}\n" for number in range(count))
    return f"x,label,y\n{rows}"


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_one_file_is_split_by_ratio(tmp_path: Path, task: str) -> None:
    file = write(tmp_path, houses=many(100)) / "houses.csv"
    target = "y" if task == "regression" else "label"
    for root in (tmp_path, file):
        splits = load(root, task, target=target, features=["x"], held_out=0.3)
        parts = [
            [int(split[index][0]) for index in range(len(split))]
            for split in (splits.train, splits.held_out)
        ]
        assert [len(part) for part in parts] == [70, 30]
        assert sorted(parts[0] + parts[1]) == list(range(100))
        assert parts[1] != list(range(30))  # not simply the first ones


def test_more_rows_leave_held_out_rows_mostly_where_they_were(tmp_path: Path) -> None:
    root = write(tmp_path, houses=many(100))
    before = load(root, target="y", features=["x"]).held_out
    held = {int(before[index][0]) for index in range(len(before))}
    after = load(write(tmp_path, houses=many(105)), target="y", features=["x"]).held_out
    assert len(held & {int(after[index][0]) for index in range(len(after))}) >= len(held) - 2


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("area,price\n50,100\n,90\n", "train.csv:3:area: the value is missing"),
        ("area,price\n50,100\n60,NaN\n", "train.csv:3:price: the value is missing"),
        ("area,price\n50,100\nlarge,90\n", "train.csv:3:area: expected a number, got 'large'"),
        ("area,price\n50,inf\n", "train.csv:2:price: expected a finite number"),
        ("city,price\nBonn,100\n", r"data.options.features: no column holds numbers"),
        ("area,prize\n50,100\n", r"train.csv has no column 'price' \(did you mean 'prize'\?\)"),
    ],
)
def test_a_wrong_value_is_named_by_file_line_and_column(
    tmp_path: Path, train: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        load(write(tmp_path, train=train, val=train), target="price")


def test_many_wrong_values_are_counted(tmp_path: Path) -> None:
    train = "area,price\n1,1\n" + 9 * ",1\n"
    with pytest.raises(RecipeError) as caught:
        load(write(tmp_path, train=train, val=VAL), target="price")
    assert caught.value.faults[0] == "train.csv:3:area: the value is missing"
    assert caught.value.faults[-1] == "and 4 more values like these"


@pytest.mark.parametrize(
    ("val", "message"),
    [
        (
            "area,rooms,city\n1,2,Kölln\n",
            r"val.csv:2:city: .* no class 'Kölln' \(did you mean 'Köln",
        ),
        ("area,rooms,city\n1,2,\n", "val.csv:2:city: the value is missing"),
        ("area,room,city\n1,2,Bonn\n", r"val.csv has no column 'rooms' \(did you mean 'room'"),
        ("area,rooms,city\n1,?,Bonn\n", "val.csv:2:rooms: the value is missing"),
    ],
)
def test_the_held_out_file_is_held_to_the_training_file(
    tmp_path: Path, val: str, message: str
) -> None:
    root = write(tmp_path, train=TRAIN, val=val)
    with pytest.raises(RecipeError, match=message):
        load(root, "classification", target="city", features=["area", "rooms"])


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("classification", {"target": ["city", "id"]}, "data.options.target: task classification"),
        ("segmentation", {"target": "city"}, "a table has no pictures for task segmentation"),
        ("regression", {"target": "price", "features": ["price"]}, "'price' is a target"),
        ("regression", {"target": "price", "features": ["aera"]}, "did you mean 'area'"),
        (
            "regression",
            {"target": "price", "held_out": 1.5},
            "expected a share above 0 and below 1",
        ),
    ],
)
def test_wrong_options_are_named(
    tmp_path: Path, task: str, options: dict[str, Any], message: str
) -> None:
    write(tmp_path, houses=TRAIN)
    with pytest.raises(RecipeError, match=message):
        load(tmp_path, task, **options)


def test_a_root_without_a_split_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"has train.csv, but no val.csv or test.csv"):
        load(write(tmp_path, train=TRAIN), target="price")
    (tmp_path / "train.csv").rename(tmp_path / "a.csv")
    with pytest.raises(RecipeError, match=r"or one table; there is: a.csv, b.csv"):
        load(write(tmp_path, b=TRAIN), target="price")
    with pytest.raises(RecipeError, match="there is no such file or folder"):
        load(tmp_path / "nowhere", target="price")


def test_features_are_float32_as_serving_decodes_them(tmp_path: Path) -> None:
    splits = load(write(tmp_path, train=TRAIN, val=VAL), target="price")
    assert splits.train[0][0].dtype == torch.float32
