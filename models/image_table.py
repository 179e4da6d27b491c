"""Pictures named by a table of paths and labels."""

import csv
from pathlib import Path
from typing import NamedTuple

from ..core.errors import RecipeError
from .held_out import DEFAULT_RATIO, held_out_by_ratio
from .picture_files import (
    Backend,
    OnBroken,
    PictureFiles,
    PictureReader,
    announce_backend,
    readable,
)

HELD_OUT_TABLES = ("val", "test")
DELIMITERS = {".csv": ",", ".tsv": "\t"}


class _Row(NamedTuple):
    path: str  # as the table has it
    label: str
    split: str | None
    line: int


class ImageTable(PictureFiles):
    """Tables with a header: a path, relative to `root`, and a label in each row.

    The classes are the labels of the training split: in the order of their value where all are
    whole numbers, else in alphabetical order.

    Args:
        split: `train`, or the held-out one, as `find_splits` names it.
        root: holds `train.csv` and `val.csv` or `test.csv` (or .tsv); or one `table`.
        mode: colour mode that files are decoded to, `L` or `RGB`.
        table: one table for both splits, relative to `root`.
        held_out: share of every class that is held out, where one table has no column `split`.
        path_column, label_column: names of the columns.
        split_column: the column of one table that names the split of each row.
        on_broken: what to do about files that cannot be read; see `readable`.
        image_backend: `PIL`, or another of torchvision's.

    Raises:
        RecipeError: a table, column or value is missing, a label is unknown, pictures are broken.
    """

    def __init__(
        self,
        split: str,
        root: str,
        mode: str,
        table: str | None = None,
        held_out: float | None = None,
        path_column: str = "path",
        label_column: str = "label",
        split_column: str = "split",
        on_broken: OnBroken = "error",
        image_backend: Backend = "PIL",
    ) -> None:
        base = Path(root).expanduser()
        columns = (path_column, label_column, split_column)
        if table is None:
            if held_out is not None:
                raise RecipeError(
                    ["data.options.held_out: is for one table (data.options.table); leave it out"]
                )
            training = _read(_split_table(base, "train"), columns)
            file = _split_table(base, split)
            rows = training if split == "train" else _read(file, columns)
        else:
            file = base / table
            training, rows = _divide(_read(file, columns), split, held_out, file)
        classes = _classes_of(training)
        _check_labels(rows, classes, file)
        paths = [base / row.path for row in rows]
        targets = [classes.index(row.label) for row in rows]
        reader = PictureReader(mode, image_backend)
        announce_backend(reader, paths)
        whole = readable(paths, reader, on_broken, f"{split} of {file}")
        super().__init__(
            [paths[index] for index in whole], [targets[index] for index in whole], classes, reader
        )

    @staticmethod
    def find_splits(root: str) -> tuple[str, str]:
        """`train`, and the held-out split that has a table."""
        base = Path(root).expanduser()
        there = [name for name in HELD_OUT_TABLES
                 if any((base / f"{name}{suffix}").is_file() for suffix in DELIMITERS)]  # fmt: skip
        return "train", there[0] if there else "val"


def _split_table(base: Path, split: str) -> Path:
    for suffix in DELIMITERS:
        if (base / f"{split}{suffix}").is_file():
            return base / f"{split}{suffix}"
    raise RecipeError(
        [f"data.root: {base} has no {split}.csv or {split}.tsv; for one table of both splits, "
         "name it by data.options.table"]
    )  # fmt: skip


def _read(file: Path, columns: tuple[str, str, str]) -> list[_Row]:
    path_column, label_column, split_column = columns
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=DELIMITERS.get(file.suffix.lower(), ","))
            header = list(reader.fieldnames or ())
            for column in (path_column, label_column):
                if column not in header:
                    found = ", ".join(header) or "none"
                    raise RecipeError(
                        [f"data.options: {file} has no column {column!r} (its columns: {found})"]
                    )
            rows = [_Row(each[path_column] or "", each[label_column] or "",
                         each.get(split_column), reader.line_num) for each in reader]  # fmt: skip
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RecipeError([f"data.root: {file} cannot be read ({reason})"]) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecipeError([f"data.root: {file} is not a table in UTF-8 ({error})"]) from error
    for row in rows:
        for column, value in ((path_column, row.path), (label_column, row.label)):
            if not value:
                raise RecipeError([f"data.root: {file}:{row.line}: no value for {column!r}"])
    return rows


def _divide(
    rows: list[_Row], split: str, held_out: float | None, file: Path
) -> tuple[list[_Row], list[_Row]]:
    """The training rows, and those of `split`: by the column of splits, else by ratio."""
    named = [row for row in rows if row.split is not None]
    if named and held_out is not None:
        raise RecipeError([f"data.options.held_out: {file} has a column of splits; leave this out"])
    if named:
        training = [row for row in rows if row.split == "train"]
        return training, [row for row in rows if row.split == split]
    ratio = DEFAULT_RATIO if held_out is None else held_out
    chosen = held_out_by_ratio([row.path for row in rows], [row.label for row in rows], ratio)
    training = [row for row, held in zip(rows, chosen, strict=True) if not held]
    if split == "train":
        return training, training
    return training, [row for row, held in zip(rows, chosen, strict=True) if held]


def _classes_of(rows: list[_Row]) -> list[str]:
    labels = {row.label for row in rows}
    if all(label.isdecimal() for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def _check_labels(rows: list[_Row], classes: list[str], file: Path) -> None:
    known = set(classes)
    for row in rows:
        if row.label not in known:
            raise RecipeError(
                [f"data.root: {file}:{row.line}: the label {row.label!r} is not in the training "
                 "split"]
            )  # fmt: skip
