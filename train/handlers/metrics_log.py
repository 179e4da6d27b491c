"""`metrics.jsonl`: one JSON object an epoch and split."""

import json
from collections.abc import Mapping
from pathlib import Path

from ...core.files import write_bytes_atomically
from ..metrics import MetricValue


class MetricsLog:
    """Appends to a run's metrics file; a resumed run takes back what lies behind its checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(
        self, epoch: int, iteration: int, split: str, metrics: Mapping[str, MetricValue]
    ) -> None:
        """Add a line."""
        line = {"epoch": epoch, "iteration": iteration, "split": split, **metrics}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def rewind(self, epoch: int) -> None:
        """Drop the lines of epochs behind `epoch`, and a last line that was cut off."""
        if not self._path.is_file():
            return
        kept = []
        for text in self._path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line["epoch"] <= epoch:
                kept.append(text + "\n")
        write_bytes_atomically(self._path, "".join(kept).encode())
