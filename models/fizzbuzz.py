"""FizzBuzz as a learning problem: the numbers from 101 up to train on, 1 to 100 to test on.

This file is a whole example of a data set and a network of one's own. Nothing in it is
particular to wfctl: a data set is a `torch.utils.data.Dataset` with `classes`, called with
`split="train"` or `split="test"`; a network is a `torch.nn.Module`.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset


class FizzBuzz(Dataset[tuple[Tensor, int]]):
    """Numbers with their FizzBuzz answer.

    Args:
        split: `train` for the numbers from 101 to `maximum`, `test` for 1 to 100.
        maximum: the largest number to train on.
    """

    splits = ("train", "test")  # the second is held out: metrics and export checks use it
    classes = ("number", "fizz", "buzz", "fizzbuzz")

    def __init__(self, split: str, maximum: int = 1023) -> None:
        if split == "train":
            self.numbers = torch.arange(101, maximum + 1)
        else:
            self.numbers = torch.arange(1, 101)
        self.targets = torch.tensor([self.answer(int(number)) for number in self.numbers])

    @staticmethod
    def answer(number: int) -> int:
        """The index in `classes`: divisible by 3 adds one, by 5 adds two."""
        return int(number % 3 == 0) + 2 * int(number % 5 == 0)

    def __len__(self) -> int:
        """How many numbers the split has."""
        return len(self.numbers)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """A raw sample, an int64 scalar, and its class. Binary digits are made in the graph."""
        return self.numbers[index], int(self.targets[index])

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split, (N,) and (N,). A data set that has this is batched without a loop."""
        return self.numbers, self.targets


class FizzBuzzMlp(nn.Module):
    """Binary digits (B, bits) to logits (B, classes), by one hidden layer.

    Args:
        classes: how many classes; wfctl passes the number that the data set has.
        bits: binary digits of a number, as `preprocess.bits` in the recipe.
        hidden: width of the hidden layer.
    """

    def __init__(self, classes: int, bits: int = 10, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(bits, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, digits: Tensor) -> Tensor:
        """(B, bits) -> (B, classes)."""
        logits: Tensor = self.layers(digits)
        return logits
