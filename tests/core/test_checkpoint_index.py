from pathlib import Path

import pytest

from wfctl.core.checkpoint_index import CheckpointIndex, Entry
from wfctl.core.errors import CheckpointError
from wfctl.core.files import sha256_file


def save(folder: Path, epoch: int, score: float | None = None) -> Entry:
    file = folder / f"epoch-{epoch}.pt"
    file.write_bytes(b"weights of epoch %d" % epoch)
    return Entry(
        file=file.name, sha256=sha256_file(file), epoch=epoch, iteration=10 * epoch, score=score
    )


@pytest.fixture
def index(tmp_path: Path) -> CheckpointIndex:
    """Three checkpoints, of which the second is the best."""
    entries = tuple(save(tmp_path, epoch, score) for epoch, score in ((1, 0.8), (2, 0.9), (3, 0.7)))
    return CheckpointIndex(entries=entries, best="epoch-2.pt", last="epoch-3.pt")


def test_written_and_read_back(index: CheckpointIndex, tmp_path: Path) -> None:
    index.write(tmp_path)
    assert CheckpointIndex.read(tmp_path) == index


def test_no_index_is_an_empty_one(tmp_path: Path) -> None:
    assert CheckpointIndex.read(tmp_path) == CheckpointIndex()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"entries": 3}', '{"entries": [{"file": "../x"}]}', '{"other": 1}'],
)
def test_a_damaged_index(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"index\.json: is damaged and cannot be read"):
        CheckpointIndex.read(tmp_path)


def test_best_and_newest(index: CheckpointIndex, tmp_path: Path) -> None:
    assert index.best_whole(tmp_path).epoch == 2
    assert index.newest_whole(tmp_path) == (index.entries[2], [])


def test_the_newest_that_is_whole_is_found_behind_damaged_ones(
    index: CheckpointIndex, tmp_path: Path
) -> None:
    (tmp_path / "epoch-3.pt").write_bytes(b"weights of epo")  # cut off
    (tmp_path / "epoch-2.pt").unlink()
    entry, damaged = index.newest_whole(tmp_path)
    assert entry.epoch == 1
    assert [each.epoch for each in damaged] == [3, 2]


def test_a_damaged_best_is_not_replaced_by_another(index: CheckpointIndex, tmp_path: Path) -> None:
    (tmp_path / "epoch-2.pt").write_bytes(b"Weights of epoch 2")
    with pytest.raises(CheckpointError, match=r"epoch-2\.pt: the checkpoint is damaged or missing"):
        index.best_whole(tmp_path)


def test_without_a_score_the_last_is_the_best(tmp_path: Path) -> None:
    entry = save(tmp_path, 4)
    assert CheckpointIndex(entries=(entry,), last=entry.file).best_whole(tmp_path) == entry


def test_every_checkpoint_is_damaged(index: CheckpointIndex, tmp_path: Path) -> None:
    for entry in index.entries:
        (tmp_path / entry.file).unlink()
    with pytest.raises(CheckpointError, match=r"every checkpoint is damaged \(epoch-3\.pt"):
        index.newest_whole(tmp_path)


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no checkpoint; train until the first one"):
        CheckpointIndex().newest_whole(tmp_path)
    with pytest.raises(CheckpointError, match="has no checkpoint; train until the first one"):
        CheckpointIndex().best_whole(tmp_path)
