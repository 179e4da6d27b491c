"""Progress on stderr: a bar on a terminal, else one line an epoch."""

import sys
import time
from collections.abc import Mapping
from typing import Any, cast

from ignite.engine import Engine, Events
from tqdm import tqdm

from ..metrics import MetricValue
from ..step import StepOutput

SECONDS_BETWEEN_UPDATES = 0.2


class Progress:
    """Attach to the trainer; call `epoch` when an epoch's metrics are known.

    The bar is drawn a few times a second, and only then is the loss fetched from the device:
    Ignite's own bar does both at every iteration.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._bar: tqdm[Any] | None = None
        self._next_update_s = 0.0

    def attach(self, trainer: Engine) -> None:
        """Show a bar over the iterations of an epoch when stderr is a terminal."""
        if self._terminal:
            trainer.add_event_handler(Events.ITERATION_COMPLETED, self._advance)

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, MetricValue]) -> None:
        """One line with the metrics of an epoch, in place of its bar."""
        self.close()
        values = "  ".join(
            f"{name} {value:.4f}" for name, value in metrics.items() if isinstance(value, float)
        )
        print(f"epoch {epoch}/{epochs}  {values}", file=sys.stderr, flush=True)  # noqa: T201

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _advance(self, trainer: Engine) -> None:
        state, now_s = trainer.state, time.monotonic()
        length = state.epoch_length or 1
        done = (state.iteration - 1) % length + 1
        if now_s < self._next_update_s and done != length:
            return
        self._next_update_s = now_s + SECONDS_BETWEEN_UPDATES
        if self._bar is None:
            self._bar = tqdm(
                desc=f"epoch {state.epoch}/{state.max_epochs}",
                total=length,
                initial=done,
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
                mininterval=0,
            )
        loss = float(cast(StepOutput, state.output).loss)
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self._bar.update(done - self._bar.n)


def say(message: str) -> None:
    """A message to the user, beside the result on stdout."""
    print(f"wfctl: {message}", file=sys.stderr, flush=True)  # noqa: T201
