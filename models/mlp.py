"""A network for rows of numbers: hidden layers of the width that the recipe says.

This file is a whole example of a network of one's own. Nothing in it is particular to wfctl: a
network is a `torch.nn.Module`.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class Mlp(nn.Module):
    """Features (B, features) to outputs (B, classes): logits, or the values of a regression.

    Args:
        classes: how many outputs; wfctl passes the number of classes or of target columns.
        features: how many features; wfctl passes the number of columns that the data has.
        hidden: widths of the hidden layers.
        dropout: share of hidden values that are dropped in training.
    """

    def __init__(
        self, classes: int, features: int, hidden: Sequence[int] = (64, 64), dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = features
        for next_width in hidden:
            layers += [nn.Linear(width, next_width), nn.ReLU(), nn.Dropout(dropout)]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Linear(width, classes))

    def forward(self, features: Tensor) -> Tensor:
        """(B, features) -> (B, classes)."""
        outputs: Tensor = self.layers(features)
        return outputs
