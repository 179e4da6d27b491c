"""Pages of real runs."""

import html
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wfctl.cli.main import run as wfctl
from wfctl.core.errors import CheckFailed
from wfctl.core.recipe_file import load_recipe
from wfctl.core.runs import RunFolder
from wfctl.export.evaluate import evaluate
from wfctl.tests.helpers.shapes import write_shapes
from wfctl.train.report import look as look_module
from wfctl.train.report.write import write_report
from wfctl.train.run import train
from wfctl.train.run_folder import start_run

TrainRun = Callable[..., RunFolder]
HOSTILE = "</title><script>alert('x')</script><img src=http://x.test/>"
HOSTILE_MODULE = f"""
import torch
from torch import nn

class Data:
    classes = ({HOSTILE!r}, "plain")
    def __init__(self, split):
        self.numbers = torch.arange(40)
    def __len__(self):
        return 40
    def __getitem__(self, index):
        return self.numbers[index], index % 2
    def describe(self, index):
        return {HOSTILE!r}

class Network(nn.Sequential):
    def __init__(self, classes):
        super().__init__(nn.Linear(6, classes))
"""
HOSTILE_RECIPE = """
name: hostile
task: classification
data: {source: "hostile_report:Data"}
preprocess: {kind: number, bits: 6}
model: {name: "hostile_report:Network"}
train: {epochs: 1, loggers: []}
"""


def page_of(run: RunFolder) -> str:
    return run.report_file.read_text(encoding="utf-8")


def words_of(run: RunFolder) -> str:
    """The page's text as one line."""
    body = page_of(run).partition("<body>")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def matrix_of(run: RunFolder) -> dict[tuple[str, str], int]:
    """The confusion matrix, from the tips of its cells."""
    tips = re.findall(r"<title>([^<]*) taken for ([^<]*): (\d+)</title>", page_of(run))
    return {(truth, given): int(count) for truth, given, count in tips}


def test_the_confusion_matrix_agrees_with_evaluate(train_run: TrainRun) -> None:
    run = train_run("digits", "train.epochs=1")
    matrix = matrix_of(run)
    right = sum(count for (truth, given), count in matrix.items() if truth == given)
    accuracy = evaluate(run.path)["files"]["checkpoint"]["accuracy"]
    assert sum(matrix.values()) == 360
    assert right / 360 == pytest.approx(accuracy)
    assert f"best accuracy {accuracy:.1%}" in words_of(run)
    assert "all 360 held-out samples" in words_of(run)


def test_a_page_is_the_same_when_it_is_written_again(train_run: TrainRun) -> None:
    run = train_run("fizzbuzz", "train.epochs=2")
    first, random_state = page_of(run), torch.get_rng_state()
    write_report(run)
    assert page_of(run) == first
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_page_asks_nothing_of_the_network(train_run: TrainRun) -> None:
    page = page_of(train_run("digits", "train.epochs=1"))
    sources = re.findall(r'\b(?:src|href)\s*=\s*"([^"]*)"', page)
    assert len(sources) == 24
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'" in page


def test_large_splits_are_looked_at_in_part_and_the_page_says_so(
    train_run: TrainRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "SAMPLES_LIMIT", 50)
    run = train_run("digits", "train.epochs=1")
    assert "50 of the 360 held-out samples, drawn at random" in words_of(run)
    assert sum(matrix_of(run).values()) == 50


def test_a_slow_model_is_looked_at_for_a_short_time(
    train_run: TrainRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "TIME_LIMIT_S", 0.0)
    run = train_run("digits", "train.epochs=1")
    assert f"{look_module.CHUNK} of the 360 held-out samples" in words_of(run)


def test_a_regression_has_errors_and_a_scatter(train_run: TrainRun) -> None:
    run = train_run("tabular", "train.epochs=3")
    found = evaluate(run.path)["files"]["checkpoint"]
    assert f"{found['mean_absolute_error']:.4g}" in words_of(run)
    assert page_of(run).count('r="3"') == 89  # a dot a sample
    assert "age " in words_of(run)


def test_a_segmentation_has_masks_over_pictures(train_run: TrainRun, tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", train=8, val=8)
    small = ("preprocess.size=[32,32]", "train.epochs=1", "model.options={width: 4, levels: 2}")
    run = train_run("segmentation", f"data.root={root}", *small)
    page = page_of(run)
    assert page.count("<figcaption>true</figcaption>") == 12
    assert page.count("<figcaption>predicted</figcaption>") == 12
    assert "of pixels right" in words_of(run)


def test_metric_learning_shows_nearest_neighbours(train_run: TrainRun) -> None:
    given = ("task=metric-learning", "model.embedding_size=8", "train.epochs=1")
    run = train_run("digits", *given)
    matrix = matrix_of(run)
    right = sum(count for (truth, near), count in matrix.items() if truth == near)
    recall = evaluate(run.path)["files"]["checkpoint"]["recall_at_1"]
    assert right / sum(matrix.values()) == pytest.approx(recall)


def test_labels_and_samples_cannot_put_anything_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hostile_report.py").write_text(HOSTILE_MODULE)
    (tmp_path / "recipe.yaml").write_text(HOSTILE_RECIPE)
    monkeypatch.syspath_prepend(tmp_path)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    run = start_run(recipe, run_dir=tmp_path / "run")
    train(recipe, run, torch.device("cpu"))
    sys.modules.pop("hostile_report")
    page = page_of(run)
    assert "<script" not in page
    assert "<img" not in page
    assert HOSTILE in words_of(run)


def test_without_its_data_the_page_keeps_its_curves_and_says_why(
    train_run: TrainRun, tmp_path: Path
) -> None:
    root = write_shapes(tmp_path / "shapes", train=8, val=4)
    small = ("preprocess.size=[32,32]", "train.epochs=1", "model.options={width: 4, levels: 2}")
    run = train_run("segmentation", f"data.root={root}", *small)
    shutil.rmtree(root)
    write_report(run)
    assert "<polyline" in page_of(run) or 'class="dot"' in page_of(run)
    assert "Predictions There are none: " in words_of(run)
    assert str(root) in words_of(run)


def test_a_run_stopped_in_its_first_epoch_has_a_page(train_run: TrainRun) -> None:
    run = train_run("fizzbuzz", "train.time_limit_s=0.00001")
    assert "No epoch was finished yet." in words_of(run)
    assert "all 100 held-out samples" in words_of(run)


def test_a_run_that_ended_by_a_bad_loss_has_a_page(train_run: TrainRun, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="no longer a finite number"):
        train_run("fizzbuzz", "train.optimizer=SGD", "train.lr=1e30", "train.epochs=20")
    assert "There are none" in words_of(RunFolder(tmp_path / "run"))


def test_no_page_where_the_recipe_wants_none(train_run: TrainRun) -> None:
    assert not train_run("fizzbuzz", "train.epochs=1", "train.report=false").report_file.exists()


def test_a_page_that_cannot_be_written_does_not_end_training(
    tmp_path: Path, train_run: TrainRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_run("fizzbuzz", "train.epochs=1")
    run.report_file.unlink()
    run.report_file.mkdir()
    (run.report_file / "in-the-way").touch()
    assert wfctl(["train", "fizzbuzz", "--resume", str(run.path), "--set", "train.epochs=2"]) == 0
    output = capsys.readouterr()
    assert "report.html: could not be written" in output.err
    assert output.out.strip() == str(run.path)
    assert len(run.metrics_file.read_text().splitlines()) == 4


def test_the_command_writes_the_page_again(
    train_run: TrainRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train_run("fizzbuzz", "train.epochs=1")
    run.report_file.unlink()
    assert wfctl(["report", str(run.path)]) == 0
    assert capsys.readouterr().out.strip() == str(run.report_file)
    assert "fizzbuzz" in words_of(run)
