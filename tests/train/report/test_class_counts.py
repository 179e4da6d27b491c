import numpy as np

from wfctl.train.report.class_counts import (
    MATRIX_LIMIT,
    ROWS_LIMIT,
    class_table,
    confusion_chart,
    confusion_table,
    count_classes,
)


def test_counts_are_true_class_by_given_class() -> None:
    truth, given = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    assert count_classes(truth, given, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_precision_recall_and_iou_of_each_class() -> None:
    counts = np.array([[3, 1], [2, 4]])
    table = class_table(counts, ["a", "b"], "pixels", iou=True)
    assert table.columns == ("class", "pixels", "precision %", "recall %", "IoU %")
    assert table.rows == (("a", 4, 3 / 5, 3 / 4, 3 / 6), ("b", 6, 4 / 5, 4 / 6, 4 / 7))


def test_a_class_that_was_never_seen_has_no_share() -> None:
    assert class_table(np.array([[2, 0], [0, 0]]), ["a", "b"], "samples").rows[1] == (
        "b", 0, None, None,
    )  # fmt: skip


def test_of_many_classes_those_with_the_lowest_recall_are_shown() -> None:
    classes = ROWS_LIMIT + 3
    counts = np.diag(np.full(classes, 9))
    counts[classes - 1] = 0  # never seen: it comes last
    counts[40, 40], counts[40, 0] = 1, 8
    table = class_table(counts, [f"c{index}" for index in range(classes)], "samples")
    assert table.rows[0][:2] == ("c40", 9)
    assert len(table.rows) == ROWS_LIMIT
    assert f"c{classes - 1}" not in {row[0] for row in table.rows}
    assert str(classes) in table.note


def test_the_most_frequent_mistakes_come_first() -> None:
    counts = np.array([[5, 1, 0], [4, 5, 2], [0, 0, 5]])
    (table,) = confusion_table(counts, ["a", "b", "c"])
    assert table.rows == (("b", "a", 4), ("b", "c", 2), ("a", "b", 1))
    assert confusion_table(np.eye(3, dtype=np.int64), ["a", "b", "c"]) == ()


def test_a_matrix_too_large_to_read_is_left_out() -> None:
    many = MATRIX_LIMIT + 1
    assert confusion_chart(np.eye(many, dtype=np.int64), ["x"] * many) == ()
    assert len(confusion_chart(np.eye(2, dtype=np.int64), ["x", "y"])) == 1
