"""`sessions.jsonl`: one JSON object for each time that training ran.

It stands apart from `metrics.jsonl` and the checkpoints, which are the same however long a
training took and however often it was stopped.
"""

import contextlib
import json
import time
from datetime import UTC, datetime

from ignite.engine import Engine

from ...core.runs import RunFolder


class Session:
    """The time from `begin` to `end`."""

    def __init__(self, run: RunFolder, trainer: Engine) -> None:
        self._path = run.sessions_file
        self._trainer = trainer

    def begin(self) -> None:
        """Start the clock."""
        self._started_at = datetime.now(UTC)
        self._started_s = time.monotonic()
        self._first = self._trainer.state.iteration

    def end(self) -> None:
        """Add a line."""
        line = {
            "started": self._started_at.isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - self._started_s, 3),
            "behind_iteration": self._first,
            "to_iteration": self._trainer.state.iteration,
        }
        # A full disk must not hide what ended the training.
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
