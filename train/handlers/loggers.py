"""Metrics to TensorBoard and other places, beside `metrics.jsonl`.

Losses and learning rates of iterations are `iteration/…`; metrics of epochs are `<split>/…`.
Everything is placed by the iteration, which a resumed run goes on counting.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import torch
from ignite.engine import Engine, Events

from ...core.dependencies import how_to_install
from ...core.errors import MissingDependency, UsageError, WfctlError
from ...core.recipe import Recipe
from ...core.runs import RunFolder
from ..metrics import MetricValue
from ..step import StepOutput
from .logger_services import SERVICES
from .logger_thread import LoggerThread
from .progress import say
from .tensorboard import TensorBoard


class Logger(Protocol):
    """A place that scalars are written to."""

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add a point to each of the named curves."""
        ...

    def flush(self) -> None:
        """Let what was written so far survive the end of this process."""
        ...

    def close(self) -> None:
        """Flush, and release what is held."""
        ...


class Loggers:
    """The loggers of a recipe, as one.

    A logger that fails in the middle of training is named once and left out from then on: the
    training and `metrics.jsonl` go on without it.
    """

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        self._recipe = recipe
        self._run = run
        self._loggers: dict[str, Logger] = {}
        self._learning_rates: dict[str, float] = {}

    def open(self, iteration: int) -> None:
        """Start the loggers, or go on behind `iteration`, before the first batch.

        Raises:
            MissingDependency: one is not installed.
            UsageError: one cannot start, such as when its server cannot be reached.
        """
        check_loggers(self._recipe.train.loggers)
        try:
            for name in dict.fromkeys(self._recipe.train.loggers):
                self._loggers[name] = self._open(name, iteration)
        except BaseException:
            self.close()
            raise

    def attach(self, trainer: Engine, optimizer: torch.optim.Optimizer) -> None:
        """Log the loss and the learning rates of every `train.log_every`-th iteration."""
        every = self._recipe.train.log_every

        def note_learning_rates() -> None:
            # Before the step: a scheduler changes them behind it.
            self._learning_rates = learning_rates(optimizer)

        def log_iteration() -> None:
            # The loss is fetched from the device, which waits for it, only here.
            loss = float(cast(StepOutput, trainer.state.output).loss)
            scalars = {"iteration/loss": loss, **self._learning_rates}
            self._write(scalars, trainer.state.iteration)

        if self._recipe.train.loggers:
            trainer.add_event_handler(Events.ITERATION_STARTED(every=every), note_learning_rates)
            trainer.add_event_handler(Events.ITERATION_COMPLETED(every=every), log_iteration)

    def epoch(
        self, epoch: int, iteration: int, split: str, metrics: Mapping[str, MetricValue]
    ) -> None:
        """Log the metrics of an epoch and split."""
        self._write(split_scalars(split, metrics), iteration)

    def flush(self) -> None:
        """Let the points so far survive the end of this process; called before a checkpoint."""
        for name, logger in list(self._loggers.items()):
            try:
                logger.flush()
            except Exception as error:
                self._leave_out(name, error)

    def close(self) -> None:
        """Write out what is left."""
        for name, logger in self._loggers.items():
            try:
                logger.close()
            except Exception as error:
                say(f"{name}: its last points may be missing ({_in_a_line(error)})")
        self._loggers = {}

    def _open(self, name: str, iteration: int) -> Logger:
        try:
            if name == "tensorboard":
                return TensorBoard(self._recipe, self._run, iteration)
            return LoggerThread(SERVICES[name](self._recipe, self._run), iteration)
        except (WfctlError, OSError):
            raise
        except Exception as error:  # each has kinds of its own
            raise UsageError(
                f"train.loggers: {name} cannot start ({_in_a_line(error)}); leave it out of "
                "train.loggers to train without it"
            ) from error

    def _write(self, scalars: Mapping[str, float], iteration: int) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                logger.write(scalars, iteration)
            except Exception as error:
                self._leave_out(name, error)

    def _leave_out(self, name: str, error: Exception) -> None:
        del self._loggers[name]
        say(f"{name}: no longer logs ({_in_a_line(error)}); the training goes on")


def check_loggers(names: Sequence[str]) -> None:
    """Check that the loggers are installed, without importing them.

    Raises:
        MissingDependency: naming the first that is not, and how to get it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            advice = how_to_install(name) or f"pip install {name}"
            raise MissingDependency(
                f"train.loggers: {name} is not installed: {advice}, or leave it out of "
                "train.loggers"
            )


def learning_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """`iteration/learning_rate`, or one a group of parameters where there are several."""
    groups = optimizer.param_groups
    if len(groups) == 1:
        return {"iteration/learning_rate": float(groups[0]["lr"])}
    return {
        f"iteration/learning_rate/{group.get('name', index)}": float(group["lr"])
        for index, group in enumerate(groups)
    }


def split_scalars(split: str, metrics: Mapping[str, MetricValue]) -> dict[str, float]:
    """Metrics as scalars: a list gives one a class, a table such as a confusion matrix none."""
    scalars: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, float):
            scalars[f"{split}/{name}"] = value
        elif all(isinstance(each, int | float) for each in value):
            scalars |= {f"{split}/{name}/{index}": each for index, each in enumerate(value)}
    return scalars


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
