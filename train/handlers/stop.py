"""What ends training early: a signal, the time limit, or a loss that is no number."""

import math
import os
import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events

from ...core.errors import CheckFailed
from .epoch_metrics import EpochMetrics


class StopOnSignal:
    """While it is entered, SIGINT and SIGTERM end training behind the current iteration.

    A second signal of the same kind acts as it would have without wfctl. With several processes,
    a signal to one of them stops all at the same iteration.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._earlier: dict[signal.Signals, Any] = {}

    def attach(self, trainer: Engine) -> None:
        """Terminate behind an iteration; behind the epoch when the iteration was its last."""
        stop_behind_iteration(trainer, self._is_wanted)

    def __enter__(self) -> Self:
        self._earlier = {each: signal.signal(each, self._note) for each in self.SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each, earlier in self._earlier.items():
            signal.signal(each, earlier)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        signal.signal(self.received, self._earlier[self.received])

    def _is_wanted(self) -> bool:
        if idist.get_world_size() == 1:
            return self.received is not None
        number = int(idist.all_reduce(int(self.received or 0), "MAX"))
        if number and self.received is None:
            self.received = signal.Signals(number)
        return bool(number)


class StopAtTimeLimit:
    """Ends training behind the first iteration that is over the limit."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._deadline_s = math.inf
        self.reached = False

    def attach(self, trainer: Engine) -> None:
        """The clock starts when training does."""
        trainer.add_event_handler(Events.STARTED, self._start)
        stop_behind_iteration(trainer, self._is_over)

    def _start(self) -> None:
        self._deadline_s = time.monotonic() + self._limit_s

    def _is_over(self) -> bool:
        over = time.monotonic() >= self._deadline_s
        if idist.get_world_size() > 1:
            over = bool(idist.all_reduce(int(over), "MAX"))
        self.reached = self.reached or over
        return over


class StopOnNan:
    """Raises when a loss was not finite, and before such a state can be saved.

    The sum of the epoch's losses is looked at, every `every` iterations and before each save: it
    is not finite from the first such loss on, and a look at it makes a GPU wait.
    """

    def __init__(self, metrics: EpochMetrics, every: int = 50) -> None:
        self._metrics = metrics
        self._every = every

    def attach(self, trainer: Engine) -> None:
        """Attach behind the metrics, and before what ends an epoch and starts them anew."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._check_now_and_then)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.check)

    def _check_now_and_then(self, trainer: Engine) -> None:
        # Ignite's own filter, `every=`, costs more at each iteration than this does.
        if trainer.state.iteration % self._every == 0:
            self.check(trainer)

    def check(self, trainer: Engine) -> None:
        """Look now.

        Raises:
            CheckFailed: naming the iteration.
        """
        finite = bool(torch.isfinite(self._metrics.total_loss))
        if idist.get_world_size() > 1:
            finite = bool(idist.all_reduce(int(finite), "MIN"))
        if not finite:
            raise CheckFailed(
                f"the training loss is no longer a finite number (noticed at iteration "
                f"{trainer.state.iteration}); the last good checkpoint is kept. Try a lower "
                f"train.lr, train.clip_norm, or train.amp: bf16"
            )


class KillAtIteration:
    """Kills the process behind a given iteration, as a power cut would, to prove resuming."""

    def __init__(self, iteration: int) -> None:
        self._iteration = iteration

    def attach(self, trainer: Engine) -> None:
        """Attach before whatever saves."""

        def kill() -> None:
            if trainer.state.iteration == self._iteration:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.add_event_handler(Events.ITERATION_COMPLETED, kill)


class StopAtIteration:
    """Ends training behind a given iteration, for a run that is to be continued."""

    def __init__(self, iteration: int) -> None:
        self._iteration = iteration

    def attach(self, trainer: Engine) -> None:
        """Attach to the trainer."""
        stop_behind_iteration(trainer, lambda: trainer.state.iteration >= self._iteration)


def stop_behind_iteration(trainer: Engine, is_wanted: Any) -> None:
    """Terminate when `is_wanted()`; an epoch's last iteration lets the epoch be finished first."""

    def stop_mid_epoch() -> None:
        if is_wanted() and trainer.state.iteration % (trainer.state.epoch_length or 1) != 0:
            trainer.terminate()

    def stop_behind_epoch() -> None:
        if is_wanted():
            trainer.terminate()

    trainer.add_event_handler(Events.ITERATION_COMPLETED, stop_mid_epoch)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, stop_behind_epoch)
