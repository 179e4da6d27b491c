"""Ten measurements of 442 diabetes patients, and how far the disease had gone a year later.

This file is a whole example of a table of one's own. Nothing in it is particular to wfctl: a data
set is a `torch.utils.data.Dataset`, called with `split="train"` or `split="val"`; `columns` names
the features and `classes` the values that are to be predicted. A CSV file needs no code: see
`data.source: table`.

Source of the data, which comes with scikit-learn: B. Efron, T. Hastie, I. Johnstone,
R. Tibshirani, Least Angle Regression, Annals of Statistics 32 (2004).
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset


class Diabetes(Dataset[tuple[Tensor, Tensor]]):
    """Rows of ten numbers, every fifth patient held out.

    Args:
        split: `train` for four fifths, `val` for the held-out fifth.
    """

    splits = ("train", "val")  # the second is held out: metrics and export checks use it
    classes = ("progression",)
    columns = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

    def __init__(self, split: str) -> None:
        from sklearn.datasets import load_diabetes

        data = load_diabetes(scaled=False)
        held_out = torch.arange(len(data.target)) % 5 == 0
        chosen = ~held_out if split == "train" else held_out
        self.rows = torch.from_numpy(data.data).float()[chosen]  # (N, 10)
        self.targets = torch.from_numpy(data.target).float()[chosen].unsqueeze(1)  # (N, 1)

    def __len__(self) -> int:
        """How many patients the split has."""
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """A raw sample, (10,) float32 in the units of the data, and its target, (1,)."""
        return self.rows[index], self.targets[index]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split, (N, 10) and (N, 1). A data set that has this is batched at once."""
        return self.rows, self.targets
