"""What a training leaves in its run folder: checkpoints, metrics, progress."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from ignite import distributed as idist
from ignite.engine import Engine

from ..core.errors import RunError
from ..core.runs import RunFolder
from ..models.trained import read_checkpoint
from .checkpoint import CheckpointStore
from .handlers.loggers import Loggers
from .handlers.metrics_log import MetricsLog
from .handlers.progress import Progress, say
from .handlers.stop import StopOnNan
from .metrics import MetricValue
from .training import Training

Metrics = Mapping[str, MetricValue]


class Recorder:
    """Writes the run folder; of several processes only the first does.

    Used as a context manager around training.
    """

    def __init__(self, training: Training, run: RunFolder, nan: StopOnNan) -> None:
        self._training = training
        self._nan = nan
        self._writes = idist.get_rank() == 0
        self._run = run
        self._store = CheckpointStore(run.checkpoints, training.recipe.train.checkpoint.keep)
        self._log = MetricsLog(run.metrics_file)
        self._progress = Progress()
        self._loggers = Loggers(training.recipe, run) if self._writes else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._loggers is not None:
            self._loggers.close()

    def attach(self, trainer: Engine) -> None:
        """Show progress, and let the loggers see every iteration."""
        if self._loggers is not None:
            self._progress.attach(trainer)
            self._loggers.attach(trainer, self._training.optimizer)

    def epoch(self, split: str, training: Metrics, held_out: Metrics) -> None:
        """Log the metrics of an epoch."""
        state = self._training.trainer.state
        if self._loggers is None:
            return
        for name, values in (("train", training), (split, held_out)):
            self._log.write(state.epoch, state.iteration, name, values)
            self._loggers.epoch(state.epoch, state.iteration, name, values)
        epochs = self._training.recipe.train.epochs
        shown = {f"train_{name}": value for name, value in training.items()} | dict(held_out)
        self._progress.epoch(state.epoch, epochs, shown)

    def save(self, score: float | None = None) -> None:
        """Save a checkpoint.

        Raises:
            CheckFailed: a loss was no number; nothing is saved.
        """
        trainer = self._training.trainer
        self._nan.check(trainer)
        state = self._training.state_dict()
        if self._writes:
            self._store.save(state, trainer.state.epoch, trainer.state.iteration, score)

    def save_mid_epoch(self, trainer: Engine) -> None:
        """Save, unless the epoch is at its end, where its evaluation comes first and then saves."""
        if trainer.state.iteration % len(self._training.batches) != 0:
            self.save()

    def restore(self) -> None:
        """Go on from the newest checkpoint that is whole; a damaged newer one is named.

        Raises:
            CheckpointError: every checkpoint is damaged, or they are of another training.
            RunError: the run has finished.
        """
        index, folder = self._store.index, self._store.folder
        if not index.entries:
            return
        entry, damaged = index.newest_whole(folder)
        if entry.iteration >= self._training.iterations:
            epochs = self._training.recipe.train.epochs
            raise RunError(
                f"{self._run.path}: has finished its {epochs} epochs; go on with --epochs-more N"
            )
        self._training.load_state_dict(read_checkpoint(folder / entry.file))
        if self._writes:
            for each in damaged:
                say(f"{folder / each.file}: is damaged; going on from {entry.file}")
            self._store.forget(damaged)
            self._log.rewind(entry.iteration // len(self._training.batches))
            say(f"going on behind iteration {entry.iteration} (epoch {entry.epoch})")
