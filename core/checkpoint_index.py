"""`checkpoints/index.json`: which checkpoints a run has, whether they are whole, which is best."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import CheckpointError
from .files import sha256_file, write_bytes_atomically
from .manifest import FileName, Sha256

INDEX = "index.json"


class Entry(BaseModel):
    """A checkpoint file. `score` is the held-out metric at its epoch's end, higher is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: FileName
    sha256: Sha256
    epoch: int
    iteration: int
    score: float | None = None

    def is_whole(self, folder: Path) -> bool:
        """Whether the file is there and is what was written."""
        path = folder / self.file
        return path.is_file() and sha256_file(path) == self.sha256


class CheckpointIndex(BaseModel):
    """The checkpoints of a run, oldest first; `best` and `last` name two of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[Entry, ...] = ()
    best: str | None = None
    last: str | None = None

    @classmethod
    def read(cls, folder: Path) -> "CheckpointIndex":
        """The index of a checkpoint folder; an empty one where no checkpoint was written yet.

        Raises:
            CheckpointError: the index is damaged.
        """
        path = folder / INDEX
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate(json.loads(path.read_bytes()))
        except (ValueError, ValidationError) as error:
            raise CheckpointError(f"{path}: is damaged and cannot be read") from error

    def write(self, folder: Path) -> None:
        """Replace the index of a folder, whole or not at all."""
        text = self.model_dump_json(indent=2) + "\n"
        write_bytes_atomically(folder / INDEX, text.encode())

    def entry(self, file: str | None) -> Entry | None:
        """The entry of a file name."""
        return next((entry for entry in self.entries if entry.file == file), None)

    def newest_whole(self, folder: Path) -> tuple[Entry, list[Entry]]:
        """The newest checkpoint that is whole, and the damaged ones that are newer.

        Raises:
            CheckpointError: there is none.
        """
        damaged: list[Entry] = []
        for entry in reversed(self.entries):
            if entry.is_whole(folder):
                return entry, damaged
            damaged.append(entry)
        raise CheckpointError(_none_usable(folder, damaged))

    def best_whole(self, folder: Path) -> Entry:
        """The best checkpoint; where none was scored, the last.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        entry = self.entry(self.best) or self.entry(self.last)
        if entry is None:
            raise CheckpointError(_none_usable(folder, []))
        if not entry.is_whole(folder):
            raise CheckpointError(
                f"{folder / entry.file}: the checkpoint is damaged or missing (its SHA-256 differs "
                f"from {INDEX}); resume the run to make a new one"
            )
        return entry


def _none_usable(folder: Path, damaged: list[Entry]) -> str:
    if damaged:
        names = ", ".join(entry.file for entry in damaged)
        return f"{folder}: every checkpoint is damaged ({names})"
    return f"{folder}: has no checkpoint; train until the first one is saved"
