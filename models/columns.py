"""Preprocessing of tables: every column to mean 0 and deviation 1, as the training split has it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import RecipeError


class StandardiseColumns(nn.Module):
    """Rows of numbers to what the network sees.

    What `fit` learns is part of the module's state, the names of the columns too, so that a
    checkpoint brings back all of it.

    Attributes:
        columns: names of the features, in the order of a row; empty before `fit`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[str, ...] = ()
        self.register_buffer("mean", torch.zeros(0))
        self.register_buffer("std", torch.ones(0))
        self.register_load_state_dict_pre_hook(_take_shape)  # type: ignore[no-untyped-call]

    def fit(self, columns: Sequence[str], rows: Tensor) -> None:
        """Learn mean and deviation of each column; one that is constant keeps its unit.

        Args:
            columns: names, one for each column of `rows`.
            rows: the training split, shape (N, columns).

        Raises:
            RecipeError: the rows have another number of columns.
        """
        if rows.ndim != 2 or rows.shape[1] != len(columns):
            raise RecipeError(
                [f"data.source: {len(columns)} columns are named, but a row has shape "
                 f"{tuple(rows.shape[1:])}"]
            )  # fmt: skip
        exact = rows.double()
        std = exact.std(dim=0, correction=0).float()
        self.columns = tuple(columns)
        self.mean = exact.mean(dim=0).float()
        self.std = torch.where(std > 0, std, torch.ones_like(std))

    def forward(self, rows: Tensor) -> Tensor:
        """(B, columns) float32 -> (B, columns) float32."""
        return (rows - self.mean) / self.std

    def get_extra_state(self) -> dict[str, list[str]]:
        """The names of the columns, for a checkpoint."""
        return {"columns": list(self.columns)}

    def set_extra_state(self, state: Mapping[str, Sequence[str]]) -> None:
        """Take the names of the columns from a checkpoint."""
        self.columns = tuple(state["columns"])


def _take_shape(module: nn.Module, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Before a state is loaded, make room for as many columns as it has."""
    for name in ("mean", "std"):
        if isinstance(state.get(prefix + name), Tensor):
            setattr(module, name, torch.zeros_like(state[prefix + name]))
