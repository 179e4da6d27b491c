"""SIGINT and SIGTERM finish the step in progress; the trainer then saves and stops."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from ignite.engine import Engine, Events


class StopOnSignal:
    """While it is entered, a signal ends training behind the current iteration.

    A second signal of the same kind acts as it would have without wfctl.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._earlier: dict[signal.Signals, Any] = {}

    def attach(self, trainer: Engine) -> None:
        """Terminate behind the iteration, or behind the epoch when it was the epoch's last."""
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._stop_mid_epoch)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._stop)

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

    def _stop_mid_epoch(self, trainer: Engine) -> None:
        if trainer.state.iteration % (trainer.state.epoch_length or 1) != 0:
            self._stop(trainer)

    def _stop(self, trainer: Engine) -> None:
        if self.received is not None:
            trainer.terminate()
