from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Data
from wfctl.models.component import add_user_code
from wfctl.models.dataset import check_data, check_labels, load_splits, raw_batches, whole_split

USER_DATA = """\
import torch
from torch.utils.data import Dataset, TensorDataset

class Bars(Dataset):
    "Pictures without `tensors`, so that they are loaded one by one."
    classes = ("low", "high")

    def __init__(self, split, root="", sizes=(4, 4, 4, 4)):
        self.split, self.root, self.sizes = split, root, sizes

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        return torch.full((self.sizes[index], 2, 1), index, dtype=torch.uint8), index % 2

class Stock(TensorDataset):
    "Torch's own data set has an attribute `tensors`, which is no method."
    classes = ("low", "high")

    def __init__(self, split):
        super().__init__(torch.arange(6), torch.tensor([0, 1, 0, 1, 0, 1]))

class Empty(Bars):
    splits = ("train", "test")

    def __len__(self):
        return 0 if self.split == "test" else 4

class Changing(Bars):
    def __init__(self, split):
        super().__init__(split)
        self.classes = ("low", "high") if split == "train" else ("high", "low")

class Nameless(Bars):
    classes = property()
"""


@pytest.fixture(autouse=True)
def user_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`user_data:…` can be imported, as if it lay beside a recipe."""
    import sys

    (tmp_path / "user_data.py").write_text(USER_DATA)
    monkeypatch.setattr(sys, "path", list(sys.path))
    add_user_code(tmp_path)
    yield
    sys.modules.pop("user_data", None)


class Pictures:
    """Samples of given heights, one by one."""

    classes: tuple[str, ...] = ("low", "high")

    def __init__(self, heights: list[int]) -> None:
        self.heights = heights

    def __len__(self) -> int:
        return len(self.heights)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.full((self.heights[index], 2, 1), index, dtype=torch.uint8), index % 2


def test_the_second_split_is_held_out() -> None:
    splits = load_splits(Data(source="fizzbuzz"))
    assert (len(splits.train), len(splits.held_out)) == (923, 100)
    assert splits.held_out_name == "test"
    assert splits.classes == ("number", "fizz", "buzz", "fizzbuzz")


def test_splits_are_train_and_val_where_a_source_does_not_say() -> None:
    splits = load_splits(Data(source="user_data:Bars"))
    assert [getattr(each, "split") for each in (splits.train, splits.held_out)] == ["train", "val"]  # noqa: B009
    assert splits.held_out_name == "val"


def test_root_and_options_reach_the_source() -> None:
    splits = load_splits(Data(source="user_data:Bars", root="/data", options={"sizes": [1, 2]}))
    assert vars(splits.train) == {"split": "train", "root": "/data", "sizes": [1, 2]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("user_data:Empty", "the split 'test' of user_data:Empty is empty"),
        ("user_data:Changing", "the splits of user_data:Changing have different classes"),
        ("user_data:Nameless", "user_data:Nameless has no `classes`"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(source: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"^data.source: {message}"):
        load_splits(Data(source=source))


def test_data_is_checked_without_loading_it() -> None:
    check_data(Data(source="digits"))
    with pytest.raises(RecipeError, match=r"data.options.maximun: .*did you mean 'maximum'"):
        check_data(Data(source="fizzbuzz", options={"maximun": 5}))


@pytest.mark.parametrize("option", ["split", "root"])
def test_an_option_cannot_say_what_other_keys_say(option: str) -> None:
    data = Data(source="user_data:Bars", root="/data", options={option: "other"})
    with pytest.raises(RecipeError, match=f"data.options.{option}: .* is given this by wfctl"):
        check_data(data)


def test_data_must_have_the_classes_of_the_model() -> None:
    splits = load_splits(Data(source="user_data:Bars"))
    check_labels(splits, ["low", "high"])
    with pytest.raises(RecipeError, match="has 2 classes, but the model was trained with 1"):
        check_labels(splits, ["low"])
    with pytest.raises(RecipeError, match=r"class 0 as 'low', but the model .* with 'high'"):
        check_labels(splits, ["high", "low"])


def test_batches_keep_the_order_and_the_rest() -> None:
    batches = list(raw_batches(Pictures([4] * 5), batch_size=2))
    assert [tuple(raw.shape) for raw, _ in batches] == [(2, 4, 2, 1), (2, 4, 2, 1), (1, 4, 2, 1)]
    assert torch.cat([raw[:, 0, 0, 0] for raw, _ in batches]).tolist() == [0, 1, 2, 3, 4]
    assert torch.cat([targets for _, targets in batches]).tolist() == [0, 1, 0, 1, 0]


def test_neighbours_of_different_shape_come_in_batches_apart() -> None:
    batches = list(raw_batches(Pictures([3, 3, 5, 3, 3, 3]), batch_size=2))
    assert [raw.shape[:2] for raw, _ in batches] == [(2, 3), (1, 5), (2, 3), (1, 3)]
    assert torch.cat([raw[:, 0, 0, 0] for raw, _ in batches]).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_split_in_memory_gives_the_batches_that_its_samples_would() -> None:
    held_out = load_splits(Data(source="digits")).held_out
    assert whole_split(held_out) is not None
    batches = list(raw_batches(held_out, batch_size=100))
    assert [len(raw) for raw, _ in batches] == [100, 100, 100, 60]
    for index in (0, 99, 100, 359):
        raw, target = held_out[index]
        assert torch.equal(batches[index // 100][0][index % 100], raw)
        assert int(batches[index // 100][1][index % 100]) == target


def test_torchs_own_tensor_dataset_is_loaded_one_by_one() -> None:
    splits = load_splits(Data(source="user_data:Stock"))
    assert whole_split(splits.held_out) is None
    batches = list(raw_batches(splits.held_out, batch_size=4))
    assert [raw.tolist() for raw, _ in batches] == [[0, 1, 2, 3], [4, 5]]
