"""One training at a time in a run folder."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ..core.errors import RunError

LOCK = ".lock"


class RunLock:
    """Held while it is entered; the system takes it back when the process ends, however it ends.

    The file stays and holds the number of the last process that trained here.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        file = (self._folder / LOCK).open("a+", encoding="utf-8")
        try:
            # Not flock: worker processes would inherit that, and hold it when this one is killed.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise RunError(
                f"{self._folder}: process {holder} is training in this run folder; wait for it, "
                "or stop it first"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
