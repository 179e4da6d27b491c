import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wfctl.models.digits import Digits, DigitsCnn


def test_four_fifths_train_and_the_other_fifth_is_held_out() -> None:
    assert (len(Digits("train")), len(Digits("val"))) == (1437, 360)


def test_no_picture_is_in_both_splits_and_none_is_lost() -> None:
    source = load_digits()
    held_out = np.arange(1797) % 5 == 0
    pixels, targets = Digits("val").tensors()
    # A scan's 0 to 16 against a file's 0 to 255, half a step apart at most.
    assert np.abs(pixels[..., 0].numpy() * (16 / 255) - source.images[held_out]).max() <= 8 / 255
    assert np.array_equal(targets.numpy(), source.target[held_out])
    assert np.array_equal(Digits("train").tensors()[1].numpy(), source.target[~held_out])


def test_a_sample_is_what_a_decoded_grey_picture_is() -> None:
    pixels, target = Digits("val")[3]
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (8, 8, 1))
    assert type(target) is int
    assert torch.equal(pixels, Digits("val").tensors()[0][3])


def test_the_whole_range_of_a_picture_file_is_used() -> None:
    pixels, _ = Digits("train").tensors()
    assert (int(pixels.min()), int(pixels.max())) == (0, 255)


@pytest.mark.parametrize("batch", [1, 5])
def test_the_network_gives_a_logit_a_class(batch: int) -> None:
    network = DigitsCnn(classes=7, width=4).eval()
    assert network(torch.zeros(batch, 1, 8, 8)).shape == (batch, 7)
