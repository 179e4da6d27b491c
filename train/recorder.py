"""What a training leaves in its run folder: checkpoints, metrics, progress."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import torch
from ignite import distributed as idist
from ignite.engine import Engine

from ..core.errors import CheckFailed, RunError
from ..core.runs import RunFolder
from ..models.trained import read_checkpoint
from .checkpoint import TEMPORARY, CheckpointStore
from .distributed import from_first
from .handlers.loggers import Loggers
from .handlers.metrics_log import MetricsLog
from .handlers.progress import Progress, say
from .handlers.session import Session
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
        self._saved_iteration = -1
        self._log = MetricsLog(run.metrics_file)
        self._progress = Progress()
        self._loggers = Loggers(training.recipe, run) if self._writes else None
        self._session = Session(run, training.trainer)

    def __enter__(self) -> Self:
        if self._loggers is not None:
            self._loggers.open(self._training.trainer.state.iteration)
        self._session.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.close()
        if self._loggers is not None:
            self._loggers.close()
            self._session.end()

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
        """Save a checkpoint, unless this iteration has one.

        Raises:
            CheckFailed: a loss or a weight is no number; nothing is saved.
        """
        trainer = self._training.trainer
        if trainer.state.iteration == self._saved_iteration:
            return
        self._nan.check(trainer)
        _check_weights(self._training)
        state = self._training.state_dict()
        if self._loggers is not None:
            self._loggers.flush()
        if self._writes:
            self._store.save(state, trainer.state.epoch, trainer.state.iteration, score)
        self._saved_iteration = trainer.state.iteration

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
        state = from_first(self._newest_state)
        if state is not None:
            self._training.load_state_dict(state)
            self._saved_iteration = state["iteration"]

    def _newest_state(self) -> dict[str, Any] | None:
        """The state to go on from; the run folder is as it was when that was saved."""
        recipe = self._training.recipe
        self._store = store = CheckpointStore(self._run.checkpoints, recipe.train.checkpoint.keep)
        for leftover in self._run.path.glob(TEMPORARY):
            leftover.unlink()
        state, iteration = None, 0
        if store.index.entries:
            entry, damaged = store.index.newest_whole(store.folder)
            state, iteration = read_checkpoint(store.folder / entry.file), entry.iteration
            self._training.check_state(state)
            self._check_unfinished(entry.iteration, state)
            for each in damaged:
                say(f"{store.folder / each.file}: is damaged; going on from {entry.file}")
            store.forget(damaged)
            say(f"going on behind iteration {entry.iteration} (epoch {entry.epoch})")
        store.tidy()
        self._log.rewind(iteration // len(self._training.batches))
        return state

    def _check_unfinished(self, iteration: int, state: Mapping[str, Any]) -> None:
        train = self._training.recipe.train
        if iteration >= self._training.iterations:
            raise RunError(
                f"{self._run.path}: has finished its {train.epochs} epochs; "
                "go on with --epochs-more N"
            )
        waited = state.get("early_stopping", {}).get("counter", 0)
        if train.early_stopping is not None and waited >= train.early_stopping:
            raise RunError(
                f"{self._run.path}: has stopped early, {waited} epochs without a better score; "
                f"go on with --set train.early_stopping=N, N above {waited}"
            )


def _check_weights(training: Training) -> None:
    """A step can spoil the weights of a loss that was finite; only the next loss would show it."""
    trained = [each for each in training.network.parameters() if each.is_floating_point()]
    if not bool(torch.stack([torch.isfinite(each).all() for each in trained]).all()):
        raise CheckFailed(
            f"a weight is no longer a finite number at iteration {training.trainer.state.iteration}"
            "; the last good checkpoint is kept. Try a lower train.lr, train.clip_norm, or "
            "train.amp: bf16"
        )
