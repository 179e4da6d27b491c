"""Pictures of noise, for measurements where only shapes matter."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset


class Pictures(Dataset[tuple[Tensor, int]]):
    """Random pictures in memory.

    Args:
        samples: in the training split; a tenth as many are held out.
        size: height and width in pixels.
    """

    classes = tuple("0123456789")

    def __init__(self, split: str, samples: int = 2048, size: int = 28, channels: int = 1) -> None:
        count = samples if split == "train" else max(samples // 10, 1)
        generator = torch.Generator().manual_seed(count)
        shape = (count, size, size, channels)
        self.pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        self.targets = torch.randint(0, 10, (count,), generator=generator)

    def __len__(self) -> int:
        """How many pictures the split has."""
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Pixels (size, size, channels) and a class."""
        return self.pixels[index], int(self.targets[index])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split."""
        return self.pixels, self.targets


class SmallCnn(nn.Module):
    """LeNet in small, for pictures (B, 1, 8, 8) such as the digits of scikit-learn."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, classes),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 1, 8, 8) -> (B, classes)."""
        logits: Tensor = self.layers(pixels)
        return logits
