"""A table on disk: CSV or TSV files with a header."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..core.errors import InputError, RecipeError
from ..core.table import TextTable, is_missing, is_number, parse_cell, read_table
from .held_out import DEFAULT_RATIO, held_out_by_ratio

SUFFIXES = (".csv", ".tsv")
FAULTS_SHOWN = 5


class Table(Dataset[tuple[Tensor, Tensor]]):
    """Rows of numbers, with classes or numbers to predict.

    Args:
        split: `train`, or the held-out one: `val` or `test`.
        root: a folder that holds `train.csv` and `val.csv` or `test.csv` (or `.tsv`); or one
            file, or a folder with one file, of which a part is held out.
        task: classes for `classification` and `metric-learning`, numbers for `regression`.
        target: the column to predict; for `regression` also several.
        features: the columns to predict it from; left out, all others in which a number stands.
        separator: between cells; left out, a tab for `.tsv` and a comma for `.csv`.
        held_out: share of one file's rows that is held out, of every class.

    Raises:
        RecipeError: naming file, line and column of each value that is missing or no number, of
            each unknown class, and the nearest name for a column that is not there.
    """

    def __init__(
        self,
        split: str,
        root: str,
        task: str,
        target: str | Sequence[str],
        features: Sequence[str] | None = None,
        separator: str | None = None,
        held_out: float = DEFAULT_RATIO,
    ) -> None:
        targets = [target] if isinstance(target, str) else list(target)
        _check_task(task, targets)
        train, is_own = _read_split("train", root, separator)
        _check_columns(train, targets, "target")
        self.columns = _features(train, targets, features)
        self.classes = _classes(train, targets[0]) if task != "regression" else tuple(targets)
        table = train
        if split != "train" and is_own:
            table, _ = _read_split(split, root, separator)
            _check_columns(table, [*targets, *self.columns], "features")
        rows = torch.arange(len(table.rows))
        if not is_own:
            strata = ["" for _ in rows] if task == "regression" else table.cells(targets[0])
            keys = ["\t".join(row) for row in table.rows]
            held = torch.tensor(held_out_by_ratio(keys, strata, held_out))
            rows = rows[~held if split == "train" else held]
        self.rows = _numbers(table, self.columns)[rows]  # (N, F)
        if task == "regression":
            self.targets = _numbers(table, targets)[rows]  # (N, T)
        else:
            self.targets = _class_indices(table, targets[0], self.classes)[rows]  # (N,)

    @staticmethod
    def find_splits(root: str) -> tuple[str, Literal["val", "test"]]:
        """`train`, and how the held-out split is called there."""
        place = Path(root).expanduser()
        return "train", "val" if _file_of(place, "val") or not _file_of(place, "test") else "test"

    def __len__(self) -> int:
        """How many rows the split has."""
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """A raw sample, (F,) float32, and its target: (T,) float32 or a class."""
        return self.rows[index], self.targets[index]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The whole split, (N, F), and (N, T) or (N,)."""
        return self.rows, self.targets


def _check_task(task: str, targets: Sequence[str]) -> None:
    if task == "segmentation":
        raise RecipeError(["data.source: a table has no pictures for task segmentation"])
    if not targets or (task != "regression" and len(targets) > 1):
        raise RecipeError([f"data.options.target: task {task} needs one column"])


def _read_split(split: str, root: str, separator: str | None) -> tuple[TextTable, bool]:
    """A split's table, and whether it is its own, or that of both splits."""
    place = Path(root).expanduser()
    file = _file_of(place, split)
    if file is not None:
        return read_table(file, separator), True
    if _file_of(place, "train") is not None:
        raise RecipeError(
            [f"data.root: {root}: has train.csv, but no val.csv or test.csv beside it"]
        )
    return read_table(_only_file(place), separator), False


def _file_of(root: Path, split: str) -> Path | None:
    """The file of a split in a folder."""
    found = [root / f"{split}{suffix}" for suffix in SUFFIXES]
    return next((file for file in found if file.is_file()), None)


def _only_file(root: Path) -> Path:
    if root.is_file():
        return root
    if not root.is_dir():
        raise RecipeError([f"data.root: {root}: there is no such file or folder"])
    found = sorted(file for file in root.iterdir() if file.suffix.lower() in SUFFIXES)
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise RecipeError(
            [f"data.root: {root}: expected train.csv and val.csv (or test.csv), or one table; "
             f"there is: {names}"]
        )  # fmt: skip
    return found[0]


def _features(
    table: TextTable, targets: Sequence[str], features: Sequence[str] | None
) -> tuple[str, ...]:
    if features is not None:
        _check_columns(table, features, "features")
        for name in features:
            if name in targets:
                raise RecipeError([f"data.options.features: {name!r} is a target"])
        chosen = tuple(features)
    else:
        others = [name for name in table.columns if name not in targets]
        chosen = tuple(name for name in others if any(map(is_number, table.cells(name))))
    if not chosen or len(set(chosen)) < len(chosen):
        fault = "no column holds numbers" if not chosen else "a column is named twice"
        raise RecipeError([f"data.options.features: {fault} ({table.path.name})"])
    return chosen


def _check_columns(table: TextTable, names: Sequence[str], option: str) -> None:
    faults = []
    for name in names:
        if name not in table.columns:
            close = difflib.get_close_matches(str(name), table.columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(table.columns)}"
            faults.append(
                f"data.options.{option}: {table.path.name} has no column {name!r} ({hint})"
            )
    if faults:
        raise RecipeError(faults)


def _numbers(table: TextTable, columns: Sequence[str]) -> Tensor:
    """Columns to float32, shape (rows, columns)."""
    values = np.empty((len(table.rows), len(columns)), dtype=np.float32)
    faults = []
    for index, column in enumerate(columns):
        for row, cell in enumerate(table.cells(column)):
            try:
                values[row, index] = parse_cell(cell)
            except InputError as error:
                faults.append(f"{table.place(row, column)}: {error}")
    _raise_first(faults)
    return torch.from_numpy(values)


def _classes(table: TextTable, column: str) -> tuple[str, ...]:
    """The different labels of the training split: whole numbers by size, others by alphabet."""
    labels = {cell for cell in table.cells(column) if not is_missing(cell)}
    if all(label.lstrip("-").isdecimal() for label in labels):
        return tuple(sorted(labels, key=int))
    return tuple(sorted(labels))


def _class_indices(table: TextTable, column: str, classes: Sequence[str]) -> Tensor:
    """Labels to class indices, shape (rows,)."""
    index_of = {label: index for index, label in enumerate(classes)}
    faults, indices = [], []
    for row, cell in enumerate(table.cells(column)):
        if cell in index_of:
            indices.append(index_of[cell])
        elif is_missing(cell):
            faults.append(f"{table.place(row, column)}: the value is missing")
        else:
            close = difflib.get_close_matches(cell, classes, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(classes)}"
            place = table.place(row, column)
            faults.append(f"{place}: the training split has no class {cell[:40]!r} ({hint})")
    _raise_first(faults)
    return torch.tensor(indices, dtype=torch.int64)


def _raise_first(faults: Sequence[str]) -> None:
    if len(faults) > FAULTS_SHOWN:
        more = f"and {len(faults) - FAULTS_SHOWN} more values like these"
        raise RecipeError([*faults[:FAULTS_SHOWN], more])
    if faults:
        raise RecipeError(faults)
