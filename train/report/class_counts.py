"""Tables of how often which class was taken for which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .matrix import matrix_chart
from .view import Chart, Table

MATRIX_LIMIT = 40  # classes; a larger matrix cannot be read
ROWS_LIMIT = 60
CONFUSIONS = 10


def count_classes(truth: NDArray[np.int64], given: NDArray[np.int64], classes: int
                  ) -> NDArray[np.int64]:  # fmt: skip
    """Confusion matrix (C, C), true class by given class, of two arrays of one shape."""
    pairs = truth.reshape(-1) * classes + given.reshape(-1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def confusion_chart(
    counts: NDArray[np.int64],
    labels: Sequence[str],
    note: str = "Rows are true classes, columns predicted ones.",
) -> tuple[Chart, ...]:
    """The matrix, where there are few enough classes to read one."""
    if not 1 < len(labels) <= MATRIX_LIMIT:
        return ()
    svg = matrix_chart("Confusion matrix", counts, labels)
    return (Chart("Confusion matrix", svg, note),)


def class_table(
    counts: NDArray[np.int64], labels: Sequence[str], unit: str, iou: bool = False
) -> Table:
    """Precision and recall of each class, the lowest recall first where not all are shown.

    Args:
        unit: what was counted.
        iou: add the intersection over union.
    """
    correct, truly, given = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    order, note = list(range(len(labels))), ""
    if len(order) > ROWS_LIMIT:
        recall = np.where(truly > 0, correct / np.maximum(truly, 1), np.inf)
        order = [int(at) for at in np.argsort(recall, kind="stable")[:ROWS_LIMIT]]
        note = f"The {ROWS_LIMIT} of {len(labels)} classes with the lowest recall."
    rows = []
    for at in order:
        row: list[str | int | float | None] = [
            labels[at],
            int(truly[at]),
            _share(correct[at], given[at]),
            _share(correct[at], truly[at]),
        ]
        if iou:
            row.append(_share(correct[at], truly[at] + given[at] - correct[at]))
        rows.append(row)
    columns = ("class", unit, "precision %", "recall %", *(("IoU %",) if iou else ()))
    return Table("By class", columns, tuple(map(tuple, rows)), note)


def confusion_table(counts: NDArray[np.int64], labels: Sequence[str]) -> tuple[Table, ...]:
    """The mistakes that were made most often, where any was."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    places = [divmod(int(place), len(labels)) for place in order]
    rows = tuple((labels[row], labels[column], int(wrong[row, column]))
                 for row, column in places if wrong[row, column])  # fmt: skip
    return (Table("Most frequent mistakes", ("true", "predicted", "times"), rows),) if rows else ()


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
