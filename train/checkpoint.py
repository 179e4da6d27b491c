"""Checkpoints on disk: written whole, checked, listed, and only then are old ones deleted."""

import io
import math
import os
from pathlib import Path
from typing import IO, Any

import torch

from ..core.checkpoint_index import INDEX, CheckpointIndex, Entry
from ..core.errors import CheckpointError
from ..core.files import sha256_bytes, sha256_file, write_atomically

FILES = "epoch-*-iteration-*.pt"
TEMPORARY = ".*.tmp"


class CheckpointStore:
    """The `checkpoints/` folder of a run.

    A save goes: temporary file, sync, read back and compare the SHA-256, rename, write the index,
    and only then delete what is no longer kept. Whatever moment it is stopped at, the index names
    whole files.

    Args:
        folder: the run's `checkpoints/`.
        keep: how many of the newest stay, besides the best.

    Raises:
        CheckpointError: there are checkpoints, but their index is damaged or gone.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self._keep = keep
        self.index = CheckpointIndex.read(folder)
        if not (folder / INDEX).is_file() and any(folder.glob(FILES)):
            raise CheckpointError(
                f"{folder / INDEX}: is gone, so that the checkpoints beside it cannot be told "
                "whole; put it back, or start a new run"
            )

    def tidy(self) -> None:
        """Delete what a killed process left behind: half-written and unlisted files."""
        listed = {entry.file for entry in self.index.entries}
        for leftover in self.folder.glob(TEMPORARY):
            leftover.unlink()
        for file in self.folder.glob(FILES):
            if file.name not in listed:
                file.unlink()
        self.index.write(self.folder)  # from the first start on, a missing index is a lost one

    def save(self, state: dict[str, Any], epoch: int, iteration: int, score: float | None) -> Entry:
        """Save a state and list it; it becomes `last`, and `best` if no score is higher.

        Raises:
            OSError: the disk is full; the earlier checkpoints and the index are untouched.
            CheckpointError: the disk gave back other bytes than were written.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        data = buffer.getvalue()
        entry = Entry(
            file=f"epoch-{epoch:04d}-iteration-{iteration:08d}.pt",
            sha256=sha256_bytes(data),
            epoch=epoch,
            iteration=iteration,
            score=score if score is None or math.isfinite(score) else None,
        )
        path = self.folder / entry.file

        def write(stream: IO[bytes]) -> None:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            if sha256_file(Path(stream.name)) != entry.sha256:
                raise CheckpointError(f"{path}: the disk gave back other bytes than were written")

        try:
            write_atomically(path, write)
            self._list(entry)
        except OSError as error:
            # A full disk does not say which file it was.
            raise OSError(error.errno, error.strerror, str(path)) from error
        return entry

    def forget(self, entries: list[Entry]) -> None:
        """Take damaged checkpoints out of the index."""
        names = {entry.file for entry in entries}
        kept = tuple(entry for entry in self.index.entries if entry.file not in names)
        self._replace_index(kept)

    def _list(self, entry: Entry) -> None:
        others = tuple(each for each in self.index.entries if each.file != entry.file)
        self._replace_index((*others, entry))

    def _replace_index(self, entries: tuple[Entry, ...]) -> None:
        scored = [entry for entry in entries if entry.score is not None]
        # Of equal scores the later one: it has trained longer.
        best = max(reversed(scored), key=_score, default=None)
        kept = tuple(
            entry for position, entry in enumerate(entries)
            if entry is best or position >= len(entries) - self._keep
        )  # fmt: skip
        index = CheckpointIndex(
            entries=kept,
            best=best.file if best else None,
            last=kept[-1].file if kept else None,
        )
        index.write(self.folder)
        listed = {entry.file for entry in kept}
        for entry in (*self.index.entries, *entries):
            if entry.file not in listed:
                (self.folder / entry.file).unlink(missing_ok=True)
        self.index = index


def _score(entry: Entry) -> float:
    return -math.inf if entry.score is None else entry.score
