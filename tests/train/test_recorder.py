import json
from pathlib import Path

import pytest

from wfctl.core.checkpoint_index import INDEX, CheckpointIndex
from wfctl.core.errors import CheckpointError, RunError
from wfctl.core.runs import RunFolder
from wfctl.tests.helpers.training import (
    NUMBERS,
    iterations_of,
    recipe,
    train_new,
    train_on,
    train_with_crash,
)
from wfctl.train.verify_resume import compare_runs


@pytest.fixture
def stopped(tmp_path: Path) -> RunFolder:
    """A run that crashed behind iteration 14, with checkpoints of iterations 8, 9 and 12."""
    saving = recipe(NUMBERS, "train.checkpoint.every=3", "train.checkpoint.keep=3")
    run = train_with_crash(saving, tmp_path / "run", at=14)
    assert iterations_of(run) == [8, 9, 12]
    return run


def lines(run: RunFolder) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_used(
    stopped: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = stopped.checkpoints / "epoch-0002-iteration-00000012.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    train_on(stopped)
    said = capsys.readouterr().err
    assert f"{newest}: is damaged; going on from epoch-0002-iteration-00000009.pt" in said
    assert "going on behind iteration 9 (epoch 2)" in said
    compare_runs(train_new(recipe(), tmp_path / "whole"), stopped, 16)


def test_when_every_checkpoint_is_damaged_nothing_is_begun_anew(stopped: RunFolder) -> None:
    for file in stopped.checkpoints.glob("*.pt"):
        file.write_bytes(b"")
    before = stopped.metrics_file.read_bytes()
    with pytest.raises(CheckpointError, match="every checkpoint is damaged"):
        train_on(stopped)
    assert stopped.metrics_file.read_bytes() == before
    assert (stopped.checkpoints / INDEX).is_file()


def test_other_data_are_refused_before_anything_is_changed(stopped: RunFolder) -> None:
    shorter = stopped.recipe_file.read_text().replace("maximum: 1000", "maximum: 800")
    stopped.recipe_file.write_text(shorter)
    before = {path: path.read_bytes() for path in stopped.checkpoints.iterdir()}
    with pytest.raises(CheckpointError, match="epoch_length 8, but this training 6: the data"):
        train_on(stopped)
    assert {path: path.read_bytes() for path in stopped.checkpoints.iterdir()} == before


def test_half_written_files_of_a_killed_process_are_gone_after_the_next_start(
    stopped: RunFolder,
) -> None:
    for folder in (stopped.path, stopped.checkpoints):
        (folder / ".file.123.tmp").write_bytes(b"half")
    (stopped.checkpoints / "epoch-0002-iteration-00000013.pt").write_bytes(b"not yet listed")
    train_on(stopped)
    assert not list(stopped.path.rglob("*.tmp"))
    index = CheckpointIndex.read(stopped.checkpoints)
    listed = {entry.file for entry in index.entries}
    assert {file.name for file in stopped.checkpoints.glob("*.pt")} == listed


def test_metrics_behind_the_checkpoint_are_taken_back(stopped: RunFolder, tmp_path: Path) -> None:
    """A kill between the lines of an epoch and its checkpoint, and within a line."""
    kept = lines(stopped)
    with stopped.metrics_file.open("a") as stream:
        stream.write(json.dumps(kept[0] | {"epoch": 2}) + '\n{"epoch": 2, "spl')
    train_on(stopped)
    whole = train_new(recipe(), tmp_path / "whole")
    assert lines(stopped) == lines(whole)
    assert lines(stopped)[:2] == kept


def test_metrics_without_any_checkpoint_are_taken_back(tmp_path: Path) -> None:
    run = train_with_crash(recipe(), tmp_path / "run", at=5)
    run.metrics_file.write_text('{"epoch": 1, "iteration": 8, "split": "train", "loss": 9.0}\n')
    train_on(run)
    assert [line["epoch"] for line in lines(run)] == [1, 1, 2, 2]
    assert all(line["loss"] != 9.0 for line in lines(run))


def test_a_stop_where_a_checkpoint_was_saved_writes_none_again(tmp_path: Path) -> None:
    run = train_new(recipe(NUMBERS, "train.checkpoint.every=3"), tmp_path / "run", stop_at=3)
    (file,) = run.checkpoints.glob("*.pt")
    (entry,) = CheckpointIndex.read(run.checkpoints).entries
    assert entry.is_whole(run.checkpoints)
    assert entry.file == file.name == "epoch-0001-iteration-00000003.pt"


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    run = train_new(recipe(NUMBERS, "train.epochs=1"), tmp_path / "run")
    before = {path: path.read_bytes() for path in run.checkpoints.iterdir()}
    with pytest.raises(RunError, match="has finished its 1 epochs"):
        train_on(run)
    assert {path: path.read_bytes() for path in run.checkpoints.iterdir()} == before
