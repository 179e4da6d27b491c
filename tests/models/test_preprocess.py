import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wfctl.core.manifest import ImageInput, NumberInput
from wfctl.core.recipe import ImagePreprocess, NumberPreprocess, Preprocess
from wfctl.models.preprocess import build_preprocess, describe_boundary, describe_input

RGB = ImagePreprocess(
    kind="image", mode="RGB", size=(6, 9), mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5)
)
GREY = ImagePreprocess(kind="image", mode="L", size=(8, 8), mean=(0.25,), std=(0.5,))
NUMBER = NumberPreprocess(kind="number", bits=10)


def pictures(*shape: int) -> Tensor:
    """Noise, (B, H, W, C) uint8."""
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.manual_seed(1))


@pytest.mark.parametrize("height_width", [(13, 29), (3, 4), (40, 5), (1, 1)])
def test_pictures_are_resized_with_torchs_antialiasing_and_normalised(
    height_width: tuple[int, int],
) -> None:
    raw = pictures(2, *height_width, 3)
    scaled = raw.permute(0, 3, 1, 2).float() / 255
    resized = F.interpolate(scaled, (6, 9), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (RGB.mean, RGB.std))
    torch.testing.assert_close(build_preprocess(RGB)(raw), (resized - mean) / std)


def test_antialiasing_matters() -> None:
    """So that a resize without it could not pass the test above."""
    raw = pictures(1, 40, 40, 1)
    plain = F.interpolate(raw.permute(0, 3, 1, 2).float() / 255, (8, 8), mode="bilinear")
    assert (build_preprocess(GREY)(raw) - (plain - 0.25) / 0.5).abs().max() > 0.1


def test_a_picture_of_the_right_size_is_only_normalised() -> None:
    raw = pictures(3, 8, 8, 1)
    expected = (raw.permute(0, 3, 1, 2).float() - 0.25 * 255) / (0.5 * 255)
    assert torch.equal(build_preprocess(GREY)(raw), expected)


@pytest.mark.parametrize("bits", [1, 10, 53, 62])
def test_bits_are_those_of_python(bits: int) -> None:
    largest = 2**bits - 1
    numbers = sorted({0, 1, largest, largest - 1, largest // 3, largest // 7})
    module = build_preprocess(NumberPreprocess(kind="number", bits=bits))
    expected = [[int(digit) for digit in reversed(format(n, f"0{bits}b"))] for n in numbers]
    assert module(torch.tensor(numbers)).tolist() == expected


@pytest.mark.parametrize("preprocess", [RGB, GREY, NUMBER], ids=["rgb", "grey", "number"])
def test_the_description_says_what_the_module_does(preprocess: Preprocess) -> None:
    _, input_spec = describe_input(preprocess)
    shape = [5 if size == -1 else size for size in input_spec.shape]  # any size will do
    raw = torch.ones(shape, dtype=getattr(torch, input_spec.dtype))
    output = build_preprocess(preprocess)(raw)
    boundary = describe_boundary(preprocess)
    assert str(output.dtype) == f"torch.{boundary.dtype}"
    assert boundary.shape[0] == -1
    assert output.shape == (5, *boundary.shape[1:])


def test_the_host_is_told_what_the_graph_cannot_know() -> None:
    assert describe_input(RGB)[0] == ImageInput(mode="RGB")
    assert describe_input(NUMBER)[0] == NumberInput(minimum=0, maximum=1023)


def test_preprocessing_adds_nothing_to_a_checkpoint() -> None:
    assert not build_preprocess(RGB).state_dict()
    assert not build_preprocess(NUMBER).state_dict()
