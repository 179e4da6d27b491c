"""A small network for pixels, after Ronneberger, Fischer and Brox, U-Net, 2015 (arXiv:1505.04597).

This file is a whole example of a network of one's own. Nothing in it is particular to wfctl: a
network is a `torch.nn.Module`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Pictures (B, channels, H, W) of any size to logits (B, classes, H, W).

    Args:
        classes: how many classes; wfctl passes the number that the data has.
        channels: of the picture: 3 for RGB, 1 for grey.
        width: channels of the first level; each level below has twice as many.
        levels: how often the picture is halved.
    """

    def __init__(self, classes: int, channels: int = 3, width: int = 16, levels: int = 3) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(levels + 1)]
        self.first = _block(channels, width)
        self.down = nn.ModuleList(_block(fine, 2 * fine) for fine in widths[:-1])
        self.up = nn.ModuleList(_block(3 * fine, fine) for fine in reversed(widths[:-1]))
        self.classifier = nn.Conv2d(width, classes, kernel_size=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, classes, H, W)."""
        features = self.first(pixels)
        skipped = [features]
        for block in self.down:
            features = block(F.max_pool2d(features, 2, ceil_mode=True))
            skipped.append(features)
        skipped.pop()
        for block in self.up:
            fine = skipped.pop()
            coarse = F.interpolate(features, size=fine.shape[-2:], mode="nearest")
            features = block(torch.cat([fine, coarse], dim=1))
        logits: Tensor = self.classifier(features)
        return logits


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (inputs, outputs):
        layers += [
            nn.Conv2d(width, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
