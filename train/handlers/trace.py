"""`trace.jsonl`: what every iteration saw and gave, to compare two trainings bit by bit."""

import hashlib
import json
from pathlib import Path
from typing import cast

from ignite import distributed as idist
from ignite.engine import Engine, Events

from ..batch import Batch
from ..step import StepOutput


class Trace:
    """Writes a line an iteration: the loss in full precision, and a hash of the batch.

    Args:
        folder: the run's; each of several processes writes a file of its own.
    """

    def __init__(self, folder: Path) -> None:
        rank = idist.get_rank()
        self._path = folder / ("trace.jsonl" if rank == 0 else f"trace-{rank}.jsonl")

    def attach(self, trainer: Engine) -> None:
        """Attach to the trainer."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _write(self, trainer: Engine) -> None:
        batch, output = cast(Batch, trainer.state.batch), cast(StepOutput, trainer.state.output)
        digest = hashlib.sha256(batch.indices.numpy().tobytes())
        inputs = hashlib.sha256(batch.inputs.numpy().tobytes())
        line = {
            "iteration": trainer.state.iteration,
            "loss": float(output.loss).hex(),
            "samples": digest.hexdigest(),
            "inputs": inputs.hexdigest(),
        }
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
