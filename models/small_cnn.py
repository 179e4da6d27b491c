"""A small convolutional network for small pictures: trains in minutes on a CPU.

Nothing in it is particular to wfctl: a network is a `torch.nn.Module` that is given the number
of `classes`, and whatever the recipe says under `model.options`.
"""

from torch import Tensor, nn


class SmallCnn(nn.Module):
    """Pictures (B, channels, H, W) of at least 8 x 8 to logits (B, classes).

    Three stages of two convolutions each; the picture is halved behind the first two.

    Args:
        classes: how many classes; wfctl passes the number that the data set has.
        channels: of the pictures, 1 for grey and 3 for colour.
        width: channels of the first stage; it doubles with each stage.
        dropout: share of the features that is dropped in training before the last layer.
    """

    def __init__(
        self, classes: int, channels: int = 1, width: int = 32, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _stage(channels, width),
            nn.MaxPool2d(2),
            _stage(width, 2 * width),
            nn.MaxPool2d(2),
            _stage(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * width, classes))

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, classes)."""
        logits: Tensor = self.classifier(self.features(pixels))
        return logits


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for taken in (inputs, outputs):
        layers += [
            nn.Conv2d(taken, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
