"""The whole model from raw sample to answer: what is exported, and what every file must equal."""

from torch import Tensor, nn


class Pipeline(nn.Module):
    """Preprocessing, network and activation in one module.

    Args:
        preprocess: raw batch -> the network's input.
        network: the trained part.
        activation: the network's output -> the answer, such as probabilities.
    """

    def __init__(self, preprocess: nn.Module, network: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network
        self.activation = activation

    def forward(self, raw: Tensor) -> Tensor:
        """A raw batch (B, ...) -> answers (B, ...)."""
        answer: Tensor = self.activation(self.network(self.preprocess(raw)))
        return answer
