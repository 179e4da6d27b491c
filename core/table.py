"""Rows of numbers, from the text of a table, of one line or of JSON; training and serving alike."""

import csv
import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, RecipeError

Cell = TypeVar("Cell")
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?"})
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class TextTable:
    """A table as it stands in a file; `lines` says where each row ends."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def place(self, row: int, column: str) -> str:
        """`file:line:column` of a cell, for messages."""
        return f"{self.path.name}:{self.lines[row]}:{column}"

    def cells(self, column: str) -> list[str]:
        """A column from top to bottom."""
        index = self.columns.index(column)
        return [row[index].strip() for row in self.rows]


def read_table(path: Path, separator: str | None = None) -> TextTable:
    """A CSV or TSV file whose first line names the columns.

    Args:
        separator: between cells; None takes a tab for `.tsv` and a comma for anything else.

    Raises:
        RecipeError: it cannot be read, a name is missing or stands there twice, or a row has
            more or fewer cells than the header.
    """
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=separator, strict=True)
            header = tuple(name.strip() for name in next(reader, ()))
            _check_header(path, header)
            rows, lines = [], []
            for row in reader:
                if not row:
                    continue  # an empty line
                if len(row) != len(header):
                    raise RecipeError(
                        [f"{path.name}:{reader.line_num}: has {len(row)} cells, but the header "
                         f"names {len(header)} columns"]
                    )  # fmt: skip
                rows.append(tuple(row))
                lines.append(reader.line_num)
    except OSError as error:
        raise RecipeError([f"{path}: cannot be read ({error.strerror})"]) from error
    except UnicodeDecodeError as error:
        raise RecipeError([f"{path}: is not text in UTF-8"]) from error
    except csv.Error as error:
        raise RecipeError([f"{path.name}:{reader.line_num}: is not valid CSV ({error})"]) from error
    return TextTable(path, header, tuple(rows), tuple(lines))


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def parse_cell(cell: str) -> float:
    """The number in a cell.

    Raises:
        InputError: the value is missing, is no number, or is too large for float32.
    """
    if is_missing(cell):
        raise InputError("the value is missing")
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise InputError(f"expected a number, got {cell.strip()[:40]!r}")
    return _in_range(value)


def is_number(cell: str) -> bool:
    """Whether `parse_cell` takes a cell."""
    try:
        parse_cell(cell)
    except InputError:
        return False
    return True


def decode_row(text: str, columns: Sequence[str]) -> NDArray[np.float32]:
    """One row to float32, shape (len(columns),).

    Args:
        text: a JSON object of column names and numbers, a JSON list of numbers, a line of CSV, or
            such a line behind a header, whose names may come in any order.

    Raises:
        InputError: naming the column; for one that the model does not know, with the nearest.
    """
    stripped = text.strip()
    if not stripped:
        raise InputError("expected a row of numbers, got nothing")
    if stripped[0] not in "[{":
        return _from_csv(stripped, columns)
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected a row as JSON or CSV; it is not valid JSON: {error}") from error
    return row_of(value, columns)


def row_of(value: object, columns: Sequence[str]) -> NDArray[np.float32]:
    """Plain values to float32, shape (len(columns),): by name, or in the order of the columns.

    Raises:
        InputError: naming the column; for one that the model does not know, with the nearest.
    """
    if isinstance(value, Mapping):
        _check_names(value, columns)
        cells = [value[column] for column in columns]
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        _check_count(len(value), columns)
        cells = list(value)
    else:
        raise InputError("expected an object of column names and numbers, or a list of numbers")
    return _row(cells, columns, _json_number)


def _from_csv(text: str, columns: Sequence[str]) -> NDArray[np.float32]:
    separator = "\t" if "\t" in text else ","
    try:
        lines = [line for line in csv.reader(text.splitlines(), delimiter=separator) if line]
    except csv.Error as error:
        raise InputError(f"expected a row as JSON or CSV; it is not valid CSV: {error}") from error
    if len(lines) > 2:
        raise InputError(f"expected one row, or a header and one row, got {len(lines)} lines")
    if len(lines) == 1:
        _check_count(len(lines[0]), columns)
        cells = lines[0]
    else:
        names, values = [name.strip() for name in lines[0]], lines[1]
        if len(names) != len(values):
            raise InputError(f"the header names {len(names)} columns, the row has {len(values)}")
        if len(set(names)) < len(names):
            raise InputError("the header names a column twice")
        given = dict(zip(names, values, strict=True))
        _check_names(given, columns)
        cells = [given[column] for column in columns]
    return _row(cells, columns, parse_cell)


def _row(
    cells: Sequence[Cell], columns: Sequence[str], parse: Callable[[Cell], float]
) -> NDArray[np.float32]:
    row = np.empty(len(columns), dtype=np.float32)
    for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        try:
            row[index] = parse(cell)
        except InputError as error:
            raise InputError(f"{column}: {error}") from error
    return row


def _json_number(value: object) -> float:
    if value is None:
        raise InputError("the value is missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"expected a number, got {json.dumps(value)[:40]}")
    return _in_range(value)


def _in_range(value: float) -> float:
    if not abs(value) <= LARGEST:
        raise InputError(f"expected a finite number that float32 can hold, got {str(value)[:40]}")
    return float(value)


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header:
        raise RecipeError([f"{path.name}:1: is empty; expected a line with the columns' names"])
    seen: set[str] = set()
    for index, name in enumerate(header):
        if not name:
            raise RecipeError([f"{path.name}:1: column {index + 1} has no name"])
        if name in seen:
            raise RecipeError([f"{path.name}:1:{name}: the name stands here a second time"])
        seen.add(name)


def _check_names(given: Mapping[str, object], columns: Sequence[str]) -> None:
    for name in given:
        if name not in columns:
            close = difflib.get_close_matches(str(name), columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"expected: {', '.join(columns)}"
            raise InputError(f"unknown column {str(name)[:60]!r} ({hint})")
    for column in columns:
        if column not in given:
            raise InputError(f"the column {column!r} is missing")


def _check_count(count: int, columns: Sequence[str]) -> None:
    if count != len(columns):
        raise InputError(f"expected {len(columns)} numbers ({', '.join(columns)}), got {count}")
