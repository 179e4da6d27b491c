import base64
import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wfctl.train.report.show_sample import PICTURE_SIDE, picture_of, show_sample


class Rows:
    """A data set of one sample."""

    def __init__(self, raw: Tensor, classes: tuple[str, ...] = ("a",)) -> None:
        self.raw = raw
        self.classes = classes

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.raw, 0


class Table(Rows):
    columns = ("age", "height")


class Sentences(Rows):
    def describe(self, index: int) -> str:
        return f"<i>sentence {index}</i>"


def pixels_of(uri: str) -> NDArray[np.uint8]:
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_small_picture_keeps_every_pixel() -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4
    picture = picture_of(pixels)
    assert picture.small
    assert picture.uri.startswith("data:image/png;base64,")
    assert np.array_equal(pixels_of(picture.uri), pixels[..., 0])


def test_a_large_picture_is_made_smaller_in_its_proportions() -> None:
    picture = picture_of(np.full((400, 800, 3), 99, np.uint8))
    assert not picture.small
    assert picture.uri.startswith("data:image/jpeg;base64,")
    assert pixels_of(picture.uri).shape == (PICTURE_SIDE // 2, PICTURE_SIDE, 3)


def test_pixels_are_shown_as_a_picture() -> None:
    raw = torch.zeros(5, 4, 3, dtype=torch.uint8)
    shown = show_sample(Rows(raw), 0, raw)
    assert shown.picture is not None
    assert shown.text == ""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (torch.tensor(17), "17"),
        (torch.tensor(0.25), "0.25"),
        (torch.tensor([1.0, 2.5]), "1, 2.5"),
        (torch.arange(10), "0, 1, 2, 3, 4, 5, 6, 7 … and 2 more"),
        (torch.zeros(2, 3), "float32 of shape (2, 3)"),
    ],
)
def test_numbers_are_shown_as_text(raw: Tensor, text: str) -> None:
    assert show_sample(Rows(raw), 0, raw).text == text


def test_a_row_of_a_table_has_the_names_of_its_columns() -> None:
    raw = torch.tensor([41.0, 1.8])
    assert show_sample(Table(raw), 0, raw).text == "age 41, height 1.8"


def test_a_sound_is_shown_as_its_waveform() -> None:
    raw = torch.sin(torch.arange(8000) / 20)
    shown = show_sample(Rows(raw), 0, raw)
    assert shown.drawing is not None
    assert "<path" in shown.drawing
    assert shown.text == "waveform of 8,000 values"


def test_a_data_set_can_describe_its_samples() -> None:
    raw = torch.arange(4)
    assert show_sample(Sentences(raw), 3, raw).text == "<i>sentence 3</i>"
