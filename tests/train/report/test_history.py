import math
from pathlib import Path

import pytest

from wfctl.core.checkpoint_index import CheckpointIndex, Entry
from wfctl.core.runs import RunFolder
from wfctl.train.report.history import read_history

LINES = """\
{"epoch": 1, "iteration": 5, "split": "train", "loss": 2.0}
{"epoch": 1, "iteration": 5, "split": "val", "accuracy": 0.5, "loss": 2.5, "iou": [0.1, 0.2]}
not json
{"epoch": 2, "iteration": 10, "split": "train", "loss": 1.0}
{"epoch": 2, "iteration": 10, "split": "val", "accuracy": 0.9, "loss": NaN}
{"epoch": 3, "iterat"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path)
    run.checkpoints.mkdir()
    run.metrics_file.write_text(LINES)
    return run


def test_curves_are_by_metric_and_split_and_damaged_lines_are_passed_over(run: RunFolder) -> None:
    history = read_history(run)
    assert history.last_epoch == 2
    assert history.curves["loss"]["train"] == [(1, 2.0), (2, 1.0)]
    assert history.curves["accuracy"] == {"val": [(1, 0.5), (2, 0.9)]}
    assert math.isnan(history.curves["loss"]["val"][1][1])
    assert "iou" not in history.curves  # one value a class is no curve


def test_the_best_epoch_is_that_of_the_index(run: RunFolder) -> None:
    assert read_history(run).best_epoch is None
    entry = Entry(file="a.pt", sha256="0" * 64, epoch=2, iteration=10, score=0.9)
    CheckpointIndex(entries=(entry,), best="a.pt", last="a.pt").write(run.checkpoints)
    history = read_history(run)
    assert history.best_epoch == 2
    assert history.value("accuracy", "val", history.best_epoch) == 0.9
    assert history.value("accuracy", "val", None) is None


def test_named_curves_come_first_and_hollow_ones_not_at_all(run: RunFolder) -> None:
    line = '{"epoch": 1, "iteration": 5, "split": "val", "hollow": NaN}\n'
    run.metrics_file.write_text(line + LINES)
    names = [name for name, _ in read_history(run).ordered_curves(("accuracy", "absent"))]
    assert names == ["accuracy", "loss"]


def test_a_run_without_a_whole_epoch_has_no_curves(tmp_path: Path) -> None:
    history = read_history(RunFolder(tmp_path))
    assert (history.curves, history.last_epoch) == ({}, 0)
