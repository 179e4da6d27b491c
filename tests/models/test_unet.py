import pytest
import torch

from wfctl.models.unet import UNet


@pytest.mark.parametrize("size", [(32, 32), (17, 30), (8, 8), (5, 9)])
@pytest.mark.parametrize("levels", [1, 3])
def test_a_logit_for_every_class_and_pixel_of_any_size(size: tuple[int, int], levels: int) -> None:
    network = UNet(classes=4, channels=1, width=4, levels=levels).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 1, *size)).shape == (2, 4, *size)


def test_a_pixel_is_seen_from_far_away() -> None:
    network = UNet(classes=2, width=4, levels=3).eval()
    with torch.no_grad():
        dark = torch.zeros(1, 3, 32, 32)
        light = dark.clone()
        light[..., 0, 0] = 5
        changed = (network(light) - network(dark)).abs().sum(dim=1)[0]
    assert changed[20, 20] > 0
