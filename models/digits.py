"""Handwritten digits, the 1,797 real ones that come with scikit-learn, and a small network.

This file is a whole example of a data set and a network of one's own. Nothing in it is
particular to wfctl: a data set is a `torch.utils.data.Dataset` with `classes`, called with
`split="train"` or `split="val"`; a network is a `torch.nn.Module`.

Source of the data: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset


class Digits(Dataset[tuple[Tensor, int]]):
    """Grey pictures of 8 x 8 pixels, every fifth of them held out.

    Args:
        split: `train` for four fifths, `val` for the held-out fifth.
    """

    splits = ("train", "val")  # the second is held out: metrics and export checks use it
    classes = tuple("0123456789")

    def __init__(self, split: str) -> None:
        from sklearn.datasets import load_digits

        data = load_digits()
        held_out = torch.arange(len(data.target)) % 5 == 0
        chosen = ~held_out if split == "train" else held_out
        # Scans hold 0 to 16; a picture file holds 0 to 255.
        pixels = (torch.from_numpy(data.images) * (255 / 16)).round().to(torch.uint8)
        self.pixels = pixels[chosen].unsqueeze(-1)  # (N, 8, 8, 1)
        self.targets = torch.from_numpy(data.target).long()[chosen]  # (N,)

    def __len__(self) -> int:
        """How many pictures the split has."""
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """A raw sample, (8, 8, 1) uint8 as a decoded file would be, and its class."""
        return self.pixels[index], int(self.targets[index])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split, (N, 8, 8, 1) and (N,). A data set that has this is batched at once."""
        return self.pixels, self.targets


class DigitsCnn(nn.Module):
    """Pictures (B, 1, 8, 8) to logits (B, classes), by three convolutions.

    Args:
        classes: how many classes; wfctl passes the number that the data set has.
        width: channels of the first convolution.
    """

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, kernel_size=3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, kernel_size=3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(2 * width, 2 * width, kernel_size=3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(2 * width * 4, classes),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 1, 8, 8) -> (B, classes)."""
        logits: Tensor = self.classifier(self.features(pixels))
        return logits
