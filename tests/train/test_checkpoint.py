import errno
import math
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from wfctl.core.checkpoint_index import INDEX, CheckpointIndex
from wfctl.core.errors import CheckpointError
from wfctl.train.checkpoint import CheckpointStore

STATE = {"weight": torch.arange(5.0)}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """As a disk that has so much space left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_saved_state_is_listed_and_whole(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    entry = store.save(STATE, epoch=1, iteration=8, score=0.5)
    assert entry.file == "epoch-0001-iteration-00000008.pt"
    assert entry.is_whole(tmp_path)
    index = CheckpointIndex.read(tmp_path)
    assert index.entries == (entry,)
    assert index.best == index.last == entry.file
    loaded = torch.load(tmp_path / entry.file, weights_only=True)
    assert torch.equal(loaded["weight"], STATE["weight"])
    assert files(tmp_path) == {INDEX, entry.file}


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for iteration, score in ((1, 0.1), (2, 0.9), (3, 0.2), (4, None), (5, math.nan), (6, 0.3)):
        store.save(STATE, epoch=0, iteration=iteration, score=score)
    index = CheckpointIndex.read(tmp_path)
    assert [(entry.iteration, entry.score) for entry in index.entries] == [
        (2, 0.9), (5, None), (6, 0.3)]  # fmt: skip
    assert index.best == index.entries[0].file
    assert files(tmp_path) == {INDEX, *(entry.file for entry in index.entries)}


def test_of_equal_scores_the_later_is_best(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    for iteration in (1, 2, 3):
        store.save(STATE, epoch=0, iteration=iteration, score=0.5)
    assert [entry.iteration for entry in CheckpointIndex.read(tmp_path).entries] == [3]


def test_a_score_below_zero_can_be_best(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    for iteration, score in ((1, -0.2), (2, -0.9), (3, -math.inf)):
        store.save(STATE, epoch=0, iteration=iteration, score=score)
    assert [entry.iteration for entry in CheckpointIndex.read(tmp_path).entries] == [1, 3]


def test_a_full_disk_leaves_all_as_it_was_and_names_the_file(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    good = store.save(STATE, epoch=0, iteration=1, score=None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    large = {"weight": torch.zeros(100_000)}
    with files_no_larger_than(50_000), pytest.raises(OSError, match="iteration-00000002") as met:
        store.save(large, epoch=0, iteration=2, score=None)
    assert met.value.errno == errno.EFBIG
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    later = store.save(large, epoch=0, iteration=2, score=None)  # space was made
    assert later.is_whole(tmp_path)
    assert not good.is_whole(tmp_path)  # one is kept


def test_tidy_takes_away_what_a_killed_process_left(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    entry = store.save(STATE, epoch=0, iteration=1, score=None)
    (tmp_path / ".epoch-0000-iteration-00000002.pt.77.tmp").write_bytes(b"half")
    (tmp_path / "epoch-0000-iteration-00000003.pt").write_bytes(b"not listed yet")
    (tmp_path / "mine.pt").write_bytes(b"the user's")
    CheckpointStore(tmp_path, keep=1).tidy()
    assert files(tmp_path) == {INDEX, entry.file, "mine.pt"}


def test_a_lost_index_is_not_taken_for_a_new_run(tmp_path: Path) -> None:
    CheckpointStore(tmp_path, keep=1).save(STATE, epoch=0, iteration=1, score=None)
    (tmp_path / INDEX).unlink()
    with pytest.raises(CheckpointError, match=r"index.json: is gone, so that the checkpoints"):
        CheckpointStore(tmp_path, keep=1)


def test_damaged_checkpoints_are_forgotten(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=3)
    first = store.save(STATE, epoch=0, iteration=1, score=0.1)
    second = store.save(STATE, epoch=0, iteration=2, score=0.2)
    store.forget([second])
    index = CheckpointIndex.read(tmp_path)
    assert (index.entries, index.best, index.last) == ((first,), first.file, first.file)
    assert files(tmp_path) == {INDEX, first.file}
