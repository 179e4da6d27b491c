"""The whole model from raw sample to answer: what is exported, and what every file must equal."""

from torch import Tensor, nn


class Pipeline(nn.Module):
    """Preprocessing, network and activation in one module.

    Args:
        preprocess: raw batch -> the network's input.
        network: the trained part, giving logits (B, classes).
    """

    def __init__(self, preprocess: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network

    def forward(self, raw: Tensor) -> Tensor:
        """A raw batch -> probabilities (B, classes)."""
        logits: Tensor = self.network(self.preprocess(raw))
        return logits.softmax(dim=-1)
